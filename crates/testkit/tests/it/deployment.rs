//! A Deployment becomes available, and an update never breaks its bounds.

use std::sync::{Arc, Mutex};

use mainstay_testkit::{CLUSTER, build};
use serde_json::json;

use crate::{DEPLOYMENTS, PODS, number, reason, shop, text};

#[tokio::test(start_paused = true)]
async fn a_deployment_becomes_available() {
    let cluster = shop().await;
    cluster.apply(&build::deployment("shop", "web", 2, "registry.example/web:1")).await;
    let web =
        cluster.eventually(DEPLOYMENTS, ("shop", "web"), |web| number(web, "/status/availableReplicas") == 2).await;
    assert_eq!(reason(&web, "Available", "True"), Some("MinimumReplicasAvailable"));
    cluster.settle().await;
    let web = cluster.get(DEPLOYMENTS, "shop", "web").await.unwrap();
    assert_eq!(reason(&web, "Progressing", "True"), Some("NewReplicaSetAvailable"));
    assert_eq!(number(&web, "/status/observedGeneration"), number(&web, "/metadata/generation"));
    let pods = cluster.list(PODS, "shop").await;
    assert_eq!(pods.len(), 2);
    for pod in &pods {
        assert_eq!((text(pod, "/status/phase"), reason(pod, "Ready", "True")), ("Running", Some("")));
        assert!(text(pod, "/spec/nodeName").starts_with("dev-node-"));
        assert_eq!(text(pod, "/metadata/annotations/mainstay.dev~1simulated"), "true");
    }
    assert_ne!(text(&pods[0], "/spec/nodeName"), text(&pods[1], "/spec/nodeName"));
    assert_ne!(text(&pods[0], "/status/podIP"), text(&pods[1], "/status/podIP"));
}

#[tokio::test(start_paused = true)]
async fn a_rolling_update_keeps_its_bounds() {
    let cluster = shop().await;
    let mut web = build::deployment("shop", "web", 4, "registry.example/web:1");
    web["spec"]["strategy"] = json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}});
    web["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] =
        json!({"httpGet": {"path": "/", "port": 8080}, "initialDelaySeconds": 3});
    cluster.apply(&web).await;
    cluster.eventually(DEPLOYMENTS, ("shop", "web"), |web| number(web, "/status/availableReplicas") == 4).await;

    let extremes = watch_pods(&cluster).await;
    web["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example/web:2");
    cluster.apply(&web).await;
    cluster.settle().await;

    let web = cluster.get(DEPLOYMENTS, "shop", "web").await.unwrap();
    assert_eq!(number(&web, "/status/updatedReplicas"), 4);
    assert_eq!(text(&web, "/metadata/annotations/deployment.kubernetes.io~1revision"), "2");
    let pods = cluster.list(PODS, "shop").await;
    assert!(pods.iter().all(|pod| text(pod, "/spec/containers/0/image").ends_with(":2")));
    let (fewest_ready, most) = *extremes.lock().unwrap();
    assert!(fewest_ready >= 3 && most <= 5, "at least {fewest_ready} ready, at most {most} pods");
    assert!(most == 5, "the update surged");
}

/// Fewest ready and most living pods seen in `shop` from now on.
async fn watch_pods(cluster: &mainstay_testkit::TestCluster) -> Arc<Mutex<(usize, usize)>> {
    let extremes = Arc::new(Mutex::new((usize::MAX, 0)));
    let informer = cluster.admin(CLUSTER).informers.informer(&cluster.resource(PODS).await);
    informer.synced().await;
    let (cache, seen) = (informer.clone(), Arc::clone(&extremes));
    informer.add_handler(move |_| {
        let pods = cache.list_namespace("shop");
        let living: Vec<_> = pods.iter().filter(|pod| pod.pointer("/metadata/deletionTimestamp").is_none()).collect();
        let ready = living.iter().filter(|pod| reason(pod, "Ready", "True").is_some()).count();
        let mut seen = seen.lock().unwrap();
        *seen = (seen.0.min(ready), seen.1.max(living.len()));
    });
    extremes
}

#[tokio::test(start_paused = true)]
async fn scaling_down_and_deleting_leave_nothing() {
    let cluster = shop().await;
    let mut web = build::deployment("shop", "web", 3, "registry.example/web:1");
    cluster.apply(&web).await;
    cluster.settle().await;
    web["spec"]["replicas"] = json!(1);
    cluster.apply(&web).await;
    cluster.settle().await;
    assert_eq!(cluster.list(PODS, "shop").await.len(), 1);
    cluster.delete(DEPLOYMENTS, "shop", "web").await;
    cluster.settle().await;
    assert_eq!(cluster.list(PODS, "shop").await.len(), 0);
    assert_eq!(cluster.list(("apps/v1", "ReplicaSet"), "shop").await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_causal_thread_reaches_the_pods() {
    let cluster = shop().await;
    let mut web = build::deployment("shop", "web", 1, "registry.example/web:1");
    web["metadata"]["annotations"] = json!({"mainstay.dev/thread": "apps@0123456"});
    cluster.apply(&web).await;
    cluster.settle().await;
    let pod = cluster.list(PODS, "shop").await.remove(0);
    assert_eq!(text(&pod, "/metadata/annotations/mainstay.dev~1thread"), "apps@0123456");
    let events = cluster.list(("v1", "Event"), "shop").await;
    let of_pod: Vec<&str> = events
        .iter()
        .filter(|event| text(event, "/involvedObject/kind") == "Pod")
        .map(|event| text(event, "/reason"))
        .collect();
    for wanted in ["Scheduled", "Pulled", "Created", "Started"] {
        assert!(of_pod.contains(&wanted), "{wanted} is not among {of_pod:?}");
    }
    let threaded =
        events.iter().filter(|event| text(event, "/metadata/annotations/mainstay.dev~1thread") == "apps@0123456");
    assert!(threaded.count() >= 5);
}

#[tokio::test(start_paused = true)]
async fn a_settled_world_writes_nothing() {
    let cluster = shop().await;
    cluster.apply(&build::service("shop", "web")).await;
    cluster.apply(&build::deployment("shop", "web", 2, "registry.example/web:1")).await;
    cluster.settle().await;
    // Events go an hour after their last write; from then on there is nothing to do.
    tokio::time::sleep(std::time::Duration::from_secs(2 * 3600)).await;
    let rest = cluster.server().snapshot().revision();
    tokio::time::sleep(std::time::Duration::from_secs(24 * 3600)).await;
    assert_eq!(cluster.server().snapshot().revision(), rest);
}
