//! `spec.sourceHydrator`: manifests are rendered from one place in git and committed to another, which is deployed.
//! It must not know who renders.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Directory, Source};

/// `SourceHydrator`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceHydrator {
    /// What is rendered.
    pub dry_source: DrySource,
    /// What is deployed.
    pub sync_source: SyncSource,
    /// Where rendered manifests are committed to, if not to what is deployed: somebody brings them there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hydrate_to: Option<HydrateTo>,
}

/// `DrySource`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DrySource {
    /// URL of the repository.
    #[serde(rename = "repoURL")]
    pub repo_url: String,
    /// Branch, tag or commit.
    pub target_revision: String,
    /// Directory in the repository.
    pub path: String,
    /// Options of a directory of plain manifests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<Directory>,
    /// Helm options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm: Option<Value>,
    /// Kustomize options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<Value>,
    /// Plugin options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Value>,
}

/// `SyncSource`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncSource {
    /// URL of the repository; that of the dry source where empty.
    #[serde(rename = "repoURL", skip_serializing_if = "String::is_empty")]
    pub repo_url: String,
    /// The branch.
    pub target_branch: String,
    /// Directory in the repository.
    pub path: String,
}

/// `HydrateTo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HydrateTo {
    /// The branch.
    pub target_branch: String,
}

impl SourceHydrator {
    /// What is rendered, as a source.
    #[must_use]
    pub fn dry(&self) -> Source {
        let DrySource { repo_url, target_revision, path, directory, helm, kustomize, plugin } = self.dry_source.clone();
        Source { repo_url, target_revision, path, directory, helm, kustomize, plugin, ..Source::default() }
    }

    /// What is deployed, as a source.
    #[must_use]
    pub fn synced(&self) -> Source {
        Source {
            repo_url: self.repository().to_owned(),
            target_revision: self.sync_source.target_branch.clone(),
            path: self.sync_source.path.clone(),
            ..Source::default()
        }
    }

    /// The repository that rendered manifests are committed to.
    #[must_use]
    pub fn repository(&self) -> &str {
        let SyncSource { repo_url, .. } = &self.sync_source;
        if repo_url.is_empty() { &self.dry_source.repo_url } else { repo_url }
    }

    /// The branch that rendered manifests are committed to.
    #[must_use]
    pub fn branch(&self) -> &str {
        self.hydrate_to.as_ref().map_or(&self.sync_source.target_branch, |to| &to.target_branch)
    }
}

/// `SourceHydratorStatus`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceHydratorStatus {
    /// The last that went well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_successful_operation: Option<SuccessfulHydration>,
    /// The last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_operation: Option<HydrateOperation>,
}

/// `SuccessfulHydrateOperation`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SuccessfulHydration {
    /// The commit that was rendered.
    #[serde(rename = "drySHA")]
    pub dry_sha: String,
    /// The commit that came of it.
    #[serde(rename = "hydratedSHA")]
    pub hydrated_sha: String,
    /// How it was asked for.
    pub source_hydrator: SourceHydrator,
}

/// `HydrateOperation`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HydrateOperation {
    /// When it began.
    pub started_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub finished_at: String,
    /// `Hydrated` or `Failed`.
    pub phase: String,
    /// In words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The commit that was rendered.
    #[serde(rename = "drySHA", skip_serializing_if = "String::is_empty")]
    pub dry_sha: String,
    /// The commit that came of it.
    #[serde(rename = "hydratedSHA", skip_serializing_if = "String::is_empty")]
    pub hydrated_sha: String,
    /// How it was asked for.
    pub source_hydrator: SourceHydrator,
}
