//! `.status` of an Application.
//! It must not know how a status is come by.

use serde::{Deserialize, Serialize};

use super::hydrator::SourceHydratorStatus;
use super::{Destination, IgnoreDifferences, Initiator, Operation, Source, is_false, is_zero};

/// `Application.status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationStatus {
    /// Whether live matches desired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncStatus>,
    /// Health of the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthStatus>,
    /// Each managed resource.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceStatus>,
    /// Finished syncs, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<RevisionHistory>,
    /// The running or last operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_state: Option<OperationState>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// When the status last changed through a comparison.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reconciled_at: String,
    /// `Directory`, `Kustomize`, `Helm` or `Plugin`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source_type: String,
    /// The same of each of several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_types: Vec<String>,
    /// Images and links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// What became of the source hydrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_hydrator: Option<SourceHydratorStatus>,
    /// Namespace of the controller.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub controller_namespace: String,
}

/// `SyncStatus`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncStatus {
    /// `Synced`, `OutOfSync` or `Unknown`.
    pub status: String,
    /// Commit compared with.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// Commits compared with, where there are several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<String>,
    /// What was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared_to: Option<ComparedTo>,
}

/// `ComparedTo`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ComparedTo {
    /// The source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The sources, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// The destination.
    pub destination: Destination,
    /// The fields left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore_differences: Vec<IgnoreDifferences>,
}

/// `HealthStatus`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthStatus {
    /// `Healthy`, `Suspended`, `Progressing`, `Missing`, `Degraded` or `Unknown`.
    pub status: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it changed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_transition_time: String,
}

/// `ResourceStatus`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceStatus {
    /// Group; empty for core.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty if cluster-scoped.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `Synced`, `OutOfSync` or `Unknown`; empty for hooks.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Health; absent where the kind has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthStatus>,
    /// Whether it is a hook.
    #[serde(skip_serializing_if = "is_false")]
    pub hook: bool,
    /// Whether it is no longer in the source.
    #[serde(skip_serializing_if = "is_false")]
    pub requires_pruning: bool,
    /// Its wave, unless 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub sync_wave: i64,
}

/// `RevisionHistory`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RevisionHistory {
    /// Grows by one.
    pub id: i64,
    /// Commit.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// Commits, where there are several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<String>,
    /// When the sync ended.
    pub deployed_at: String,
    /// When it began.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deploy_started_at: String,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// From where, if from several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiated_by: Option<Initiator>,
}

/// `OperationState`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OperationState {
    /// What was asked.
    pub operation: Operation,
    /// `Running`, `Terminating`, `Succeeded`, `Failed` or `Error`.
    pub phase: String,
    /// In words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_result: Option<SyncResult>,
    /// When it began.
    pub started_at: String,
    /// When it, or its last try, ended.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub finished_at: String,
    /// How many times it was tried again.
    #[serde(skip_serializing_if = "is_zero")]
    pub retry_count: i64,
}

/// `SyncOperationResult`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncResult {
    /// Commit; empty where there are several sources.
    pub revision: String,
    /// Commits, where there are several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<String>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// From where, if from several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// What became of each resource.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceResult>,
}

impl SyncStatus {
    /// The commits compared with, one for each source.
    #[must_use]
    pub fn all_revisions(&self) -> Vec<&str> {
        all(&self.revision, &self.revisions)
    }
}

impl SyncResult {
    /// The commits, one for each source.
    #[must_use]
    pub fn all_revisions(&self) -> Vec<&str> {
        all(&self.revision, &self.revisions)
    }

    /// The sources; empty if they were not recorded.
    #[must_use]
    pub fn all_sources(&self) -> &[Source] {
        if self.sources.is_empty() { self.source.as_slice() } else { &self.sources }
    }
}

fn all<'a>(one: &'a str, several: &'a [String]) -> Vec<&'a str> {
    if several.is_empty() { vec![one] } else { several.iter().map(String::as_str).collect() }
}

/// `ResourceResult`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceResult {
    /// Group; empty for core.
    pub group: String,
    /// Version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty if cluster-scoped.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `Synced`, `SyncFailed`, `Pruned` or `PruneSkipped`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// In words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The phase of a hook; empty for other resources.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hook_type: String,
    /// `Running`, `Succeeded` or `Failed`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hook_phase: String,
    /// `PreSync`, `Sync`, `PostSync` or `SyncFail`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sync_phase: String,
}

/// `ApplicationCondition`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// Such as `ComparisonError`.
    #[serde(rename = "type")]
    pub condition_type: String,
    /// In words.
    pub message: String,
    /// When it came up.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_transition_time: String,
}

/// `ApplicationSummary`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    /// Links of ingresses and services.
    #[serde(rename = "externalURLs", skip_serializing_if = "Vec::is_empty")]
    pub external_urls: Vec<String>,
    /// Container images of the live objects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Whether it manages applications.
    #[serde(skip_serializing_if = "is_false")]
    pub is_app_of_apps: bool,
}
