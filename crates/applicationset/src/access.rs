//! What this controller may do, as rules of a ClusterRole.
//! It must not know how rights are granted.

use serde_json::{Value, json};

/// The rules of the service account that [`crate::run`] acts as.
#[must_use]
pub fn rules() -> Value {
    json!([
        {
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
            "apiGroups": ["argoproj.io"], "resources": ["applications"],
        },
        {"verbs": ["get", "list", "watch"], "apiGroups": ["argoproj.io"], "resources": ["applicationsets"]},
        {"verbs": ["get", "patch", "update"], "apiGroups": ["argoproj.io"], "resources": ["applicationsets/status"]},
        // Owners whose deletion is held up by what they own have to be written for that.
        {"verbs": ["update"], "apiGroups": ["argoproj.io"], "resources": ["applicationsets/finalizers"]},
        {"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["secrets"]},
        {"verbs": ["create", "patch", "update", "get", "list"], "apiGroups": [""], "resources": ["events"]},
    ])
}
