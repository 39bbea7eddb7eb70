//! What this controller may do, as rules of a ClusterRole: upstream's `argocd-applicationset-controller`, with the
//! placement decisions of Open Cluster Management.
//! It must not know how rights are granted.

use serde_json::{Value, json};

/// The rules of the service account that [`crate::run`] acts as. Other kinds of decisions need a rule of their own, as
/// upstream.
#[must_use]
pub fn rules() -> Value {
    let read = ["get", "list", "watch"];
    let write = ["create", "delete", "get", "list", "patch", "update", "watch"];
    json!([
        {"verbs": write, "apiGroups": ["argoproj.io"], "resources": ["applications", "applications/finalizers"]},
        {
            "verbs": ["get", "list", "patch", "update", "watch"],
            "apiGroups": ["argoproj.io"],
            "resources": ["applicationsets", "applicationsets/status", "applicationsets/finalizers"],
        },
        {"verbs": read, "apiGroups": ["argoproj.io"], "resources": ["appprojects"]},
        {"verbs": read, "apiGroups": [""], "resources": ["configmaps", "secrets"]},
        {"verbs": ["create", "get", "list", "patch", "update", "watch"], "apiGroups": [""], "resources": ["events"]},
        {
            "verbs": read,
            "apiGroups": ["cluster.open-cluster-management.io", "apps.open-cluster-management.io"],
            "resources": ["placementdecisions", "placementrules"],
        },
    ])
}
