//! `argoproj.io/v1alpha1`: Application, AppProject and ApplicationSet, as Argo CD's `pkg/apis/application/v1alpha1`.
//!
//! Typed edges only: what is read of a spec and written to a status. Objects themselves stay `Value`s.
//! It must not know how an application is compared or synced.

mod applicationset;
mod hydrator;
mod operation;
mod status;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use applicationset::{
    ApplicationSetApplicationStatus, ApplicationSetCondition, ApplicationSetResource, ApplicationSetSpec,
    ApplicationSetStatus, ApplicationSetStrategy, ApplicationSetSyncPolicy, IgnoreApplicationDifferences,
    MatchExpression, PreservedFields, RollingStep, RollingSync,
};
pub use hydrator::{
    DrySource, HydrateOperation, HydrateTo, SourceHydrator, SourceHydratorStatus, SuccessfulHydration, SyncSource,
};
pub use operation::{Initiator, Operation, ResourceRef, SyncOperation};
pub use status::{
    ApplicationStatus, ComparedTo, Condition, HealthStatus, OperationState, ResourceResult, ResourceStatus,
    RevisionHistory, Summary, SyncResult, SyncStatus,
};

/// The API group.
pub const GROUP: &str = "argoproj.io";
/// The API version.
pub const VERSION: &str = "v1alpha1";
/// Group and version, as objects say it.
pub const API_VERSION: &str = "argoproj.io/v1alpha1";
/// Which application an object belongs to: `<app>:<group>/<kind>:<namespace>/<name>`.
pub const TRACKING_ID: &str = "argocd.argoproj.io/tracking-id";
/// Asks for a refresh, `normal` or `hard`; removed once done.
pub const REFRESH: &str = "argocd.argoproj.io/refresh";
/// The annotation that asks for the dry source to be rendered again.
pub const HYDRATE: &str = "argocd.argoproj.io/hydrate";
/// The wave a manifest is applied in; a whole number, 0 by default.
pub const SYNC_WAVE: &str = "argocd.argoproj.io/sync-wave";
/// Comma-separated options of one manifest.
pub const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";
/// Comma-separated options of how one manifest is compared.
pub const COMPARE_OPTIONS: &str = "argocd.argoproj.io/compare-options";
/// Makes a manifest a hook.
pub const HOOK: &str = "argocd.argoproj.io/hook";
/// When the object of a hook is deleted.
pub const HOOK_DELETE_POLICY: &str = "argocd.argoproj.io/hook-delete-policy";
/// Keeps the object of a hook until it is known how the hook went.
pub const HOOK_FINALIZER: &str = "argocd.argoproj.io/hook-finalizer";
/// The attempt at a sync that made the object of a hook; Mainstay's own.
pub const HOOK_ATTEMPT: &str = "mainstay.dev/hook-attempt";
/// A digest of the manifest that a live object was replaced with; Mainstay's own.
pub const REPLACED_WITH: &str = "mainstay.dev/replaced-with";
/// The phase that the object of a hook was made for; Mainstay's own.
pub const HOOK_PHASE: &str = "mainstay.dev/hook-phase";
/// With it, hooks of phase `PreDelete` run before an application's resources are deleted.
pub const PRE_DELETE_FINALIZER: &str = "pre-delete-finalizer.argocd.argoproj.io";
/// With it, hooks of phase `PostDelete` run when an application's resources are gone.
pub const POST_DELETE_FINALIZER: &str = "post-delete-finalizer.argocd.argoproj.io";
/// Makes automated syncs give way to a newer commit, unless it is `false`; Mainstay's own.
pub const SUPERSEDE_SYNCS: &str = "mainstay.dev/supersede-syncs";
/// Helm's way to say when the object of a hook is deleted.
pub const HELM_HOOK_DELETE_POLICY: &str = "helm.sh/hook-delete-policy";
/// Helm's order of hooks; the wave of what has no other.
pub const HELM_HOOK_WEIGHT: &str = "helm.sh/hook-weight";
/// Helm's way to make a manifest a hook.
pub const HELM_HOOK: &str = "helm.sh/hook";
/// Leaves an object out of its application's health.
pub const IGNORE_HEALTHCHECK: &str = "argocd.argoproj.io/ignore-healthcheck";
/// Leaves an application alone while it is `true`.
pub const SKIP_RECONCILE: &str = "argocd.argoproj.io/skip-reconcile";
/// Approves deletions that ask for confirmation.
pub const DELETION_APPROVED: &str = "argocd.argoproj.io/deletion-approved";
/// With this finalizer, deleting an application deletes its resources first.
pub const RESOURCES_FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";
/// Holds automated sync at a revision after a rollback; Mainstay's own.
pub const PINNED_REVISION: &str = "mainstay.dev/pinned-revision";
/// How many Applications of a set, or resources of an Application, may be deleted without a person's word: a number or a
/// percentage; Mainstay's own.
pub const DELETION_BUDGET: &str = "mainstay.dev/deletion-budget";
/// Label of the Secrets that tell of a cluster (`cluster`) or a repository.
pub const SECRET_TYPE: &str = "argocd.argoproj.io/secret-type";
/// Name of the control plane's own cluster.
pub const IN_CLUSTER: &str = "in-cluster";
/// URL of the control plane's own cluster.
pub const IN_CLUSTER_SERVER: &str = "https://kubernetes.default.svc";

