//! `ApplicationSet`, as Argo CD's `applicationset_types.go`.
//!
//! Templates stay values: what they say is an Application's business. It must not know how generators work.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Condition;

/// Marks a Secret of namespace `argocd` as that of a cluster.
pub const CLUSTER_SECRET: (&str, &str) = ("argocd.argoproj.io/secret-type", "cluster");
/// How many Applications of a set may be deleted at once without approval, as a number or a percentage; Mainstay's own.
pub const DELETION_BUDGET: &str = "mainstay.dev/deletion-budget";

/// `ApplicationSet.spec`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSetSpec {
    /// What makes the parameters: each entry is one generator.
    pub generators: Vec<Value>,
    /// What an Application is made of, with placeholders.
    pub template: Value,
    /// Whether placeholders are Go templates.
    pub go_template: bool,
    /// Options of Go templates.
    pub go_template_options: Vec<String>,
    /// A patch of each Application, with placeholders.
    pub template_patch: Option<String>,
    /// What may be done to Applications.
    pub sync_policy: Option<ApplicationSetSyncPolicy>,
    /// In which order Applications are synced; kept as it is.
    pub strategy: Option<Value>,
    /// Metadata of Applications that is left as it is.
    pub preserved_fields: Option<PreservedFields>,
    /// Fields of Applications that are left as they are.
    pub ignore_application_differences: Vec<IgnoredField>,
}

/// `ApplicationSetSyncPolicy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSetSyncPolicy {
    /// Whether what Applications deployed stays when they are deleted.
    pub preserve_resources_on_deletion: bool,
    /// `create-only`, `create-update`, `create-delete` or `sync`.
    pub applications_sync: String,
}

/// `ApplicationPreservedFields`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PreservedFields {
    /// Keys of annotations.
    pub annotations: Vec<String>,
    /// Keys of labels.
    pub labels: Vec<String>,
}

/// `ApplicationSetResourceIgnoreDifferences`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IgnoredField {
    /// Name of an Application; empty is all.
    pub name: String,
    /// JSON pointers.
    pub json_pointers: Vec<String>,
    /// jq expressions.
    pub jq_path_expressions: Vec<String>,
}

/// `ApplicationSet.status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSetStatus {
    /// What holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<SetCondition>,
    /// The Applications.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<super::ResourceStatus>,
    /// How many there are.
    pub resources_count: usize,
}

/// `ApplicationSetCondition`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SetCondition {
    /// Type, message and time.
    #[serde(flatten)]
    pub condition: Condition,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in one word.
    pub reason: String,
}
