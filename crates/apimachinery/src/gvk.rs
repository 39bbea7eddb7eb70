//! Names of kinds and resources: group, version, kind, plural resource.
//! It must not know which kinds exist.

use std::fmt;

use serde_json::Value;

/// Group, version and kind, as `apimachinery/pkg/runtime/schema.GroupVersionKind`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupVersionKind {
    /// API group; empty for the core group.
    pub group: String,
    /// API version, such as `v1`.
    pub version: String,
    /// Kind in PascalCase.
    pub kind: String,
}

/// Group and kind, without a version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKind {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind in PascalCase.
    pub kind: String,
}

/// Group, version and plural resource name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupVersionResource {
    /// API group; empty for the core group.
    pub group: String,
    /// API version, such as `v1`.
    pub version: String,
    /// Plural, lower-case resource name.
    pub resource: String,
}

/// Group and plural resource name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupResource {
    /// API group; empty for the core group.
    pub group: String,
    /// Plural, lower-case resource name.
    pub resource: String,
}

/// Splits an `apiVersion` into group and version: `apps/v1` is (`apps`, `v1`), `v1` is (``, `v1`).
#[must_use]
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// Joins group and version into an `apiVersion`; the core group leaves the slash out.
#[must_use]
pub fn join_api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

impl GroupVersionKind {
    /// A kind from its three names.
    pub fn new(group: impl Into<String>, version: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// The kind an object says it is, from `apiVersion` and `kind`; `None` if either is missing or not a string.
    #[must_use]
    pub fn of(object: &Value) -> Option<Self> {
        let (group, version) = split_api_version(object.get("apiVersion")?.as_str()?);
        Some(Self::new(group, version, object.get("kind")?.as_str()?))
    }

    /// The `apiVersion` of this kind.
    #[must_use]
    pub fn api_version(&self) -> String {
        join_api_version(&self.group, &self.version)
    }

    /// This kind without its version.
    #[must_use]
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.group.clone(), kind: self.kind.clone() }
    }

    /// The resource of this kind, whose plural the caller knows.
    #[must_use]
    pub fn with_resource(&self, resource: &str) -> GroupVersionResource {
        GroupVersionResource::new(self.group.clone(), self.version.clone(), resource)
    }
}

impl GroupVersionResource {
    /// A resource from its three names.
    pub fn new(group: impl Into<String>, version: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { group: group.into(), version: version.into(), resource: resource.into() }
    }

    /// The `apiVersion` of this resource.
    #[must_use]
    pub fn api_version(&self) -> String {
        join_api_version(&self.group, &self.version)
    }

    /// This resource without its version.
    #[must_use]
    pub fn group_resource(&self) -> GroupResource {
        GroupResource { group: self.group.clone(), resource: self.resource.clone() }
    }
}

/// Prints as `apps/v1, Kind=Deployment`, like upstream.
impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, Kind={}", self.api_version(), self.kind)
    }
}

/// Prints as `Deployment.apps`, or `Pod` in the core group, like upstream.
impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() { f.write_str(&self.kind) } else { write!(f, "{}.{}", self.kind, self.group) }
    }
}

/// Prints as `deployments.apps`, or `pods` in the core group, like upstream.
impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() { f.write_str(&self.resource) } else { write!(f, "{}.{}", self.resource, self.group) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kind_of_an_object() {
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment"});
        assert_eq!(GroupVersionKind::of(&deployment), Some(GroupVersionKind::new("apps", "v1", "Deployment")));
        assert_eq!(GroupVersionKind::of(&json!({"kind": "Pod"})), None);
    }

    #[test]
    fn printed_names_are_those_of_upstream() {
        assert_eq!(GroupVersionKind::new("", "v1", "Pod").to_string(), "v1, Kind=Pod");
        let deployments = GroupVersionResource::new("apps", "v1", "deployments").group_resource();
        assert_eq!(deployments.to_string(), "deployments.apps");
    }
}
