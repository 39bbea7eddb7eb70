//! What every controller of the product may do in a cluster. It must not know how rights are granted.

use mainstay_apiserver::Controller;
use serde_json::{Value, json};

/// The controllers that act in a cluster, each with its rules.
pub(crate) fn controllers() -> Vec<Controller> {
    vec![
        Controller { name: "simcluster", rules: mainstay_simcluster::rules() },
        Controller { name: "orchestrator", rules: mainstay_orchestrator::rules() },
        Controller { name: "gitops", rules: mainstay_gitops::rules() },
        Controller { name: "applicationset", rules: mainstay_applicationset::rules() },
        Controller { name: "portal", rules: portal() },
        Controller { name: "server", rules: server() },
    ]
}

/// The portal shows whatever an application grew into, and changes nothing.
fn portal() -> Value {
    json!([{"verbs": ["get", "list", "watch"], "apiGroups": ["*"], "resources": ["*"]}])
}

/// What is written at a start, by `bootstrap.rs`.
fn server() -> Value {
    let verbs = ["create", "get", "list", "patch", "update", "watch"];
    json!([
        {"verbs": verbs, "apiGroups": [""], "resources": ["configmaps", "namespaces", "secrets"]},
        {"verbs": verbs, "apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"]},
        {"verbs": verbs, "apiGroups": ["argoproj.io"], "resources": ["applications", "appprojects"]},
    ])
}
