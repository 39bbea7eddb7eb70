//! Sync options: of the application, of one manifest, and which wins.
//! It must not know how an option is carried out.

use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use serde_json::Value;

/// The option to deploy nothing while another application deploys one of the resources too.
pub const FAIL_ON_SHARED: &str = "FailOnSharedResource";
/// The option to leave ignored fields as they are when applying.
pub const RESPECT_IGNORED: &str = "RespectIgnoreDifferences";

/// Options that are understood.
const KNOWN: &[&str] = &[
    "Validate",
    "CreateNamespace",
    "Prune",
    "PruneLast",
    "PrunePropagationPolicy",
    "Delete",
    "Replace",
    "Force",
    "ServerSideApply",
    "ClientSideApplyMigration",
    "SkipDryRunOnMissingResource",
    "ApplyOutOfSyncOnly",
    RESPECT_IGNORED,
    FAIL_ON_SHARED,
];

/// A list of options such as `CreateNamespace=true`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncOptions(Vec<String>);

impl SyncOptions {
    /// The application's options.
    #[must_use]
    pub fn new(options: &[String]) -> Self {
        Self(options.iter().map(|option| option.trim().to_owned()).filter(|option| !option.is_empty()).collect())
    }

    /// The options in a manifest's annotation.
    #[must_use]
    pub fn of(manifest: &Value) -> Self {
        let text = object::annotation(manifest, argoproj::SYNC_OPTIONS).unwrap_or_default();
        Self(text.split(',').map(|option| option.trim().to_owned()).filter(|option| !option.is_empty()).collect())
    }

    /// Whether an option has a value.
    #[must_use]
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.value(name) == Some(value)
    }

    /// The value of an option.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }

    /// The options as they are written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The options that nobody understands.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.iter().filter(|option| {
            let name = option.split_once('=').map_or(*option, |(name, _)| name);
            !KNOWN.contains(&name)
        })
    }
}

/// Whether live objects may be deleted by a sync, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PruneMode {
    /// In its wave.
    #[default]
    Normal,
    /// After everything else.
    Last,
    /// Not at all.
    Never,
    /// Not before somebody confirms.
    Confirm,
}

/// How a live object may be pruned: its own annotation first, then the application's options.
#[must_use]
pub fn prune_mode(live: &Value, app: &SyncOptions) -> PruneMode {
    let own = SyncOptions::of(live);
    match own.value("Prune").or_else(|| app.value("Prune")) {
        Some("false") => return PruneMode::Never,
        Some("confirm") if object::annotation(live, argoproj::DELETION_APPROVED).is_none() => {
            return PruneMode::Confirm;
        }
        _ => {}
    }
    if own.has("PruneLast", "true") || app.has("PruneLast", "true") { PruneMode::Last } else { PruneMode::Normal }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_manifest_overrides_its_application() {
        let app = SyncOptions::new(&["PruneLast=true".into(), "Bogus=1".into()]);
        let plain = json!({});
        let kept =
            json!({"metadata": {"annotations": {"argocd.argoproj.io/sync-options": "Validate=false, Prune=false"}}});
        assert_eq!(prune_mode(&plain, &app), PruneMode::Last);
        assert_eq!(prune_mode(&kept, &app), PruneMode::Never);
        assert_eq!(app.unknown().collect::<Vec<_>>(), ["Bogus=1"]);
    }
}
