//! A process that ends in the middle of a sync, and the one that comes after it.

use crate::lab::{Lab, config};
use serde_json::{Value, json};

const LATER: &str = "argocd.argoproj.io/sync-wave: '1'";

/// Until the first process is dead: it has applied `a` and reported nothing of it.
async fn kill(lab: &Lab) -> Value {
    lab.run_gitops_killed_before_it_reports();
    let began = lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Running").await;
    let clock = &lab.cluster.seams().clock;
    while lab.config("a").await.is_none() {
        clock.sleep(std::time::Duration::from_millis(10)).await;
    }
    clock.sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(lab.status("shop-dev").await, began["status"], "it is dead");
    began
}

#[tokio::test(start_paused = true)]
async fn a_sync_that_was_applied_and_not_reported_is_finished_and_recorded() {
    let lab = Lab::without_gitops().await;
    let sha = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    let began = &kill(&lab).await["status"]["operationState"];
    assert_eq!(began["syncResult"]["revision"], sha.as_str());
    assert_eq!(began["operation"]["initiatedBy"]["automated"], true);

    lab.run_gitops();
    let app = lab.synced("shop-dev", &sha).await;
    let (state, history) = (&app["status"]["operationState"], &app["status"]["history"]);
    assert_eq!(state["startedAt"], began["startedAt"], "it is the same operation");
    assert_eq!(state["syncResult"]["resources"][0]["message"], "configmap/a unchanged");
    assert_eq!(history.as_array().unwrap().len(), 1, "{history}");
    assert_eq!(history[0]["revision"], sha.as_str());
}

#[tokio::test(start_paused = true)]
async fn a_sync_asked_for_is_taken_up_once() {
    let lab = Lab::without_gitops().await;
    let (first, second) = (config("a", "1", ""), config("b", "1", LATER));
    let sha = lab.commit(&[("shop/a.yaml", Some(&first)), ("shop/b.yaml", Some(&second))]).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["syncPolicy"]["automated"] = Value::Null;
    app["operation"] = json!({"sync": {}, "initiatedBy": {"username": "ada"}});
    lab.cluster.apply(&app).await;
    assert!(kill(&lab).await["operation"].is_null());

    lab.run_gitops();
    let app = lab.synced("shop-dev", &sha).await;
    assert_eq!(app["status"]["history"][0]["initiatedBy"]["username"], "ada");
    assert_eq!(app["status"]["history"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_commit_elsewhere_while_nobody_ran_does_not_leave_the_operation_running() {
    let lab = Lab::without_gitops().await;
    lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    kill(&lab).await;
    let later = lab.commit(&[("README.md", Some("x"))]).await;

    lab.run_gitops();
    let app = lab.synced("shop-dev", &later).await;
    assert_eq!(app["status"]["history"].as_array().unwrap().len(), 1);
}
