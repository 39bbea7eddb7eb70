//! What names a resource within a cluster.
//! It must not know clusters or clients.

use std::fmt;

use mainstay_apimachinery::{GroupKind, gvk, object};
use serde_json::Value;

/// Group, kind, namespace and name; the version does not tell resources apart. As gitops-engine's `ResourceKey`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Group; empty for core.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for cluster-scoped resources.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Key {
    /// The key of an object as it is written.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let (group, _) = gvk::split_api_version(object::api_version(value));
        Self {
            group: group.to_owned(),
            kind: object::kind(value).to_owned(),
            namespace: object::namespace(value).unwrap_or_default().to_owned(),
            name: object::name(value).to_owned(),
        }
    }

    /// Group and kind alone.
    #[must_use]
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.group.clone(), kind: self.kind.clone() }
    }

    /// The tracking id of this resource in an application. As upstream, a cluster-scoped resource carries the
    /// destination's namespace in it.
    #[must_use]
    pub fn tracking_id(&self, app: &str, destination_namespace: &str) -> String {
        let namespace = if self.namespace.is_empty() { destination_namespace } else { &self.namespace };
        format!("{app}:{}/{}:{namespace}/{}", self.group, self.kind, self.name)
    }
}

/// Prints as `kind/namespace/name`, for messages.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.group_kind();
        if self.namespace.is_empty() {
            write!(f, "{kind}/{}", self.name)
        } else {
            write!(f, "{kind}/{}/{}", self.namespace, self.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tracked(id: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "annotations": {"argocd.argoproj.io/tracking-id": id}}})
    }

    #[test]
    fn tracking_ids_are_those_of_upstream() {
        let key = Key::of(&tracked(""));
        assert_eq!(key.tracking_id("shop-dev", "x"), "shop-dev:apps/Deployment:shop/web");
        let role = Key {
            group: "rbac.authorization.k8s.io".into(),
            kind: "ClusterRole".into(),
            name: "r".into(),
            ..Key::default()
        };
        assert_eq!(role.tracking_id("a", "ns"), "a:rbac.authorization.k8s.io/ClusterRole:ns/r");
    }
}
