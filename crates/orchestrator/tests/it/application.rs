//! The golden path Application, from its object to Ready pods and away again.

use mainstay_apimachinery::{object, yaml};
use mainstay_orchestrator::golden_paths;
use mainstay_testkit::TestCluster;
use serde_json::{Value, json};

use crate::support::{APPLICATION, CRD, DEPLOYMENT, condition, platform, reasons};

const THREAD: &str = "mainstay.dev/thread";
const KINDS: [(&str, &str); 7] = [
    DEPLOYMENT,
    ("v1", "Service"),
    ("networking.k8s.io/v1", "Ingress"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"),
];

fn everything(thread: &str) -> Value {
    let text = include_str!("../../testdata/application-everything/in.yaml");
    let mut instance = yaml::parse_one(text).unwrap().value;
    instance["metadata"].as_object_mut().unwrap().remove("uid");
    object::set_annotation(&mut instance, THREAD, thread);
    instance
}

async fn children(cluster: &TestCluster) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for kind in KINDS {
        if kind.1 == "ServiceMonitor" && cluster.get(CRD, "", "servicemonitors.monitoring.coreos.com").await.is_none() {
            continue;
        }
        for child in cluster.list(kind, "shop").await {
            let thread = object::annotation(&child, THREAD).unwrap_or_default().to_owned();
            found.push((object::kind(&child).to_owned(), thread));
        }
    }
    found
}

#[tokio::test(start_paused = true)]
async fn an_application_becomes_seven_objects_and_ready() {
    let cluster = platform().await;
    cluster.apply_yaml(golden_paths::CUSTOM_RESOURCE_DEFINITIONS[0].text).await;
    cluster.apply(&everything("apps@1")).await;
    let app = cluster.eventually(APPLICATION, ("shop", "shop"), |app| condition(app, "Ready").0 == "True").await;
    assert_eq!(app["status"]["state"], "ACTIVE");
    assert_eq!(app["status"]["url"], "https://shop.example.com");
    assert_eq!(condition(&app, "ResourcesReady").1, "7 resources are ready");
    let expected: Vec<_> = KINDS.map(|(_, kind)| (kind.to_owned(), "apps@1".to_owned())).into();
    assert_eq!(children(&cluster).await, expected);
    cluster.settle().await;
    let found = reasons(&cluster, "shop", "shop").await;
    assert_eq!(found.iter().filter(|reason| *reason == "InstanceReady").count(), 1, "{found:?}");
    assert_eq!(found.iter().filter(|reason| *reason == "InstanceFailed").count(), 0, "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_as_it_should_be_costs_no_call() {
    let cluster = platform().await;
    cluster.apply(&everything("apps@1")).await;
    cluster.eventually(APPLICATION, ("shop", "shop"), |app| condition(app, "Ready").0 == "True").await;
    cluster.settle().await;
    // Another thread alone: the instance is reconciled, its children keep the thread of what changed them.
    let before = cluster.server().calls();
    cluster.apply(&everything("apps@2")).await;
    let own = cluster.server().calls() - before;
    cluster.settle().await;
    assert_eq!(cluster.server().calls() - before, own, "a reconcile of what is as it should be made calls");
    assert!(children(&cluster).await.iter().all(|(_, thread)| thread == "apps@1"));
}

#[tokio::test(start_paused = true)]
async fn only_what_changes_gets_the_new_thread() {
    let cluster = platform().await;
    cluster.apply(&everything("apps@1")).await;
    cluster.eventually(APPLICATION, ("shop", "shop"), |app| condition(app, "Ready").0 == "True").await;
    cluster.settle().await;
    let mut changed = everything("apps@2");
    changed["spec"]["image"] = json!("ghcr.io/example/shop:1.4.3");
    cluster.apply(&changed).await;
    cluster.settle().await;
    let of = |kind: &str, list: &[(String, String)]| list.iter().find(|(k, _)| k == kind).unwrap().1.clone();
    let list = children(&cluster).await;
    assert_eq!(of("Deployment", &list), "apps@2");
    assert_eq!(of("Service", &list), "apps@1");
    let app = cluster.get(APPLICATION, "shop", "shop").await.unwrap();
    assert_eq!(condition(&app, "Ready").0, "True");
}

#[tokio::test(start_paused = true)]
async fn a_kind_the_cluster_lacks_is_skipped_until_it_comes() {
    let cluster = platform().await;
    cluster.apply(&everything("apps@1")).await;
    let app = cluster.eventually(APPLICATION, ("shop", "shop"), |app| condition(app, "Ready").0 == "True").await;
    assert_eq!(condition(&app, "ResourcesReady").1, "6 resources are ready, skipped: `serviceMonitor`");
    cluster.apply_yaml(golden_paths::CUSTOM_RESOURCE_DEFINITIONS[0].text).await;
    cluster.settle().await;
    assert_eq!(cluster.list(("monitoring.coreos.com/v1", "ServiceMonitor"), "shop").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_switched_off_is_pruned_and_a_lost_child_comes_back() {
    let cluster = platform().await;
    cluster.apply(&everything("apps@1")).await;
    cluster.eventually(APPLICATION, ("shop", "shop"), |app| condition(app, "Ready").0 == "True").await;
    let mut less = everything("apps@2");
    less["spec"]["ingress"]["enabled"] = json!(false);
    less["spec"]["autoscaling"]["enabled"] = json!(false);
    cluster.apply(&less).await;
    cluster.settle().await;
    assert!(cluster.list(("networking.k8s.io/v1", "Ingress"), "shop").await.is_empty());
    assert!(cluster.list(("autoscaling/v2", "HorizontalPodAutoscaler"), "shop").await.is_empty());
    cluster.delete(("v1", "Service"), "shop", "shop").await;
    cluster.settle().await;
    assert_eq!(cluster.list(("v1", "Service"), "shop").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn drift_is_taken_back() {
    let cluster = platform().await;
    cluster.apply(&everything("apps@1")).await;
    cluster.eventually(APPLICATION, ("shop", "shop"), |app| condition(app, "Ready").0 == "True").await;
    let drift = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "evil:1"}]}}}});
    cluster.api(DEPLOYMENT, "shop").await.merge_patch("kubectl-edit", "shop", None, &drift).await.unwrap();
    cluster.settle().await;
    let deployment = cluster.get(DEPLOYMENT, "shop", "shop").await.unwrap();
    assert_eq!(deployment["spec"]["template"]["spec"]["containers"][0]["image"], "ghcr.io/example/shop:1.4.2");
}

