//! Sets over clusters: the contract of the gitops bridge.

use crate::lab::Lab;
use serde_json::{Value, json};

fn template() -> Value {
    json!({
        "metadata": {"name": "metrics-{{name}}"},
        "spec": {
            "project": "default",
            "source": {
                "repoURL": "{{metadata.annotations.addons_repo_url}}", "path": "{{metadata.annotations.addons_repo_path}}",
                "targetRevision": "{{values.revision}}",
            },
            "destination": {"server": "{{server}}", "namespace": "monitoring"},
        },
    })
}

#[tokio::test(start_paused = true)]
async fn labels_of_clusters_turn_add_ons_on_and_annotations_tell_where_they_are() {
    let lab = Lab::start().await;
    let notes = json!({"addons_repo_url": "https://git/addons", "addons_repo_path": "metrics"});
    lab.member("dev", json!({"enable_metrics": "true"}), notes.clone()).await;
    lab.member("prod", json!({}), notes.clone()).await;
    let generators = json!([{"clusters": {
        "selector": {"matchLabels": {"enable_metrics": "true"}}, "values": {"revision": "main"},
    }}]);
    lab.set(generators, template(), json!({})).await;
    lab.has(&["metrics-dev"]).await;
    let app = lab.app("metrics-dev").await;
    assert_eq!(app["spec"]["source"]["repoURL"], "https://git/addons");
    assert_eq!(app["spec"]["destination"]["server"], "https://dev");
    assert_eq!(app["spec"]["source"]["targetRevision"], "main");
    lab.member("prod", json!({"enable_metrics": "true"}), notes).await;
    lab.has(&["metrics-dev", "metrics-prod"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_supported_is_said_and_changes_nothing() {
    let lab = Lab::start().await;
    lab.set(json!([{"list": {"elements": [{"name": "a"}]}}]), template(), json!({"goTemplate": true})).await;
    lab.says("ErrorOccurred", "goTemplate is not supported yet").await;
    lab.set(json!([{"pullRequest": {"github": {}}}]), template(), json!({"goTemplate": false})).await;
    lab.says("ErrorOccurred", "pullRequest is not supported yet").await;
    assert!(lab.names().await.is_empty());
}
