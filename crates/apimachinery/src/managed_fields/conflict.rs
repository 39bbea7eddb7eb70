//! What stands in the way of an apply, worded as upstream words it.
//! It must not know how conflicts are found.

use std::collections::BTreeMap;
use std::fmt;

use super::entries::{Entry, Operation};
use super::extract::TypeError;

/// One field that another manager owns with another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The manager that owns the field.
    pub manager: String,
    /// How it came to own it.
    pub operation: Operation,
    /// The version it wrote.
    pub api_version: String,
    /// The subresource it wrote through; empty for the object itself.
    pub subresource: String,
    /// When it wrote; empty where the entry has no time.
    pub time: String,
    /// The field, as `.spec.template.spec.containers[name="web"].image`.
    pub path: String,
}

impl Conflict {
    pub(super) fn new(entry: &Entry<'_>, path: String) -> Self {
        Self {
            manager: entry.manager.to_string(),
            operation: entry.operation,
            api_version: entry.api_version.to_string(),
            subresource: entry.subresource.to_string(),
            time: entry.time.as_deref().unwrap_or_default().to_owned(),
            path,
        }
    }

    /// The other manager: `"web"`, `"web" using apps/v1`, `"hpa" with subresource "scale"`.
    #[must_use]
    pub fn who(&self) -> String {
        let mut who = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            who = format!("{who} with subresource {:?}", self.subresource);
        }
        match self.operation {
            Operation::Apply => who,
            Operation::Update => format!("{who} using {}", self.api_version),
        }
    }
}

/// Prints as the message of a cause: `conflict with "web" using v1`.
impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conflict with {}", self.who())
    }
}

/// Why a configuration was not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Other managers own fields with other values. Upstream answers 409; `force` takes the fields over.
    #[error("{}", conflict_message(.0))]
    Conflicts(Vec<Conflict>),
    /// The configuration does not fit its schema. Upstream answers 500 with this text.
    #[error("{}", invalid_message(.0))]
    Invalid(Vec<TypeError>),
    /// The live object's `managedFields` cannot be read.
    #[error("failed to read metadata.managedFields of the live object")]
    LiveFields,
}

fn conflict_message(conflicts: &[Conflict]) -> String {
    if let [only] = conflicts {
        return format!("Apply failed with 1 conflict: {only}: {}", only.path);
    }
    let mut managers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for conflict in conflicts {
        managers.entry(conflict.who()).or_default().push(&conflict.path);
    }
    let lines: Vec<String> =
        managers.iter().map(|(who, paths)| format!("conflicts with {who}:\n- {}", paths.join("\n- "))).collect();
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

fn invalid_message(errors: &[TypeError]) -> String {
    if let [only] = errors {
        return only.to_string();
    }
    let lines: String = errors.iter().map(|error| format!("\n  {error}")).collect();
    format!("errors:{lines}")
}