/// The CustomResourceDefinitions of this group: Application, AppProject and ApplicationSet.
#[must_use]
pub fn custom_resource_definitions() -> Vec<Value> {
    let files = [
        include_str!("../crds/argoproj.io_applications.json"),
        include_str!("../crds/argoproj.io_appprojects.json"),
        include_str!("../crds/argoproj.io_applicationsets.json"),
    ];
    files.into_iter().map(|text| serde_json::from_str(text).expect("the files are JSON; a test reads them")).collect()
}

/// The project that every application without one of its own belongs to: it allows everything.
#[must_use]
pub fn default_project(namespace: &str) -> Value {
    serde_json::json!({
        "apiVersion": API_VERSION, "kind": "AppProject",
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    })
}

/// The commits that a part of a status tells, `status.sync` or an entry of the history: of several sources, or of one.
#[must_use]
pub fn revisions(told: &Value) -> Vec<&str> {
    let several = told.get("revisions").and_then(Value::as_array).filter(|several| !several.is_empty());
    match several {
        Some(several) => several.iter().filter_map(Value::as_str).collect(),
        None => told.get("revision").and_then(Value::as_str).filter(|one| !one.is_empty()).into_iter().collect(),
    }
}

/// `Application.spec`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSpec {
    /// Where the manifests are; or `sources`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Several sources, which are deployed together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// Where to deploy to.
    pub destination: Destination,
    /// Name of the AppProject; `default` where empty.
    pub project: String,
    /// How to sync.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_policy: Option<SyncPolicy>,
    /// Fields that comparing leaves out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore_differences: Vec<IgnoreDifferences>,
    /// How many history entries are kept; 10 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<i64>,
    /// Renders what is deployed from somewhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_hydrator: Option<SourceHydrator>,
}

/// `ApplicationSource`. The options of tools are kept as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Source {
    /// URL of the repository.
    #[serde(rename = "repoURL")]
    pub repo_url: String,
    /// Directory in the repository; empty or `.` for its root.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Branch, tag, commit or `HEAD`; empty is `HEAD`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target_revision: String,
    /// Options of a directory of plain manifests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<Directory>,
    /// Name of a Helm chart in a Helm repository.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub chart: String,
    /// Helm options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm: Option<Value>,
    /// Kustomize options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<Value>,
    /// Plugin options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Value>,
    /// What other sources of the application call this one, as in `$values/dev.yaml`.
    #[serde(rename = "ref", skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// What people call it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl Source {
    /// Whether it has manifests of its own, and is not only there for others to read values from.
    #[must_use]
    pub fn has_manifests(&self) -> bool {
        self.reference.is_empty() || !self.path.is_empty() || !self.chart.is_empty()
    }

    /// The revision it follows: `HEAD` where it says none.
    #[must_use]
    pub fn revision(&self) -> &str {
        if self.target_revision.is_empty() { "HEAD" } else { &self.target_revision }
    }
}

/// `ApplicationSourceDirectory`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Directory {
    /// Whether subdirectories are read too.
    #[serde(skip_serializing_if = "is_false")]
    pub recurse: bool,
    /// Glob of paths that alone are read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub include: String,
    /// Glob of paths that are left out.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub exclude: String,
    /// Jsonnet options; kept as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jsonnet: Option<Value>,
    /// Reads files of every extension.
    #[serde(skip_serializing_if = "is_false")]
    pub disable_extension_filter: bool,
}

/// `ApplicationDestination`: `server` or `name`, not both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Destination {
    /// URL of the cluster's API.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// Name of the cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Namespace of namespaced manifests that name none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

