//! A CronJob makes a Job at each of its times; between them the world is at rest.

use mainstay_testkit::TestCluster;
use serde_json::{Value, json};

use crate::{PODS, number, shop, text};

const CRON_JOBS: (&str, &str) = ("batch/v1", "CronJob");
const JOBS: (&str, &str) = ("batch/v1", "Job");

fn cron_job(schedule: &str, extra: &Value) -> Value {
    let mut cron_job = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "report", "namespace": "shop"},
        "spec": {"schedule": schedule, "jobTemplate": {
            "metadata": {"labels": {"app": "report"}},
            "spec": {"template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.example/report:1"}],
            }}},
        }},
    });
    for (key, value) in extra.as_object().unwrap() {
        cron_job["spec"][key] = value.clone();
    }
    cron_job
}

/// Reasons of the Events about the CronJob.
async fn reasons(cluster: &TestCluster) -> Vec<String> {
    let events = cluster.list(("v1", "Event"), "shop").await;
    let about = events.iter().filter(|event| text(event, "/involvedObject/kind") == "CronJob");
    let mut reasons: Vec<String> = about.map(|event| text(event, "/reason").to_owned()).collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

fn last(cron_job: &Value) -> &str {
    text(cron_job, "/status/lastScheduleTime")
}

#[tokio::test(start_paused = true)]
async fn each_time_has_its_job_and_old_ones_go() {
    let cluster = shop().await;
    cluster.apply(&cron_job("*/5 * * * *", &json!({"successfulJobsHistoryLimit": 2}))).await;
    cluster.settle().await;
    assert!(cluster.list(JOBS, "shop").await.is_empty(), "the first time is yet to come");
    let report = |at: &'static str| move |it: &Value| last(it) == at && it["status"].get("active").is_none();
    let first = cluster.eventually(CRON_JOBS, ("shop", "report"), report("2030-01-01T00:05:00Z")).await;
    assert_eq!(&text(&first, "/status/lastSuccessfulTime")[..16], "2030-01-01T00:05");
    let job = cluster.get(JOBS, "shop", "report-31557605").await.unwrap();
    assert_eq!(number(&job, "/status/succeeded"), 1);
    let scheduled = "/metadata/annotations/batch.kubernetes.io~1cronjob-scheduled-timestamp";
    assert_eq!(text(&job, scheduled), "2030-01-01T00:05:00Z");
    cluster.eventually(CRON_JOBS, ("shop", "report"), report("2030-01-01T00:20:00Z")).await;
    cluster.settle().await;
    let mut names: Vec<String> =
        cluster.list(JOBS, "shop").await.iter().map(|job| text(job, "/metadata/name").to_owned()).collect();
    names.sort();
    assert_eq!(names, ["report-31557615", "report-31557620"]);
    assert_eq!(cluster.list(PODS, "shop").await.len(), 2);
    assert_eq!(reasons(&cluster).await, ["SawCompletedJob", "SuccessfulCreate", "SuccessfulDelete"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_lasts_holds_back_the_next_or_makes_way() {
    for (policy, reason) in [("Forbid", "JobAlreadyActive"), ("Replace", "SuccessfulDelete")] {
        let cluster = shop().await;
        let mut lasting = cron_job("*/5 * * * *", &json!({"concurrencyPolicy": policy}));
        lasting["spec"]["jobTemplate"]["spec"]["template"]["metadata"] =
            json!({"annotations": {mainstay_simcluster::FAIL: "image-pull"}});
        cluster.apply(&lasting).await;
        let started = |it: &Value| !last(it).is_empty();
        cluster.eventually(CRON_JOBS, ("shop", "report"), started).await;
        let told = |event: &Value| text(event, "/reason") == reason;
        while !cluster.list(("v1", "Event"), "shop").await.iter().any(told) {
            cluster.seams().clock.sleep(std::time::Duration::from_secs(30)).await;
        }
        cluster.settle().await;
        let jobs = cluster.list(JOBS, "shop").await;
        assert_eq!(jobs.len(), 1, "{policy}");
        let expected = if policy == "Forbid" { "report-31557605" } else { "report-31557610" };
        assert_eq!(text(&jobs[0], "/metadata/name"), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspended_one_waits_and_goes_on_with_the_last_time_it_missed() {
    let cluster = shop().await;
    cluster.apply(&cron_job("0 * * * *", &json!({"suspend": true, "timeZone": "Europe/Berlin"}))).await;
    cluster.settle().await;
    cluster.seams().clock.sleep(std::time::Duration::from_secs(3 * 3600)).await;
    cluster.settle().await;
    assert!(cluster.list(JOBS, "shop").await.is_empty());
    cluster.apply(&cron_job("0 * * * *", &json!({"suspend": false, "timeZone": "Europe/Berlin"}))).await;
    cluster.settle().await;
    let report = cluster.get(CRON_JOBS, "shop", "report").await.unwrap();
    assert_eq!(last(&report), "2030-01-01T03:00:00Z");
    assert_eq!(cluster.list(JOBS, "shop").await.len(), 1);
}
