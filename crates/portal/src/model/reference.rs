//! Which object is meant, across clusters.
//! It must not know whether the object exists.

use std::fmt;

use mainstay_apimachinery::{gvk::split_api_version, object};
use serde::Serialize;
use serde_json::Value;

use super::health::text;

/// An object of a cluster. Its text form, `<cluster>/<group>/<kind>/<namespace>/<name>`, is what links carry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ObjectRef {
    /// Name of the cluster.
    pub cluster: String,
    /// API group, empty for core.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace, empty if cluster-scoped.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectRef {
    /// The reference to an object of a cluster.
    #[must_use]
    pub fn of(cluster: &str, value: &Value) -> Self {
        let (group, version) = split_api_version(object::api_version(value));
        Self {
            cluster: cluster.to_owned(),
            group: group.to_owned(),
            version: version.to_owned(),
            kind: object::kind(value).to_owned(),
            namespace: object::namespace(value).unwrap_or_default().to_owned(),
            name: object::name(value).to_owned(),
        }
    }

    /// The object that an entry of an Application's `status` names: its resources and the results of its syncs.
    pub(super) fn named_by(cluster: &str, entry: &Value) -> Self {
        let field = |name: &str| text(&entry[name]).to_owned();
        Self {
            cluster: cluster.to_owned(),
            group: field("group"),
            version: field("version"),
            kind: field("kind"),
            namespace: field("namespace"),
            name: field("name"),
        }
    }

    /// All but the version.
    #[must_use]
    pub fn key(&self) -> (&str, &str, &str, &str, &str) {
        (&self.cluster, &self.group, &self.kind, &self.namespace, &self.name)
    }

    /// `Deployment sample`.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cluster, group, kind, namespace, name) = self.key();
        let or = |text: &'_ str, empty: &'static str| if text.is_empty() { empty.to_owned() } else { text.to_owned() };
        write!(f, "{cluster}/{}/{kind}/{}/{name}", or(group, "core"), or(namespace, "-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_form() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "a", "name": "b"}});
        assert_eq!(ObjectRef::of("dev", &pod).to_string(), "dev/core/Pod/a/b");
        let role = json!({"apiVersion": "rbac/v1", "kind": "ClusterRole", "metadata": {"name": "b"}});
        assert_eq!(ObjectRef::of("dev", &role).to_string(), "dev/rbac/ClusterRole/-/b");
    }
}
