//! What the controllers do follows from what is there: stopped anywhere, started again, on any clock, they end alike.

use std::time::Duration;

use mainstay_apimachinery::health;
use mainstay_apiserver::Identity;
use mainstay_controller_runtime::context::Seams;
use mainstay_controller_runtime::{CancellationToken, IdleProbe};
use mainstay_simcluster::{LocalAuthority, Options};
use mainstay_testkit::{CLUSTER, TestCluster, build};
use serde_json::json;

use crate::{DEPLOYMENTS, PODS, number, reason, shop};

/// Starts the controllers; cancelling what is answered stops them.
fn start_controllers(cluster: &TestCluster) -> (CancellationToken, IdleProbe) {
    let seams = Seams { probe: IdleProbe::new(), shutdown: CancellationToken::new(), ..cluster.seams().clone() };
    let client = cluster.server().client(CLUSTER, Identity::controller("simcluster"));
    let context = mainstay_controller_runtime::Context::new(CLUSTER, client, seams.clone());
    let authority = LocalAuthority::generate("test", seams.clock.now()).unwrap();
    mainstay_simcluster::run(context, Options::new(std::sync::Arc::new(authority)));
    (seams.shutdown, seams.probe)
}

#[tokio::test(start_paused = true)]
async fn stopping_the_controllers_anywhere_changes_nothing_in_the_end() {
    for stop_after_ms in [0, 1, 100, 410, 620, 900, 2000] {
        let cluster = TestCluster::start().await;
        cluster.apply(&build::namespace("shop")).await;
        let (stop, _) = start_controllers(&cluster);
        cluster.apply(&build::service("shop", "web")).await;
        cluster.apply(&build::deployment("shop", "web", 3, "registry.example/web:1")).await;
        tokio::time::sleep(Duration::from_millis(stop_after_ms)).await;
        stop.cancel();
        let (_, probe) = start_controllers(&cluster);
        probe.idle().await;
        let web = cluster.get(DEPLOYMENTS, "shop", "web").await.unwrap();
        assert_eq!(number(&web, "/status/availableReplicas"), 3, "stopped after {stop_after_ms} ms");
        assert_eq!(cluster.list(PODS, "shop").await.len(), 3, "stopped after {stop_after_ms} ms");
        let slice = cluster.list(("discovery.k8s.io/v1", "EndpointSlice"), "shop").await.remove(0);
        assert_eq!(slice["endpoints"].as_array().unwrap().len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_input_gives_the_same_world() {
    let mut worlds = Vec::new();
    for _ in 0..2 {
        let cluster = shop().await;
        cluster.apply(&build::service("shop", "web")).await;
        for index in 0..5 {
            cluster.apply(&build::deployment("shop", &format!("web-{index}"), 2, "registry.example/web:1")).await;
        }
        cluster.apply(&build::job("shop", "migrate", 3)).await;
        cluster.settle().await;
        worlds.push(cluster.world());
    }
    let difference = worlds[0].difference(&worlds[1]);
    let different: Vec<_> = difference.keys().filter(|path| !path.ends_with("kube-root-ca.crt")).collect();
    assert!(different.is_empty(), "{different:?}");
}

#[tokio::test(start_paused = true)]
async fn everything_is_healthy_as_argo_cd_sees_it() {
    let cluster = shop().await;
    cluster.apply(&build::service("shop", "web")).await;
    cluster.apply(&build::ingress("shop", "web", "web.example.test")).await;
    cluster.apply(&build::deployment("shop", "web", 2, "registry.example/web:1")).await;
    cluster.apply(&build::job("shop", "migrate", 1)).await;
    cluster
        .apply_yaml(
            "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: shop}\n\
             spec:\n  minReplicas: 2\n  maxReplicas: 4\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, \
             name: web}\n---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: shop}\n\
             spec:\n  accessModes: [ReadWriteOnce]\n  resources: {requests: {storage: 1Gi}}\n",
        )
        .await;
    cluster.settle().await;
    let mut judged = 0;
    let world = cluster.world();
    for path in world.paths() {
        let object = world.get(path).unwrap();
        if let Some(found) = health::of(object) {
            assert_eq!(found.status, health::Status::Healthy, "{path}: {:?}", found.message);
            judged += 1;
        }
    }
    assert!(judged >= 9, "only {judged} objects have a health");
}

/// On the machine's clock and several threads, where writes really meet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_deployments_converge_on_a_real_clock() {
    let cluster = shop().await;
    for index in 0..20 {
        cluster.apply(&build::deployment("shop", &format!("web-{index}"), 2, "registry.example/web:1")).await;
    }
    for index in 0..20 {
        let name = format!("web-{index}");
        let ready = |web: &serde_json::Value| reason(web, "Progressing", "True") == Some("NewReplicaSetAvailable");
        cluster.eventually(DEPLOYMENTS, ("shop", &name), ready).await;
    }
    assert_eq!(cluster.list(PODS, "shop").await.len(), 40);
    let mut first = build::deployment("shop", "web-0", 2, "registry.example/web:2");
    first["spec"]["replicas"] = json!(4);
    cluster.apply(&first).await;
    let updated =
        |web: &serde_json::Value| number(web, "/status/updatedReplicas") == 4 && number(web, "/status/replicas") == 4;
    cluster.eventually(DEPLOYMENTS, ("shop", "web-0"), updated).await;
}
