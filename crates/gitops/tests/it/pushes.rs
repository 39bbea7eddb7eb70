//! From a push to live objects, and what a push elsewhere costs.

use crate::lab::{Lab, config, resource_version};

#[tokio::test(start_paused = true)]
async fn a_push_is_deployed_and_recorded() {
    let lab = Lab::start().await;
    let first = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    let app = lab.synced("shop-dev", &first).await;
    let status = &app["status"];
    assert_eq!(status["health"]["status"], "Healthy");
    assert_eq!(status["sourceType"], "Directory");
    assert_eq!(status["resources"][0]["kind"], "ConfigMap");
    assert_eq!(status["resources"][0]["status"], "Synced");
    assert_eq!(status["history"][0]["revision"], first.as_str());
    assert_eq!(status["operationState"]["message"], "successfully synced (all tasks run)");
    assert_eq!(status["operationState"]["syncResult"]["resources"][0]["message"], "configmap/a created");
    let live = lab.config("a").await.unwrap();
    assert_eq!(live["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"], "shop-dev:/ConfigMap:shop/a");
    assert_eq!(live["metadata"]["annotations"]["mainstay.dev/thread"], format!("apps@{first}"));

    let second = lab.commit(&[("shop/a.yaml", Some(&config("a", "2", "")))]).await;
    let app = lab.synced("shop-dev", &second).await;
    assert_eq!(app["status"]["history"].as_array().unwrap().len(), 2);
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "2");
    lab.cluster.settle().await;
    assert_eq!(
        lab.events("shop-dev").await,
        ["CommitReceived", "SyncStarted", "SyncSucceeded", "CommitReceived", "SyncStarted", "SyncSucceeded"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_push_elsewhere_and_an_unchanged_object_cost_no_write() {
    let lab = Lab::start().await;
    let files = [("shop/a.yaml", config("a", "1", "")), ("shop/b.yaml", config("b", "1", ""))];
    let first = lab.commit(&[(files[0].0, Some(&files[0].1)), (files[1].0, Some(&files[1].1))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;
    lab.cluster.settle().await;
    let before = lab.cluster.server().snapshot().revision();
    lab.commit(&[("other/x.yaml", Some(&config("x", "1", "")))]).await;
    lab.cluster.settle().await;
    // Within the hour after which Events go.
    tokio::time::sleep(std::time::Duration::from_secs(3000)).await;
    assert_eq!(lab.cluster.server().snapshot().revision(), before, "nothing was written");

    let untouched = resource_version(&lab.config("b").await.unwrap());
    let second = lab.commit(&[("shop/a.yaml", Some(&config("a", "2", "")))]).await;
    lab.synced("shop-dev", &second).await;
    let live = lab.config("b").await.unwrap();
    assert_eq!(resource_version(&live), untouched);
    assert_eq!(live["metadata"]["annotations"]["mainstay.dev/thread"], format!("apps@{first}"));
}

#[tokio::test(start_paused = true)]
async fn a_restart_writes_nothing_and_goes_on() {
    let lab = Lab::start().await;
    let first = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;
    lab.cluster.settle().await;
    let before = lab.cluster.server().snapshot().revision();
    lab.run_gitops();
    lab.cluster.settle().await;
    assert_eq!(lab.cluster.server().snapshot().revision(), before, "a fresh look changes nothing");
    let second = lab.commit(&[("shop/a.yaml", Some(&config("a", "2", "")))]).await;
    lab.synced("shop-dev", &second).await;
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_does_not_exist_is_reported() {
    let lab = Lab::start().await;
    lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["source"]["targetRevision"] = "v1".into();
    lab.cluster.apply(&app).await;
    let app = lab.until("shop-dev", |app| app["status"]["sync"]["status"] == "Unknown").await;
    let error = crate::lab::condition(&app, "ComparisonError").unwrap();
    assert!(error.contains("revision v1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_push_that_nobody_tells_of_is_found_by_the_poll() {
    let lab = Lab::without_gitops().await;
    lab.run_gitops_that_is_told_nothing();
    let first = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;
    let second = lab.commit(&[("shop/a.yaml", Some(&config("a", "2", "")))]).await;
    let start = tokio::time::Instant::now();
    lab.synced("shop-dev", &second).await;
    assert!(start.elapsed().as_secs() <= 121, "{:?}", start.elapsed());
}
