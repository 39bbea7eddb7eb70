//! `kro.run/v1alpha1`: ResourceGraphDefinition, as kro's `api/v1alpha1`, and the labels kro puts on children.
//! It must not know how a graph is checked or run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The API group.
pub const GROUP: &str = "kro.run";
/// The API version.
pub const VERSION: &str = "v1alpha1";
/// Group and version, as objects say it.
pub const API_VERSION: &str = "kro.run/v1alpha1";
/// Kind of a definition.
pub const KIND: &str = "ResourceGraphDefinition";
/// Plural of a definition.
pub const PLURAL: &str = "resourcegraphdefinitions";
/// Kind before February 2025; same fields.
pub const LEGACY_KIND: &str = "ResourceGroup";

/// Finalizer on instances: their children go first.
pub const FINALIZER: &str = "kro.run/finalizer";
/// Annotation that stops reconciling an instance while it is `suspended` (or, as before, `disabled`).
pub const RECONCILE: &str = "kro.run/reconcile";
/// Prefix of labels and annotations that templates may not set.
pub const RESERVED_PREFIXES: &[&str] = &["kro.run/", "internal.kro.run/"];

/// Label: the id of the node a child comes from.
pub const NODE_ID: &str = "kro.run/node-id";
/// Label: `true` on what kro owns.
pub const OWNED: &str = "kro.run/owned";
/// Label: version of the writer.
pub const WRITER_VERSION: &str = "kro.run/kro-version";
/// Label: uid of the instance.
pub const INSTANCE_ID: &str = "kro.run/instance-id";
/// Label: name of the instance.
pub const INSTANCE_NAME: &str = "kro.run/instance-name";
/// Label: namespace of the instance, empty for a cluster-scoped one.
pub const INSTANCE_NAMESPACE: &str = "kro.run/instance-namespace";
/// Label: group of the instance.
pub const INSTANCE_GROUP: &str = "kro.run/instance-group";
/// Label: version of the instance.
pub const INSTANCE_VERSION: &str = "kro.run/instance-version";
/// Label: kind of the instance.
pub const INSTANCE_KIND: &str = "kro.run/instance-kind";
/// Label: uid of the definition.
pub const DEFINITION_ID: &str = "kro.run/resource-graph-definition-id";
/// Label: name of the definition.
pub const DEFINITION_NAME: &str = "kro.run/resource-graph-definition-name";
/// Label: position of a child in its collection.
pub const COLLECTION_INDEX: &str = "kro.run/collection-index";
/// Label: size of a child's collection.
pub const COLLECTION_SIZE: &str = "kro.run/collection-size";
/// Annotation: the wave a child was applied in, for deletion in reverse.
pub const APPLY_ORDER: &str = "internal.kro.run/apply-order";

/// Label on children: the ApplySet they belong to.
pub const PART_OF: &str = "applyset.kubernetes.io/part-of";
/// Label on instances: the ApplySet they are the parent of.
pub const APPLYSET_ID: &str = "applyset.kubernetes.io/id";
/// Annotation on instances: who prunes the set.
pub const APPLYSET_TOOLING: &str = "applyset.kubernetes.io/tooling";
/// Annotation on instances: the kinds the set may have members of.
pub const APPLYSET_KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";
/// Annotation on instances: namespaces of members other than the instance's own.
pub const APPLYSET_NAMESPACES: &str = "applyset.kubernetes.io/additional-namespaces";

/// Condition of a definition: the graph is valid.
pub const GRAPH_ACCEPTED: &str = "GraphAccepted";
/// Condition of a definition: its CRD is served.
pub const KIND_READY: &str = "KindReady";
/// Condition of a definition: a controller reconciles its instances.
pub const CONTROLLER_READY: &str = "ControllerReady";
/// Condition: all of it.
pub const READY: &str = "Ready";
/// Condition of an instance: finalizer and labels are set.
pub const INSTANCE_MANAGED: &str = "InstanceManaged";
/// Condition of an instance: every expression could be resolved.
pub const GRAPH_RESOLVED: &str = "GraphResolved";
/// Condition of an instance: every resource is there and ready.
pub const RESOURCES_READY: &str = "ResourcesReady";

/// The CustomResourceDefinition of ResourceGraphDefinition.
#[must_use]
pub fn custom_resource_definition() -> Value {
    serde_json::from_str(include_str!("../crds/kro.run_resourcegraphdefinitions.json"))
        .expect("the file is JSON; a test reads it")
}

/// `ResourceGraphDefinition.spec`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DefinitionSpec {
    /// The kind that instances have.
    pub schema: DefinitionSchema,
    /// What an instance is made of.
    pub resources: Vec<DefinitionResource>,
}

/// `spec.schema`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DefinitionSchema {
    /// Kind of the instances.
    pub kind: String,
    /// Version of the instances, such as `v1alpha1`, without a group.
    pub api_version: String,
    /// Group of the instances; `kro.run` where empty.
    pub group: String,
    /// `Namespaced` (also where empty) or `Cluster`.
    pub scope: String,
    /// Fields in SimpleSchema.
    pub spec: Value,
    /// Custom types in SimpleSchema.
    pub types: Value,
    /// Status fields with expressions.
    pub status: Value,
    /// Replaces the default columns.
    pub additional_printer_columns: Vec<Value>,
    /// Short names of the kind.
    pub short_names: Vec<String>,
    /// Categories of the kind.
    pub categories: Vec<String>,
    /// Put on the CRD.
    pub metadata: DefinitionMetadata,
}

/// `spec.schema.metadata`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DefinitionMetadata {
    /// Labels of the CRD.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the CRD.
    pub annotations: BTreeMap<String, String>,
}

/// One of `spec.resources`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DefinitionResource {
    /// What expressions call it.
    pub id: String,
    /// An object to apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Value>,
    /// An object to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_ref: Option<Value>,
    /// When it is ready.
    pub ready_when: Vec<String>,
    /// When it is part of the graph.
    pub include_when: Vec<String>,
    /// Makes it a collection: one-key maps from iterator to list.
    pub for_each: Vec<BTreeMap<String, String>>,
}

/// One of the instance's rules in [`crate::platform::SPEC_RULES`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SpecRule {
    /// CEL over `self` that must be true.
    pub rule: String,
    /// What to tell when it is not.
    pub message: String,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_is_json() {
        assert_eq!(super::custom_resource_definition()["spec"]["names"]["plural"], super::PLURAL);
    }
}
