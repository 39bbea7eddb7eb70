//! Nodes that fail, are drained or are full, and who has to leave them.

use mainstay_testkit::{TestCluster, build};
use serde_json::{Value, json};

use crate::{DEPLOYMENTS, PODS, number, reason, shop, text};

const NODES: (&str, &str) = ("v1", "Node");
const FIRST: &str = "dev-node-1";

async fn annotate(cluster: &TestCluster, node: &str, key: &str, value: Value) {
    let patch = json!({"metadata": {"annotations": {key: value}}});
    cluster.api(NODES, "").await.merge_patch("testkit", node, None, &patch).await.unwrap();
}

fn keys(node: &Value) -> Vec<(&str, &str)> {
    let taints = node.pointer("/spec/taints").and_then(Value::as_array);
    taints.into_iter().flatten().map(|taint| (text(taint, "/key"), text(taint, "/effect"))).collect()
}

/// Names of the pods on a node that are not being deleted.
async fn on(cluster: &TestCluster, node: &str) -> Vec<String> {
    let pods = cluster.list(PODS, "shop").await;
    let here = pods.iter().filter(|pod| text(pod, "/spec/nodeName") == node);
    here.filter(|pod| pod["metadata"].get("deletionTimestamp").is_none())
        .map(|pod| text(pod, "/metadata/name").to_owned())
        .collect()
}

async fn told(cluster: &TestCluster, namespace: &str, reason: &str) -> Option<String> {
    let events = cluster.list(("v1", "Event"), namespace).await;
    events.iter().find(|event| text(event, "/reason") == reason).map(|event| text(event, "/message").to_owned())
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_silent_node_move_away_after_their_toleration_and_it_comes_back() {
    let cluster = shop().await;
    cluster.apply(&build::deployment("shop", "web", 3, "registry.example/web:1")).await;
    cluster.settle().await;
    assert_eq!(on(&cluster, FIRST).await.len(), 1);
    let silent_at = cluster.seams().clock.now();
    annotate(&cluster, FIRST, mainstay_simcluster::FAIL, json!("node")).await;
    let unknown = cluster.eventually(NODES, ("", FIRST), |node| reason(node, "Ready", "Unknown").is_some()).await;
    assert_eq!(reason(&unknown, "Ready", "Unknown"), Some("NodeStatusUnknown"));
    assert_eq!(cluster.seams().clock.now().duration_since(silent_at).as_secs(), 50);
    cluster.settle().await;
    let waited = cluster.seams().clock.now().duration_since(silent_at).as_secs();
    assert!((345..360).contains(&waited), "the toleration of 300 s was heeded: {waited}");
    let node = cluster.get(NODES, "", FIRST).await.unwrap();
    let unreachable = "node.kubernetes.io/unreachable";
    assert_eq!(keys(&node), [(unreachable, "NoSchedule"), (unreachable, "NoExecute")]);
    assert!(on(&cluster, FIRST).await.is_empty());
    let web = cluster.get(DEPLOYMENTS, "shop", "web").await.unwrap();
    assert_eq!(number(&web, "/status/availableReplicas"), 3);
    assert_eq!(cluster.list(PODS, "shop").await.len(), 4, "nobody ends the pod of a silent node");
    assert!(
        told(&cluster, "shop", "TaintManagerEviction").await.unwrap().starts_with("Marking for deletion Pod shop/web-")
    );
    assert_eq!(told(&cluster, "default", "NodeNotReady").await.unwrap(), "Node dev-node-1 status is now: NodeNotReady");
    let rest = cluster.server().snapshot().revision();
    // Within the hour after which Events go.
    cluster.seams().clock.sleep(std::time::Duration::from_secs(3000)).await;
    assert_eq!(cluster.server().snapshot().revision(), rest, "heartbeats do not keep the world awake");

    annotate(&cluster, FIRST, mainstay_simcluster::FAIL, Value::Null).await;
    cluster.settle().await;
    let node = cluster.get(NODES, "", FIRST).await.unwrap();
    assert!(keys(&node).is_empty() && reason(&node, "Ready", "True").is_some());
    assert_eq!(cluster.list(PODS, "shop").await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_cordoned_node_takes_no_pods_and_eviction_respects_what_the_budget_tells() {
    let cluster = shop().await;
    let cordon = json!({"spec": {"unschedulable": true}});
    cluster.api(NODES, "").await.merge_patch("testkit", FIRST, None, &cordon).await.unwrap();
    cluster.settle().await;
    let node = cluster.get(NODES, "", FIRST).await.unwrap();
    assert_eq!(keys(&node), [("node.kubernetes.io/unschedulable", "NoSchedule")]);
    cluster.apply(&build::deployment("shop", "web", 4, "registry.example/web:1")).await;
    cluster
        .apply(&json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}},
        }))
        .await;
    cluster.settle().await;
    assert!(on(&cluster, FIRST).await.is_empty());
    let budget = cluster.get(("policy/v1", "PodDisruptionBudget"), "shop", "web").await.unwrap();
    assert_eq!((number(&budget, "/status/disruptionsAllowed"), number(&budget, "/status/expectedPods")), (1, 4));
}

