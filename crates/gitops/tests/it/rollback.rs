use crate::lab::{APPLICATION, Lab, condition, config};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_rollback_holds_under_automated_sync_until_the_pin_is_removed() {
    let lab = Lab::start().await;
    let first = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;
    let second = lab.commit(&[("shop/a.yaml", Some(&config("a", "2", "")))]).await;
    lab.synced("shop-dev", &second).await;

    let api = lab.cluster.api(APPLICATION, "argocd").await;
    let rollback = json!({"operation": {"sync": {"revision": first}, "initiatedBy": {"username": "ada"}}});
    api.merge_patch("test", "shop-dev", None, &rollback).await.unwrap();
    let app = lab.synced("shop-dev", &first).await;
    assert_eq!(app["metadata"]["annotations"]["mainstay.dev/pinned-revision"], first.as_str());
    assert_eq!(app["status"]["history"][2]["initiatedBy"]["username"], "ada");
    lab.cluster.settle().await;
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "1");
    let app = lab.until("shop-dev", |app| condition(app, "PinnedRevisionWarning").is_some()).await;
    assert!(condition(&app, "PinnedRevisionWarning").unwrap().contains("remove annotation"));

    let third = lab.commit(&[("shop/a.yaml", Some(&config("a", "3", "")))]).await;
    lab.cluster.settle().await;
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "1", "the pin holds");
    let unpin = json!({"metadata": {"annotations": {"mainstay.dev/pinned-revision": null}}});
    api.merge_patch("test", "shop-dev", None, &unpin).await.unwrap();
    lab.synced("shop-dev", &third).await;
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "3");
}
