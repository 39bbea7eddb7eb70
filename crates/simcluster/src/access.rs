//! What the simulated controllers, scheduler and kubelets may do, as rules of a ClusterRole: what upstream grants to
//! the ones they stand for. It must not know how rights are granted.

use serde_json::{Value, json};

const READ: [&str; 3] = ["get", "list", "watch"];
const READ_WRITE: [&str; 7] = ["create", "delete", "get", "list", "patch", "update", "watch"];
const CHANGE: [&str; 3] = ["get", "patch", "update"];

/// The rules of the service account that [`crate::run`] acts as.
#[must_use]
pub fn rules() -> Value {
    let rule = |verbs: &[&str], group: &str, resources: &[&str]| json!({"verbs": verbs, "apiGroups": [group], "resources": resources});
    let owned = [
        "configmaps",
        "endpoints",
        "events",
        "nodes",
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "secrets",
        "serviceaccounts",
        "services",
    ];
    let workloads = ["controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"];
    json!([
        rule(&READ_WRITE, "", &owned),
        rule(&READ, "", &["namespaces", "replicationcontrollers", "resourcequotas"]),
        rule(&READ_WRITE, "apps", &workloads),
        rule(&READ_WRITE, "batch", &["cronjobs", "jobs"]),
        rule(&READ_WRITE, "coordination.k8s.io", &["leases"]),
        rule(&READ_WRITE, "discovery.k8s.io", &["endpointslices"]),
        rule(&READ_WRITE, "events.k8s.io", &["events"]),
        rule(&READ, "networking.k8s.io", &["ingressclasses", "ingresses"]),
        rule(&READ, "autoscaling", &["horizontalpodautoscalers"]),
        rule(&READ, "policy", &["poddisruptionbudgets"]),
        rule(&READ, "scheduling.k8s.io", &["priorityclasses"]),
        rule(&READ, "storage.k8s.io", &["storageclasses"]),
        rule(&READ, "cert-manager.io", &["certificates"]),
        rule(&READ, "apiextensions.k8s.io", &["customresourcedefinitions"]),
        rule(&READ, "admissionregistration.k8s.io", &["validatingadmissionpolicies"]),
        rule(&["create"], "", &["pods/binding", "pods/eviction"]),
        rule(&CHANGE, "*", &["*/scale", "*/status"]),
    ])
}