#[tokio::test(start_paused = true)]
async fn deleting_an_application_deletes_all_of_it() {
    let cluster = platform().await;
    cluster.apply(&everything("apps@1")).await;
    cluster.eventually(APPLICATION, ("shop", "shop"), |app| condition(app, "Ready").0 == "True").await;
    cluster.delete(APPLICATION, "shop", "shop").await;
    cluster.settle().await;
    assert_eq!(cluster.get(APPLICATION, "shop", "shop").await, None);
    for kind in &KINDS[..6] {
        assert!(cluster.list(*kind, "shop").await.is_empty(), "{kind:?}");
    }
    assert!(cluster.list(("v1", "Pod"), "shop").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_fork_foretells_what_applying_does() {
    let cluster = platform().await;
    let fork = cluster.fork();
    crate::support::run_on(&fork);
    fork.apply(&everything("apps@1")).await;
    fork.settle().await;
    assert!(cluster.list(DEPLOYMENT, "shop").await.is_empty());
    assert_eq!(condition(&fork.get(APPLICATION, "shop", "shop").await.unwrap(), "Ready").0, "True");
    cluster.apply(&everything("apps@1")).await;
    cluster.settle().await;
    let spec = |deployment: Option<Value>| deployment.unwrap()["spec"].clone();
    assert_eq!(spec(cluster.get(DEPLOYMENT, "shop", "shop").await), spec(fork.get(DEPLOYMENT, "shop", "shop").await));
}
