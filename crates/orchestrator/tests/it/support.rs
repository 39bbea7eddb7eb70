//! A simulated cluster with the orchestrator on it.

use mainstay_apiserver::Identity;
use mainstay_orchestrator::golden_paths;
use mainstay_testkit::{CLUSTER, TestCluster, build};
use serde_json::Value;

pub(crate) const RGD: (&str, &str) = ("kro.run/v1alpha1", "ResourceGraphDefinition");
pub(crate) const CRD: (&str, &str) = ("apiextensions.k8s.io/v1", "CustomResourceDefinition");
pub(crate) const APPLICATION: (&str, &str) = ("platform.mainstay.dev/v1alpha1", "Application");
pub(crate) const DEPLOYMENT: (&str, &str) = ("apps/v1", "Deployment");
pub(crate) const CONFIG_MAP: (&str, &str) = ("v1", "ConfigMap");
pub(crate) const EVENT: (&str, &str) = ("v1", "Event");

/// A simulated cluster with the orchestrator and a namespace `shop`.
pub(crate) async fn cluster() -> TestCluster {
    let cluster = TestCluster::simulated().await;
    cluster.grant("orchestrator", mainstay_orchestrator::rules()).await;
    run_on(&cluster);
    cluster.apply(&build::namespace("shop")).await;
    cluster.settle().await;
    cluster
}

pub(crate) fn run_on(cluster: &TestCluster) {
    drop(mainstay_orchestrator::run(cluster.context(CLUSTER, &Identity::controller("orchestrator"))));
}

/// The same with the golden paths.
pub(crate) async fn platform() -> TestCluster {
    let cluster = cluster().await;
    for file in golden_paths::DEFINITIONS {
        cluster.apply_yaml(file.text).await;
    }
    cluster.settle().await;
    for name in ["application", "tenant", "tool-platform"] {
        let definition = cluster.get(RGD, "", name).await.unwrap();
        assert_eq!(condition(&definition, "Ready"), ("True", ""), "{definition:#}");
    }
    cluster
}

/// Status and message of a condition.
pub(crate) fn condition<'o>(object: &'o Value, kind: &str) -> (&'o str, &'o str) {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let found = conditions.into_iter().flatten().find(|condition| condition["type"] == kind);
    found.map_or(("", ""), |found| (found["status"].as_str().unwrap(), found["message"].as_str().unwrap()))
}

/// The reasons of the Events about an object, sorted.
pub(crate) async fn reasons(cluster: &TestCluster, namespace: &str, name: &str) -> Vec<String> {
    let events = cluster.list(EVENT, namespace).await;
    let about = events.iter().filter(|event| event["involvedObject"]["name"] == name);
    let own = about.filter(|event| event["reportingComponent"] == "mainstay-orchestrator");
    let mut reasons: Vec<_> = own.map(|event| event["reason"].as_str().unwrap().to_owned()).collect();
    reasons.sort();
    reasons
}
