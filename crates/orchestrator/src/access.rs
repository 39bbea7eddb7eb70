//! What this controller may do, as rules of a ClusterRole: a graph may hold objects of any kind, so it may write any.
//! It must not know how rights are granted.

use serde_json::{Value, json};

/// The rules of the service account that [`crate::run`] acts as. Roles and bindings are among the objects that
/// a graph may hold, and may give more than this controller has: whoever may write one decides on them. It may act as
/// nobody else.
#[must_use]
pub fn rules() -> Value {
    let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    json!([
        {"verbs": verbs, "apiGroups": ["*"], "resources": ["*"]},
        {
            "verbs": ["bind", "escalate"],
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["clusterroles", "roles"],
        },
    ])
}