#[tokio::test(start_paused = true)]
async fn requests_are_held_against_what_a_node_has_and_the_important_go_first() {
    let cluster = shop().await;
    for number in 1..=3 {
        annotate(&cluster, &format!("dev-node-{number}"), mainstay_simcluster::CAPACITY, json!("cpu=2,memory=4Gi"))
            .await;
    }
    cluster.settle().await;
    let asking = |name: &str, replicas: u32, class: &str| {
        let mut web = build::deployment("shop", name, replicas, "registry.example/web:1");
        let spec = &mut web["spec"]["template"]["spec"];
        spec["containers"][0]["resources"] = json!({"requests": {"cpu": "1500m", "memory": "64Mi"}});
        if !class.is_empty() {
            spec["priorityClassName"] = json!(class);
        }
        web
    };
    cluster.apply(&asking("web", 4, "")).await;
    cluster.settle().await;
    let web = cluster.get(DEPLOYMENTS, "shop", "web").await.unwrap();
    assert_eq!(number(&web, "/status/availableReplicas"), 3);
    let why = told(&cluster, "shop", "FailedScheduling").await.unwrap();
    assert!(why.starts_with("0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes"), "{why}");
    let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"name": "vital"}, "value": 1000});
    cluster.apply(&class).await;
    cluster.settle().await;
    cluster.apply(&asking("vital", 1, "vital")).await;
    cluster.settle().await;
    let vital = cluster.get(DEPLOYMENTS, "shop", "vital").await.unwrap();
    assert_eq!(number(&vital, "/status/availableReplicas"), 1);
    let web = cluster.get(DEPLOYMENTS, "shop", "web").await.unwrap();
    assert_eq!(number(&web, "/status/availableReplicas"), 2);
    assert!(told(&cluster, "shop", "Preempted").await.unwrap().contains(" on node dev-node-"));
}

#[tokio::test(start_paused = true)]
async fn pods_that_keep_apart_are_on_different_nodes() {
    let cluster = shop().await;
    let mut web = build::deployment("shop", "web", 4, "registry.example/web:1");
    web["spec"]["template"]["spec"]["affinity"] = json!({"podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [{
            "topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}]}});
    cluster.apply(&web).await;
    cluster.settle().await;
    for number in 1..=3 {
        assert_eq!(on(&cluster, &format!("dev-node-{number}")).await.len(), 1);
    }
    let why = told(&cluster, "shop", "FailedScheduling").await.unwrap();
    assert!(why.contains("3 node(s) didn't match pod anti-affinity rules"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_claim_in_use_stays_until_its_pod_has_gone() {
    let cluster = shop().await;
    cluster
        .apply_yaml(
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: shop}\nspec:\n  \
             accessModes: [ReadWriteOnce]\n  resources: {requests: {storage: 1Gi}}\n---\napiVersion: v1\nkind: Pod\n\
             metadata: {name: user, namespace: shop}\nspec:\n  containers: [{name: main, image: 'db:1'}]\n  volumes: \
             [{name: data, persistentVolumeClaim: {claimName: data}}]\n",
        )
        .await;
    cluster.settle().await;
    let claims = ("v1", "PersistentVolumeClaim");
    cluster.delete(claims, "shop", "data").await;
    cluster.settle().await;
    let claim = cluster.get(claims, "shop", "data").await.unwrap();
    assert_eq!(claim["metadata"]["finalizers"], json!(["kubernetes.io/pvc-protection"]));
    cluster.delete(PODS, "shop", "user").await;
    cluster.settle().await;
    assert!(cluster.get(claims, "shop", "data").await.is_none());
    assert!(cluster.list(("v1", "PersistentVolume"), "").await.is_empty());
}