/// `SyncPolicy`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncPolicy {
    /// Syncs without being asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automated: Option<Automated>,
    /// Options such as `CreateNamespace=true`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sync_options: Vec<String>,
    /// How a failed sync is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Labels and annotations of the namespace that `CreateNamespace` makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_namespace_metadata: Option<NamespaceMetadata>,
}

/// `SyncPolicyAutomated`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Automated {
    /// Deletes what is no longer in the source.
    pub prune: bool,
    /// Undoes changes made to live objects.
    pub self_heal: bool,
    /// Allows an automated sync that leaves nothing.
    pub allow_empty: bool,
    /// `false` keeps the block but switches it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// `RetryStrategy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Retry {
    /// How many times; negative is for ever, 0 never.
    pub limit: i64,
    /// How long to wait between tries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// Whether a retry takes the newest revision.
    #[serde(skip_serializing_if = "is_false")]
    pub refresh: bool,
}

/// `Backoff`, with durations as Go writes them (`5s`, `3m`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Backoff {
    /// First wait; 5 s by default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub duration: String,
    /// Factor of each further wait; 2 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<i64>,
    /// Longest wait; 3 min by default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub max_duration: String,
}

/// `ManagedNamespaceMetadata`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamespaceMetadata {
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// `ResourceIgnoreDifferences`. Group and kind are globs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IgnoreDifferences {
    /// Group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name; empty is any.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Namespace; empty is any.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// JSON pointers that are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub json_pointers: Vec<String>,
    /// jq expressions that are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jq_path_expressions: Vec<String>,
    /// Field managers whose fields are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub managed_fields_managers: Vec<String>,
}

/// `AppProject.spec`, as far as it is enforced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AppProjectSpec {
    /// Globs of repositories; `!` denies.
    pub source_repos: Vec<String>,
    /// Where its applications may deploy to; `!` denies.
    pub destinations: Vec<Destination>,
    /// Cluster-scoped kinds that are allowed; empty allows none.
    pub cluster_resource_whitelist: Vec<GroupKindName>,
    /// Cluster-scoped kinds that are denied.
    pub cluster_resource_blacklist: Vec<GroupKindName>,
    /// Namespaced kinds that are allowed; absent allows all.
    pub namespace_resource_whitelist: Option<Vec<GroupKindName>>,
    /// Namespaced kinds that are denied.
    pub namespace_resource_blacklist: Vec<GroupKindName>,
    /// When its applications may sync; kept as it is.
    pub sync_windows: Vec<Value>,
    /// Whether to tell of resources that no application deploys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orphaned_resources: Option<OrphanedResources>,
    /// Keys that commits must be signed with; kept as it is.
    pub signature_keys: Vec<Value>,
    /// What commits must prove; kept as it is.
    pub source_integrity: Option<Value>,
    /// Namespaces besides GitOps' own whose Applications may be of it; globs.
    pub source_namespaces: Vec<String>,
    /// Whether its applications may deploy to clusters of the project only.
    pub permit_only_project_scoped_clusters: bool,
}

/// `OrphanedResourcesMonitorSettings`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrphanedResources {
    /// Whether Applications carry a warning.
    pub warn: bool,
    /// What is not told of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<GroupKindName>,
}

/// `ClusterResourceRestrictionItem`: globs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupKindName {
    /// Group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name; empty is any.
    pub name: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_carry_the_names_of_upstream() {
        let definitions = custom_resource_definitions();
        let names: Vec<_> = definitions.iter().map(|crd| &crd["spec"]["names"]).collect();
        assert_eq!(names[0]["shortNames"], serde_json::json!(["app", "apps"]));
        assert_eq!(names[1]["plural"], "appprojects");
        let columns = &definitions[0]["spec"]["versions"][0]["additionalPrinterColumns"];
        assert_eq!(columns[0]["name"], "Sync Status");
    }

    #[test]
    fn a_status_round_trips_without_empty_fields() {
        let status = serde_json::json!({
            "sync": {"status": "Synced", "revision": "abc", "comparedTo": {"destination": {"name": "dev"},
                "source": {"repoURL": "http://x/y.git", "path": "a"}}},
            "resources": [{"version": "v1", "kind": "ConfigMap", "name": "a", "namespace": "b", "status": "Synced"}],
            "operationState": {"operation": {"sync": {"revision": "abc"}}, "phase": "Succeeded", "startedAt": "2030-01-01T00:00:00Z"},
        });
        let typed: ApplicationStatus = serde_json::from_value(status.clone()).unwrap();
        assert_eq!(serde_json::to_value(&typed).unwrap(), status);
    }
}
