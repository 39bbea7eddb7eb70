//! Jobs that count by index, fail by policy, stop and expire.

use mainstay_testkit::build;
use serde_json::{Value, json};

use crate::{PODS, number, reason, shop, text};

const JOBS: (&str, &str) = ("batch/v1", "Job");

fn job(annotations: &Value, spec: &Value) -> Value {
    let mut job = build::job("shop", "migrate", 4);
    job["spec"]["template"]["metadata"] = json!({ "annotations": annotations });
    for (key, value) in spec.as_object().unwrap() {
        job["spec"][key] = value.clone();
    }
    job
}

#[tokio::test(start_paused = true)]
async fn an_indexed_job_completes_each_index() {
    let cluster = shop().await;
    cluster.apply(&job(&json!({}), &json!({"completionMode": "Indexed"}))).await;
    cluster.settle().await;
    let done = cluster.get(JOBS, "shop", "migrate").await.unwrap();
    assert_eq!((text(&done, "/status/completedIndexes"), number(&done, "/status/succeeded")), ("0-3", 4));
    let pods = cluster.list(PODS, "shop").await;
    let mut hosts: Vec<&str> = pods.iter().map(|pod| text(pod, "/spec/hostname")).collect();
    hosts.sort_unstable();
    assert_eq!(hosts, ["migrate-0", "migrate-1", "migrate-2", "migrate-3"]);
    let events = cluster.list(("v1", "Event"), "shop").await;
    let created = events.iter().filter(|event| text(event, "/source/component") == "job-controller");
    assert_eq!(created.filter(|event| text(event, "/reason") == "SuccessfulCreate").count(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_index_that_keeps_failing_fails_alone() {
    let cluster = shop().await;
    let annotations = json!({mainstay_simcluster::FAIL: "exit-3", mainstay_simcluster::FAIL_INDEXES: "1"});
    cluster.apply(&job(&annotations, &json!({"completionMode": "Indexed", "backoffLimitPerIndex": 1}))).await;
    cluster.settle().await;
    let failed = cluster.get(JOBS, "shop", "migrate").await.unwrap();
    assert_eq!((text(&failed, "/status/completedIndexes"), text(&failed, "/status/failedIndexes")), ("0,2,3", "1"));
    assert_eq!((reason(&failed, "Failed", "True"), number(&failed, "/status/failed")), (Some("FailedIndexes"), 2));
}

#[tokio::test(start_paused = true)]
async fn a_failure_policy_ends_a_job_at_once() {
    let cluster = shop().await;
    let rules = json!([{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]);
    let spec = json!({"podFailurePolicy": {"rules": rules}});
    cluster.apply(&job(&json!({mainstay_simcluster::FAIL: "exit-42"}), &spec)).await;
    cluster.settle().await;
    let failed = cluster.get(JOBS, "shop", "migrate").await.unwrap();
    assert_eq!(reason(&failed, "Failed", "True"), Some("PodFailurePolicy"));
    let conditions = failed["status"]["conditions"].as_array().unwrap();
    let message = text(conditions.iter().find(|it| text(it, "/type") == "Failed").unwrap(), "/message");
    assert!(message.ends_with("failed with exit code 42 matching FailJob rule at index 0"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_with_pauses_up_to_the_limit() {
    let cluster = shop().await;
    let spec = json!({"backoffLimit": 2, "parallelism": 1, "completions": 1});
    cluster.apply(&job(&json!({mainstay_simcluster::FAIL: "crash-loop"}), &spec)).await;
    cluster.settle().await;
    let failed = cluster.get(JOBS, "shop", "migrate").await.unwrap();
    assert_eq!(
        (reason(&failed, "Failed", "True"), number(&failed, "/status/failed")),
        (Some("BackoffLimitExceeded"), 3)
    );
    let started: jiff::Timestamp = text(&failed, "/status/startTime").parse().unwrap();
    assert!(cluster.seams().clock.now().duration_since(started).as_secs() >= 30, "pauses of 10 and 20 seconds");
}

#[tokio::test(start_paused = true)]
async fn a_suspended_job_starts_when_it_is_resumed_and_a_finished_one_expires() {
    let cluster = shop().await;
    cluster.apply(&job(&json!({}), &json!({"suspend": true}))).await;
    cluster.settle().await;
    let stopped = cluster.get(JOBS, "shop", "migrate").await.unwrap();
    assert_eq!(reason(&stopped, "Suspended", "True"), Some("JobSuspended"));
    assert!(cluster.list(PODS, "shop").await.is_empty());
    cluster.apply(&job(&json!({}), &json!({"suspend": false, "ttlSecondsAfterFinished": 600}))).await;
    cluster.settle().await;
    let done = cluster.get(JOBS, "shop", "migrate").await.unwrap();
    assert_eq!((reason(&done, "Suspended", "False"), number(&done, "/status/succeeded")), (Some("JobResumed"), 4));
    cluster.seams().clock.sleep(std::time::Duration::from_secs(602)).await;
    cluster.settle().await;
    assert!(cluster.get(JOBS, "shop", "migrate").await.is_none());
    assert!(cluster.list(PODS, "shop").await.is_empty());
}
