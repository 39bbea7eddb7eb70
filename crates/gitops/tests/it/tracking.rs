//! How resources tell whose they are, and Applications of other namespaces than GitOps' own.

use crate::lab::{APPLICATION, CONFIG_MAP, Lab, condition, config};
use mainstay_testkit::build;
use serde_json::{Value, json};

fn settings(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "argocd"}, "data": data})
}

#[tokio::test(start_paused = true)]
async fn resources_can_be_tracked_by_label_and_are_pruned_by_it() {
    let lab = Lab::without_gitops().await;
    lab.cluster.apply(&settings("argocd-cm", json!({"application.resourceTrackingMethod": "label"}))).await;
    lab.run_gitops();
    let files = [config("a", "1", ""), config("b", "1", "")];
    let first = lab.commit(&[("shop/a.yaml", Some(&files[0])), ("shop/b.yaml", Some(&files[1]))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;
    let live = lab.config("a").await.unwrap();
    assert_eq!(live["metadata"]["labels"]["app.kubernetes.io/instance"], "shop-dev");
    assert!(live["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"].is_null());

    let second = lab.commit(&[("shop/b.yaml", None)]).await;
    lab.synced("shop-dev", &second).await;
    assert!(lab.config("b").await.is_none());

    lab.cluster.apply(&settings("argocd-cm", json!({"application.resourceTrackingMethod": "annotation+label"}))).await;
    lab.cluster.settle().await;
    let live = lab.config("a").await.unwrap();
    assert!(live["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"].is_string());
    let status = lab.status("shop-dev").await;
    assert_eq!(status["sync"]["status"], "Synced", "what was tracked by label is taken over: {status:#}");
}

#[tokio::test(start_paused = true)]
async fn applications_of_other_namespaces_are_deployed_where_that_is_allowed() {
    let lab = Lab::start().await;
    let sha = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    lab.cluster.apply(&build::namespace("team-a")).await;
    let mut app = lab.app("shop-dev", "shop");
    app["metadata"]["namespace"] = json!("team-a");
    app["spec"]["project"] = json!("team");
    app["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    lab.cluster.apply(&app).await;
    let project = |namespaces: Value| {
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "team", "namespace": "argocd"},
            "spec": {"sourceRepos": ["*"], "destinations": [{"name": "*", "namespace": "*"}], "sourceNamespaces": namespaces,
                "clusterResourceWhitelist": [{"group": "*", "kind": "*"}]}})
    };
    lab.cluster.apply(&project(json!([]))).await;
    lab.cluster.settle().await;
    let get = async || lab.cluster.get(APPLICATION, "team-a", "shop-dev").await.unwrap();
    assert!(get().await["status"].is_null(), "nobody looks at other namespaces unless told to");

    lab.cluster.apply(&settings("argocd-cmd-params-cm", json!({"application.namespaces": "team-*, other"}))).await;
    lab.cluster.settle().await;
    let refused = get().await;
    let said = condition(&refused, "InvalidSpecError").unwrap();
    assert!(said.contains("'shop-dev' in namespace 'team-a' is not permitted to use project 'team'"), "{said}");

    lab.cluster.apply(&project(json!(["team-a"]))).await;
    lab.cluster.settle().await;
    let status = get().await["status"].clone();
    assert_eq!((&status["sync"]["status"], &status["sync"]["revision"]), (&json!("Synced"), &json!(sha)));
    assert_eq!(status["controllerNamespace"], "argocd");
    let live = lab.config("a").await.unwrap();
    let id = &live["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"];
    assert_eq!(id, "team-a_shop-dev:/ConfigMap:shop/a");

    let drift = json!({"data": {"value": "drifted"}});
    lab.member(CONFIG_MAP, "shop").await.merge_patch("somebody", "a", None, &drift).await.unwrap();
    lab.cluster.settle().await;
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "1", "its changes wake it");

    lab.cluster.delete(APPLICATION, "team-a", "shop-dev").await;
    lab.cluster.settle().await;
    assert!(lab.config("a").await.is_none());
}
