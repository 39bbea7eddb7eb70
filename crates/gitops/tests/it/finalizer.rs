//! Deleting an application, with and without its resources.

use crate::lab::{APPLICATION, Lab, config};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn resources_go_before_the_application_in_reverse_waves() {
    let lab = Lab::start().await;
    let late = config("late", "1", "argocd.argoproj.io/sync-wave: '5'");
    let kept = config("kept", "1", "argocd.argoproj.io/sync-options: Delete=false");
    let sha = lab
        .commit(&[
            ("shop/a.yaml", Some(&config("a", "1", ""))),
            ("shop/late.yaml", Some(&late)),
            ("shop/kept.yaml", Some(&kept)),
        ])
        .await;
    let mut app = lab.app("shop-dev", "shop");
    app["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    lab.cluster.apply(&app).await;
    lab.synced("shop-dev", &sha).await;
    // The last wave holds the others up while it is not gone.
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    lab.member(("v1", "ConfigMap"), "shop").await.merge_patch("test", "late", None, &hold).await.unwrap();
    lab.cluster.settle().await;
    lab.cluster.delete(APPLICATION, "argocd", "shop-dev").await;
    lab.cluster.settle().await;
    assert!(lab.config("late").await.unwrap()["metadata"]["deletionTimestamp"].is_string());
    assert!(lab.config("a").await.is_some());

    let release = json!({"metadata": {"finalizers": null}});
    lab.member(("v1", "ConfigMap"), "shop").await.merge_patch("test", "late", None, &release).await.unwrap();
    lab.cluster.settle().await;
    assert!(lab.config("late").await.is_none() && lab.config("a").await.is_none());
    assert!(lab.config("kept").await.is_some());
    assert!(lab.cluster.get(APPLICATION, "argocd", "shop-dev").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn without_the_finalizer_resources_stay() {
    let lab = Lab::start().await;
    let sha = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &sha).await;
    lab.cluster.delete(APPLICATION, "argocd", "shop-dev").await;
    lab.cluster.settle().await;
    assert!(lab.config("a").await.is_some());
}
