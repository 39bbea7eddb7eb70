//! The other workloads, and the objects that stand beside them.

use mainstay_testkit::build;
use serde_json::json;

use crate::{DEPLOYMENTS, PODS, number, reason, shop, text};

#[tokio::test(start_paused = true)]
async fn a_job_completes() {
    let cluster = shop().await;
    cluster.apply(&build::job("shop", "migrate", 3)).await;
    cluster.settle().await;
    let job = cluster.get(("batch/v1", "Job"), "shop", "migrate").await.unwrap();
    assert_eq!(reason(&job, "Complete", "True"), Some("CompletionsReached"));
    assert_eq!((number(&job, "/status/succeeded"), number(&job, "/status/active")), (3, 0));
    assert!(cluster.list(PODS, "shop").await.iter().all(|pod| text(pod, "/status/phase") == "Succeeded"));
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_raises_its_target_to_the_minimum() {
    let cluster = shop().await;
    let mut web = build::deployment("shop", "web", 1, "registry.example/web:1");
    web["spec"].as_object_mut().unwrap().remove("replicas");
    cluster.apply(&web).await;
    cluster
        .apply(&json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {
                "minReplicas": 3, "maxReplicas": 6,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "metrics": [{"type": "Resource", "resource": {
                    "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}],
            },
        }))
        .await;
    cluster
        .apply(&json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        }))
        .await;
    cluster.settle().await;
    let web = cluster.get(DEPLOYMENTS, "shop", "web").await.unwrap();
    assert_eq!(number(&web, "/status/availableReplicas"), 3);
    let hpa = cluster.get(("autoscaling/v2", "HorizontalPodAutoscaler"), "shop", "web").await.unwrap();
    assert_eq!(number(&hpa, "/status/currentReplicas"), 3);
    assert!(reason(&hpa, "ScalingActive", "True").is_some());
    let budget = cluster.get(("policy/v1", "PodDisruptionBudget"), "shop", "web").await.unwrap();
    assert_eq!(number(&budget, "/status/disruptionsAllowed"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_quota_counts_and_a_claim_is_bound() {
    let cluster = shop().await;
    cluster
        .apply(&json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "shop"},
            "spec": {"hard": {"pods": "10", "services": "5", "count/deployments.apps": "9"}},
        }))
        .await;
    cluster
        .apply(&json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }))
        .await;
    cluster.apply(&build::service("shop", "web")).await;
    cluster.apply(&build::deployment("shop", "web", 2, "registry.example/web:1")).await;
    cluster.settle().await;
    let quota = cluster.get(("v1", "ResourceQuota"), "shop", "q").await.unwrap();
    assert_eq!(quota["status"]["used"], json!({"pods": "2", "services": "1", "count/deployments.apps": "1"}));
    let claim = cluster.get(("v1", "PersistentVolumeClaim"), "shop", "data").await.unwrap();
    assert_eq!((text(&claim, "/status/phase"), text(&claim, "/status/capacity/storage")), ("Bound", "1Gi"));
    let volume = cluster.get(("v1", "PersistentVolume"), "", text(&claim, "/spec/volumeName")).await.unwrap();
    assert_eq!(text(&volume, "/status/phase"), "Bound");
}

#[tokio::test(start_paused = true)]
async fn a_quota_refuses_pods_and_lets_them_in_again() {
    let cluster = shop().await;
    let quota = |pods: &str| {
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "shop"},
               "spec": {"hard": {"pods": pods}}})
    };
    cluster.apply(&quota("1")).await;
    // A quota binds once its status says what is used.
    cluster.settle().await;
    cluster.apply(&build::deployment("shop", "web", 3, "registry.example/web:1")).await;
    cluster.settle().await;
    let web = cluster.get(DEPLOYMENTS, "shop", "web").await.unwrap();
    assert_eq!(reason(&web, "ReplicaFailure", "True"), Some("FailedCreate"));
    let failures = web["status"]["conditions"].as_array().unwrap().iter().map(|condition| text(condition, "/message"));
    let why = "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1";
    assert!(failures.into_iter().any(|message| message.ends_with(why)));
    assert_eq!(cluster.list(PODS, "shop").await.len(), 1);
    cluster.apply(&quota("3")).await;
    let web =
        cluster.eventually(DEPLOYMENTS, ("shop", "web"), |web| number(web, "/status/availableReplicas") == 3).await;
    assert_eq!(reason(&web, "ReplicaFailure", "True"), None);
}

#[tokio::test(start_paused = true)]
async fn a_stateful_set_and_a_daemon_set_get_their_pods() {
    let cluster = shop().await;
    let template = |name: &str| {
        json!({"metadata": {"labels": {"app": name}},
               "spec": {"containers": [{"name": "main", "image": "registry.example/db:1"}]}})
    };
    cluster
        .apply(&json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "shop"},
            "spec": {"replicas": 2, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
                     "template": template("db")},
        }))
        .await;
    cluster
        .apply(&json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": "shop"},
            "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": template("agent")},
        }))
        .await;
    cluster.settle().await;
    let db = cluster.get(("apps/v1", "StatefulSet"), "shop", "db").await.unwrap();
    assert_eq!((number(&db, "/status/readyReplicas"), number(&db, "/status/updatedReplicas")), (2, 2));
    let agent = cluster.get(("apps/v1", "DaemonSet"), "shop", "agent").await.unwrap();
    assert_eq!((number(&agent, "/status/numberReady"), number(&agent, "/status/desiredNumberScheduled")), (3, 3));
    assert!(cluster.get(PODS, "shop", "db-1").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_has_its_account_and_root_certificate() {
    let cluster = shop().await;
    cluster.settle().await;
    assert!(cluster.get(("v1", "ServiceAccount"), "shop", "default").await.is_some());
    let root = cluster.get(("v1", "ConfigMap"), "shop", "kube-root-ca.crt").await.unwrap();
    assert!(text(&root, "/data/ca.crt").starts_with("-----BEGIN CERTIFICATE-----"));
    cluster.apply(&build::deployment("shop", "web", 1, "registry.example/web:1")).await;
    cluster.settle().await;
    cluster.delete(("v1", "Namespace"), "", "shop").await;
    cluster.settle().await;
    assert!(cluster.get(("v1", "Namespace"), "", "shop").await.is_none());
    assert!(cluster.list(PODS, "").await.is_empty());
}
