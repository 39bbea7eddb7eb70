//! The namespace of the destination.

use crate::lab::{Lab, condition, config};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn the_destination_namespace_is_made_with_its_metadata() {
    let lab = Lab::start().await;
    let sha = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["syncPolicy"]["managedNamespaceMetadata"] = json!({"labels": {"team": "shop"}});
    lab.cluster.apply(&app).await;
    lab.synced("shop-dev", &sha).await;
    let namespace = lab.member(("v1", "Namespace"), "").await.get("shop").await.unwrap().unwrap();
    assert_eq!(namespace["metadata"]["labels"]["team"], "shop");
}

#[tokio::test(start_paused = true)]
async fn without_the_option_the_missing_namespace_is_reported() {
    let lab = Lab::start().await;
    lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["syncPolicy"]["syncOptions"] = json!([]);
    lab.cluster.apply(&app).await;
    let app = lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Failed").await;
    let error = condition(&app, "SyncError").unwrap();
    assert!(error.contains("namespaces \"shop\" not found"), "{error}");
    assert_eq!(app["status"]["operationState"]["retryCount"], 5);
    assert_eq!(lab.events("shop-dev").await.last().unwrap(), "SyncFailed");
}
