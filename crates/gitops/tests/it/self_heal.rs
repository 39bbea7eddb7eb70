//! Changes made to live objects by others.

use crate::lab::{Lab, config};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn drift_is_undone_with_growing_delays_and_no_history() {
    let lab = Lab::start().await;
    let first = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;
    let start = tokio::time::Instant::now();
    for _ in 0..3 {
        let drift = json!({"data": {"value": "drifted"}});
        lab.member(("v1", "ConfigMap"), "shop").await.merge_patch("somebody", "a", None, &drift).await.unwrap();
        lab.cluster.settle().await;
        assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "1");
    }
    let waited = start.elapsed().as_secs();
    assert!((7..=11).contains(&waited), "0 + 2 + 6 s of backoff, not {waited}");
    let status = lab.status("shop-dev").await;
    assert_eq!(status["history"].as_array().unwrap().len(), 1);
    assert_eq!(status["sync"]["status"], "Synced");

    lab.delete_in_member(("v1", "ConfigMap"), "shop", "a").await;
    lab.cluster.settle().await;
    assert!(lab.config("a").await.is_some(), "what was deleted is back");
}

#[tokio::test(start_paused = true)]
async fn without_self_heal_drift_is_shown() {
    let lab = Lab::start().await;
    let first = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["syncPolicy"]["automated"] = json!({"prune": true});
    lab.cluster.apply(&app).await;
    lab.synced("shop-dev", &first).await;
    let drift = json!({"data": {"value": "drifted"}});
    lab.member(("v1", "ConfigMap"), "shop").await.merge_patch("somebody", "a", None, &drift).await.unwrap();
    lab.until("shop-dev", |app| app["status"]["sync"]["status"] == "OutOfSync").await;
    lab.cluster.settle().await;
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "drifted");
}
