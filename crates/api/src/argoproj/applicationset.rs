//! `ApplicationSet` of `argoproj.io/v1alpha1`, as Argo CD's `pkg/apis/application/v1alpha1/applicationset_types.go`.
//!
//! Generators and templates stay `Value`s: their strings are templates until they are rendered.
//! It must not know how parameters are generated.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::HealthStatus;

/// `ApplicationSet.spec`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSetSpec {
    /// Where parameters come from; each has one field that says its kind.
    pub generators: Vec<Value>,
    /// The Application to render: `metadata` and `spec`.
    pub template: Value,
    /// A Go template of a patch of each rendered Application.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub template_patch: String,
    /// Whether templates are Go templates; `{{param}}` otherwise.
    #[serde(skip_serializing_if = "super::is_false")]
    pub go_template: bool,
    /// Options of the Go templates, such as `missingkey=error`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub go_template_options: Vec<String>,
    /// What may be done to the Applications.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_policy: Option<ApplicationSetSyncPolicy>,
    /// In what order Applications are synced and deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<ApplicationSetStrategy>,
    /// Metadata of Applications that is left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preserved_fields: Option<PreservedFields>,
    /// Fields of Applications that are left as they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore_application_differences: Vec<IgnoreApplicationDifferences>,
}

/// `ApplicationSetSyncPolicy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSetSyncPolicy {
    /// Leaves an Application's resources when it is deleted.
    pub preserve_resources_on_deletion: bool,
    /// `create-only`, `create-update`, `create-delete` or `sync`; empty is `sync`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub applications_sync: String,
}

/// `ApplicationSetStrategy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSetStrategy {
    /// `AllAtOnce` or `RollingSync`; empty is `AllAtOnce`.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The steps of a `RollingSync`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling_sync: Option<RollingSync>,
    /// `AllAtOnce` or `Reverse`, when the set is deleted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deletion_order: String,
}

/// `ApplicationSetRolloutStrategy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RollingSync {
    /// Each begins when the Applications of those before are healthy.
    pub steps: Vec<RollingStep>,
}

/// `ApplicationSetRolloutStep`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RollingStep {
    /// Which Applications, by their labels.
    pub match_expressions: Vec<MatchExpression>,
    /// How many at a time, a number or a percentage; absent is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_update: Option<Value>,
}

/// `ApplicationMatchExpression`: `In` or `NotIn`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MatchExpression {
    /// Label.
    pub key: String,
    /// `In` or `NotIn`.
    pub operator: String,
    /// Values of the label.
    pub values: Vec<String>,
}

/// `ApplicationPreservedFields`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PreservedFields {
    /// Annotations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<String>,
    /// Labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

/// `ApplicationSetResourceIgnoreDifferences`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IgnoreApplicationDifferences {
    /// Name of the Application; empty is any.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// JSON pointers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub json_pointers: Vec<String>,
    /// jq expressions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jq_path_expressions: Vec<String>,
}

/// `ApplicationSet.status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSetStatus {
    /// What is the matter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ApplicationSetCondition>,
    /// Where each Application of a `RollingSync` is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub application_status: Vec<ApplicationSetApplicationStatus>,
    /// The Applications, 5000 at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ApplicationSetResource>,
    /// How many Applications there are.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub resources_count: i64,
    /// Health of the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthStatus>,
}

/// `ApplicationSetCondition`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSetCondition {
    /// Kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in one word.
    pub reason: String,
    /// Why.
    pub message: String,
    /// When it last changed.
    pub last_transition_time: String,
}

/// `ApplicationSetApplicationStatus`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSetApplicationStatus {
    /// Name of the Application.
    pub application: String,
    /// When it got where it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_transition_time: String,
    /// Why it is there.
    pub message: String,
    /// `Waiting`, `Pending`, `Progressing` or `Healthy`.
    pub status: String,
    /// Its step, counted from 1; `-1` is none.
    pub step: String,
    /// What it is to be synced to.
    #[serde(rename = "targetRevisions")]
    pub target_revisions: Vec<String>,
}

/// One Application in the status of its set: upstream's `ResourceStatus`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationSetResource {
    /// Group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Whether it is synced.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Its health.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthStatus>,
}
