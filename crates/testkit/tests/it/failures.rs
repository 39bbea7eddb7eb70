//! Failures asked for by annotation show as they would on a real cluster.

use mainstay_testkit::build;

use crate::{DEPLOYMENTS, PODS, number, reason, shop, text};

const WAITING: &str = "/status/containerStatuses/0/state/waiting/reason";

#[tokio::test(start_paused = true)]
async fn a_crash_loop_is_shown_and_comes_to_rest() {
    let cluster = shop().await;
    cluster.apply(&build::failing_deployment("shop", "web", "crash-loop")).await;
    cluster.settle().await;
    let pod = cluster.list(PODS, "shop").await.remove(0);
    assert_eq!(text(&pod, WAITING), "CrashLoopBackOff");
    assert_eq!(number(&pod, "/status/containerStatuses/0/restartCount"), 5);
    assert_eq!(number(&pod, "/status/containerStatuses/0/lastState/terminated/exitCode"), 1);
    let web = cluster.get(DEPLOYMENTS, "shop", "web").await.unwrap();
    assert_eq!(reason(&web, "Available", "False"), Some("MinimumReplicasUnavailable"));
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_pulled_is_shown() {
    let cluster = shop().await;
    cluster.apply(&build::failing_deployment("shop", "web", "image-pull")).await;
    cluster.settle().await;
    let pod = cluster.list(PODS, "shop").await.remove(0);
    assert_eq!((text(&pod, "/status/phase"), text(&pod, WAITING)), ("Pending", "ImagePullBackOff"));
    let events = cluster.list(("v1", "Event"), "shop").await;
    assert!(events.iter().any(|event| text(event, "/message").contains("failed to pull image")));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_never_ready_misses_the_deadline() {
    let cluster = shop().await;
    cluster.apply(&build::failing_deployment("shop", "web", "never-ready")).await;
    let web =
        cluster.eventually(DEPLOYMENTS, ("shop", "web"), |web| reason(web, "Progressing", "False").is_some()).await;
    assert_eq!(reason(&web, "Progressing", "False"), Some("ProgressDeadlineExceeded"));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_fits_no_node_is_told_so() {
    let cluster = shop().await;
    let mut web = build::deployment("shop", "web", 1, "registry.example/web:1");
    web["spec"]["template"]["spec"]["nodeSelector"] = serde_json::json!({"disk": "ssd"});
    cluster.apply(&web).await;
    cluster.settle().await;
    let pod = cluster.list(PODS, "shop").await.remove(0);
    assert_eq!(reason(&pod, "PodScheduled", "False"), Some("Unschedulable"));
}
