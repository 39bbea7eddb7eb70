//! What nobody deploys in an application's namespace.

use crate::lab::{CONFIG_MAP, Lab, condition, config};
use serde_json::{Value, json};

fn project(lab: &Lab, orphaned: Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {"sourceRepos": [lab.url], "destinations": [{"name": "dev", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}], "orphanedResources": orphaned},
    })
}

fn stray(name: &str, owner: Option<&str>) -> Value {
    let owners: Vec<Value> = owner
        .map(|uid| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}))
        .into_iter()
        .collect();
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "shop", "ownerReferences": owners}})
}

#[tokio::test(start_paused = true)]
async fn strangers_in_the_namespace_are_told_of_as_they_come_and_go() {
    let lab = Lab::start().await;
    let sha = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    lab.cluster
        .apply(&project(&lab, json!({"warn": true, "ignore": [{"kind": "ConfigMap", "name": "known-*"}]})))
        .await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["project"] = json!("shop");
    lab.cluster.apply(&app).await;
    let app = lab.synced("shop-dev", &sha).await;
    assert_eq!(condition(&app, "OrphanedResourceWarning"), None);

    let api = lab.member(CONFIG_MAP, "shop").await;
    let made = api.create("somebody", &stray("stray", None)).await.unwrap();
    api.create("somebody", &stray("known-one", None)).await.unwrap();
    let uid = made["metadata"]["uid"].as_str().unwrap();
    api.create("somebody", &stray("child", Some(uid))).await.unwrap();
    let app = lab.until("shop-dev", |app| condition(app, "OrphanedResourceWarning").is_some()).await;
    let said = "Application has 1 orphaned resources\nConfigMap/shop/stray";
    assert_eq!(condition(&app, "OrphanedResourceWarning"), Some(said));
    assert_eq!(app["status"]["sync"]["status"], "Synced", "a warning is all there is");

    lab.delete_in_member(CONFIG_MAP, "shop", "child").await;
    lab.delete_in_member(CONFIG_MAP, "shop", "stray").await;
    lab.until("shop-dev", |app| condition(app, "OrphanedResourceWarning").is_none()).await;

    api.create("somebody", &stray("again", None)).await.unwrap();
    lab.until("shop-dev", |app| condition(app, "OrphanedResourceWarning").is_some()).await;
    lab.cluster.apply(&project(&lab, json!({}))).await;
    lab.until("shop-dev", |app| condition(app, "OrphanedResourceWarning").is_none()).await;
}
