//! Going back under automated sync.

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

#[tokio::test(start_paused = true)]
async fn an_operation_that_cannot_be_done_ends_and_the_application_goes_on() {
    let lab = Lab::start().await;
    let first = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;
    let api = lab.cluster.api(APPLICATION, "argocd").await;
    let nowhere = json!({"operation": {"sync": {"revision": "no-such-branch"}, "initiatedBy": {"username": "ada"}}});
    api.merge_patch("test", "shop-dev", None, &nowhere).await.unwrap();
    let app = lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Error").await;
    assert!(app["operation"].is_null());
    let message = app["status"]["operationState"]["message"].as_str().unwrap();
    assert!(message.contains("no-such-branch"), "{message}");
    lab.until("shop-dev", |app| {
        app["status"]["sync"]["status"] == "Synced" && condition(app, "ComparisonError").is_none()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sync_can_be_asked_for_in_part_as_a_dry_run_and_be_ended() {
    let lab = Lab::start().await;
    let files = [config("a", "1", ""), config("b", "1", "argocd.argoproj.io/sync-wave: '1'")];
    lab.commit(&[("shop/a.yaml", Some(&files[0])), ("shop/b.yaml", Some(&files[1]))]).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["syncPolicy"]["automated"] = json!(null);
    lab.cluster.apply(&app).await;
    lab.until("shop-dev", |app| app["status"]["sync"]["status"] == "OutOfSync").await;
    let api = lab.cluster.api(APPLICATION, "argocd").await;
    let ask = |sync: serde_json::Value| json!({"operation": {"sync": sync}});
    api.merge_patch("test", "shop-dev", None, &ask(json!({"dryRun": true}))).await.unwrap();
    lab.until("shop-dev", |app| app["status"]["operationState"]["message"] == "dry run: 2 waves would be run").await;
    assert!(lab.config("a").await.is_none());
    api.merge_patch("test", "shop-dev", None, &ask(json!({"resources": [{"kind": "ConfigMap", "name": "b"}]})))
        .await
        .unwrap();
    let app = lab
        .until("shop-dev", |app| {
            app["status"]["operationState"]["phase"] == "Succeeded"
                && app["status"]["operationState"]["operation"]["sync"]["dryRun"].is_null()
        })
        .await;
    assert!(lab.config("a").await.is_none() && lab.config("b").await.is_some());
    assert!(app["status"]["history"].is_null(), "a sync in part is no deployment of a revision");
    let ended = json!({"status": {"operationState": {"phase": "Terminating"}}});
    api.merge_patch("test", "shop-dev", None, &ended).await.unwrap();
    lab.until("shop-dev", |app| app["status"]["operationState"]["message"] == "operation terminated").await;
}
