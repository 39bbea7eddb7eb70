//! `.operation` of an Application: a requested sync.
//! It must not know how a sync is run.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Retry, Source, is_false, is_zero};

/// `Operation`: a requested sync.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Operation {
    /// The sync.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncOperation>,
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiated_by: Option<Initiator>,
    /// How a failure is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Free remarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub info: Vec<Value>,
}

/// `SyncOperation`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncOperation {
    /// The revision to sync to; empty is the application's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// The revision of each of several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<String>,
    /// Deletes what is no longer in the source.
    #[serde(skip_serializing_if = "is_false")]
    pub prune: bool,
    /// Applies nothing.
    #[serde(skip_serializing_if = "is_false")]
    pub dry_run: bool,
    /// Only these resources; empty is all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceRef>,
    /// Options instead of the application's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sync_options: Vec<String>,
    /// A source instead of the application's; kept as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Sources instead of the application's; kept as they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// How often automated self-healing has tried this revision.
    #[serde(skip_serializing_if = "is_zero")]
    pub auto_heal_attempts_count: i64,
    /// Apply or hook strategy; kept as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_strategy: Option<Value>,
}

impl SyncOperation {
    /// The revision asked for of each source; empty where none is.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        if self.revisions.is_empty() { one(&self.revision) } else { self.revisions.clone() }
    }
}

fn one(revision: &str) -> Vec<String> {
    Some(revision.to_owned()).filter(|revision| !revision.is_empty()).into_iter().collect()
}

/// `SyncOperationResource`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceRef {
    /// Group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty is any.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// `OperationInitiator`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Initiator {
    /// Who, if a person.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// Whether automated sync.
    #[serde(skip_serializing_if = "is_false")]
    pub automated: bool,
}
