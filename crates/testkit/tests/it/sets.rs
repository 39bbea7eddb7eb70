//! StatefulSets and DaemonSets: order, updates, and the way back.

use mainstay_testkit::TestCluster;
use serde_json::{Value, json};

use crate::{PODS, number, shop, text};

const STATEFUL_SETS: (&str, &str) = ("apps/v1", "StatefulSet");
const DAEMON_SETS: (&str, &str) = ("apps/v1", "DaemonSet");
const REVISIONS: (&str, &str) = ("apps/v1", "ControllerRevision");
const CLAIMS: (&str, &str) = ("v1", "PersistentVolumeClaim");

fn template(name: &str, image: &str) -> Value {
    json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": image}]}})
}

fn db(replicas: u32, image: &str, extra: &Value) -> Value {
    let mut set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "shop"},
        "spec": {
            "replicas": replicas, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
            "template": template("db", image),
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}],
        },
    });
    for (key, value) in extra.as_object().unwrap() {
        set["spec"][key] = value.clone();
    }
    set
}

async fn images(cluster: &TestCluster) -> Vec<(String, String)> {
    let mut images: Vec<(String, String)> = cluster
        .list(PODS, "shop")
        .await
        .iter()
        .map(|pod| (text(pod, "/metadata/name").to_owned(), text(pod, "/spec/containers/0/image").to_owned()))
        .collect();
    images.sort();
    images
}

fn pairs(images: &[(String, String)]) -> Vec<(&str, &str)> {
    images.iter().map(|(name, image)| (name.as_str(), image.as_str())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_partition_holds_the_lower_ordinals_back() {
    let cluster = shop().await;
    cluster.apply(&db(3, "db:1", &json!({}))).await;
    cluster.settle().await;
    let split = json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}});
    cluster.apply(&db(3, "db:2", &split)).await;
    cluster.settle().await;
    assert_eq!(pairs(&images(&cluster).await), [("db-0", "db:1"), ("db-1", "db:1"), ("db-2", "db:2")]);
    let set = cluster.get(STATEFUL_SETS, "shop", "db").await.unwrap();
    assert_eq!((number(&set, "/status/updatedReplicas"), number(&set, "/status/currentReplicas")), (1, 2));
    assert_ne!(text(&set, "/status/currentRevision"), text(&set, "/status/updateRevision"));
    cluster.delete(PODS, "shop", "db-0").await;
    cluster.settle().await;
    assert_eq!(pairs(&images(&cluster).await)[0], ("db-0", "db:1"), "a lower ordinal comes back as it was");
    let all = json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}});
    cluster.apply(&db(3, "db:2", &all)).await;
    cluster.settle().await;
    let set = cluster.get(STATEFUL_SETS, "shop", "db").await.unwrap();
    assert_eq!(text(&set, "/status/currentRevision"), text(&set, "/status/updateRevision"));
    assert_eq!(number(&set, "/status/currentReplicas"), 3);
}

#[tokio::test(start_paused = true)]
async fn revisions_lead_back_to_a_former_template() {
    let cluster = shop().await;
    for image in ["db:1", "db:2", "db:1"] {
        cluster.apply(&db(1, image, &json!({}))).await;
        cluster.settle().await;
    }
    let mut revisions = cluster.list(REVISIONS, "shop").await;
    revisions.sort_by_key(|revision| number(revision, "/revision"));
    let told: Vec<(i64, &str)> = revisions
        .iter()
        .map(|it| (number(it, "/revision"), text(it, "/data/spec/template/spec/containers/0/image")))
        .collect();
    assert_eq!(told, [(2, "db:2"), (3, "db:1")]);
    let set = cluster.get(STATEFUL_SETS, "shop", "db").await.unwrap();
    assert_eq!(text(&set, "/status/currentRevision"), text(&revisions[1], "/metadata/name"));
    let rest = cluster.server().snapshot().revision();
    cluster.settle().await;
    assert_eq!(cluster.server().snapshot().revision(), rest);
}

#[tokio::test(start_paused = true)]
async fn claims_go_as_the_retention_policy_says() {
    let cluster = shop().await;
    let policy = json!({"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"}});
    cluster.apply(&db(2, "db:1", &policy)).await;
    cluster.settle().await;
    assert_eq!(cluster.list(CLAIMS, "shop").await.len(), 2);
    cluster.apply(&db(1, "db:1", &policy)).await;
    cluster.settle().await;
    let left = cluster.list(CLAIMS, "shop").await;
    assert_eq!(left.iter().map(|claim| text(claim, "/metadata/name")).collect::<Vec<_>>(), ["data-db-0"]);
    cluster.delete(STATEFUL_SETS, "shop", "db").await;
    cluster.settle().await;
    assert!(cluster.list(CLAIMS, "shop").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_daemon_set_updates_within_its_bounds_and_keeps_its_revisions() {
    for strategy in [json!({"maxUnavailable": 1, "maxSurge": 0}), json!({"maxUnavailable": 0, "maxSurge": 1})] {
        let cluster = shop().await;
        let agent = |image: &str| {
            json!({
                "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": "shop"},
                "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": template("agent", image),
                         "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": strategy}},
            })
        };
        cluster.apply(&agent("agent:1")).await;
        cluster.settle().await;
        cluster.apply(&agent("agent:2")).await;
        cluster.settle().await;
        let set = cluster.get(DAEMON_SETS, "shop", "agent").await.unwrap();
        assert_eq!((number(&set, "/status/updatedNumberScheduled"), number(&set, "/status/numberAvailable")), (3, 3));
        assert!(images(&cluster).await.iter().all(|(_, image)| image == "agent:2"));
        let revisions = cluster.list(REVISIONS, "shop").await;
        let hashes: Vec<&str> =
            revisions.iter().map(|it| text(it, "/metadata/labels/controller-revision-hash")).collect();
        let pod = cluster.list(PODS, "shop").await.remove(0);
        assert!(revisions.len() == 2 && hashes.contains(&text(&pod, "/metadata/labels/controller-revision-hash")));
    }
}
