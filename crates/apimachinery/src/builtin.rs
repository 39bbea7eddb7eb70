//! The built-in kinds of Kubernetes: which there are, their schemas, defaults and rules.
//! It must not know how objects are stored or served.
//!
//! Schemas come from `data/builtin-schemas.zlib` (see `data/ATTRIBUTION.md`), read when first asked for; what fields
//! are for, from `data/builtin-descriptions.zlib`, read where it is shown.

mod decode;
mod defaults;
mod descriptions;
mod go_diff;
mod go_print;
mod resources;
mod schemas;
mod validate;

use std::sync::Arc;

use crate::{GroupVersionKind, Schema};

pub use decode::{DecodeErrors, decode_errors};
pub use defaults::{defaults, service_families};
pub use descriptions::Descriptions;
pub use resources::{ResourceInfo, SubresourceInfo};
pub use schemas::{definition, definition_name, definition_openapi};
pub use validate::{validate, validate_metadata, validate_subresource};

/// All built-in resources, in the order discovery lists groups, versions and resources.
#[must_use]
pub fn resources() -> &'static [ResourceInfo] {
    &resources::ALL_RESOURCES
}

/// The resource with this plural name.
#[must_use]
pub fn by_resource(group: &str, version: &str, resource: &str) -> Option<&'static ResourceInfo> {
    resources().iter().find(|info| info.resource == resource && info.group == group && info.version == version)
}

/// The resource whose objects are of this kind.
#[must_use]
pub fn by_kind(gvk: &GroupVersionKind) -> Option<&'static ResourceInfo> {
    resources().iter().find(|info| info.kind == gvk.kind && info.group == gvk.group && info.version == gvk.version)
}

/// The schema of a kind, also of one that is no resource (`Scale`, `Eviction`, `DeleteOptions`, lists).
/// It is built when first asked for and shared from then on.
#[must_use]
pub fn schema(gvk: &GroupVersionKind) -> Option<Arc<Schema>> {
    definition(definition_name(gvk)?)
}

/// Where a kind carries the spec of pods, as field names from the root; `None` for kinds without.
#[must_use]
pub fn pod_spec_path(gvk: &GroupVersionKind) -> Option<&'static [&'static str]> {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => Some(&["spec"]),
        ("", "PodTemplate") => Some(&["template", "spec"]),
        ("", "ReplicationController")
        | ("apps", "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet")
        | ("batch", "Job") => Some(&["spec", "template", "spec"]),
        ("batch", "CronJob") => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{ListType, Type};

    fn kind(group: &str, version: &str, kind: &str) -> GroupVersionKind {
        GroupVersionKind::new(group, version, kind)
    }

    #[test]
    fn finds_resources_by_either_name() {
        let deployments = by_resource("apps", "v1", "deployments").unwrap();
        assert_eq!(by_kind(&kind("apps", "v1", "Deployment")), Some(deployments));
        assert_eq!((deployments.list_kind, deployments.short_names), ("DeploymentList", &["deploy"][..]));
        assert!(deployments.has_subresource("scale") && deployments.namespaced);
        assert_eq!(by_resource("apps", "v2", "deployments"), None);
        assert_eq!(resources()[0].resource, "bindings");
    }

    #[test]
    fn every_resource_has_a_schema() {
        for info in resources() {
            assert!(schema(&info.gvk()).is_some(), "{info:?}");
            for sub in info.subresources.iter().filter(|sub| !sub.group.is_empty()) {
                assert!(schema(&kind(sub.group, sub.version, sub.kind)).is_some(), "{sub:?}");
            }
        }
    }

    #[test]
    fn schemas_keep_the_extensions_and_share_definitions() {
        let service = schema(&kind("", "v1", "Service")).unwrap();
        let ports = &service.properties["spec"].properties["ports"];
        assert_eq!(ports.list_type, ListType::Map(vec!["port".into(), "protocol".into()]));
        assert_eq!(ports.patch_merge_key.as_deref(), Some("port"));
        assert_eq!(ports.items.as_ref().unwrap().properties["protocol"].default, Some("TCP".into()));

        let deployment = schema(&kind("apps", "v1", "Deployment")).unwrap();
        let spec = &deployment.properties["spec"];
        assert_eq!(spec.properties["replicas"].type_, Some(Type::Integer));
        assert_eq!(spec.properties["strategy"].patch_strategy.as_deref(), Some("retainKeys"));
        let stateful_set = schema(&kind("apps", "v1", "StatefulSet")).unwrap();
        let template = |schema: &Schema| schema.properties["spec"].properties["template"].clone();
        assert!(Arc::ptr_eq(&template(&deployment), &template(&stateful_set)));
    }
}
