//! What is asked for in vain: options that are not heeded, in words. Nothing that a person wrote is passed over in
//! silence.
//! It must not know where the words are shown.

use mainstay_api::argoproj::{self, ApplicationSpec, IgnoreDifferences};
use mainstay_apimachinery::object;
use mainstay_lua::{Customizations, StatusField};
use serde_json::Value;

use super::jq;
use super::options::SyncOptions;

/// Sync options that are known but not heeded with this value, and what holds instead.
const SYNC: &[(&str, &str)] = &[
    ("Validate=false", "the API server always validates what is applied"),
    ("ServerSideApply=false", "manifests are always applied server-side"),
    ("ClientSideApplyMigration=true", "fields that kubectl apply owns stay its own"),
    ("ApplyOutOfSyncOnly=false", "only what is out of sync is ever applied"),
    ("SkipDryRunOnMissingResource=false", "a kind that is not served is reported, and the rest is deployed"),
];

/// Compare options that are heeded, or that ask for what is done anyway.
const COMPARE_KNOWN: &[&str] = &["IgnoreExtraneous", "ServerSideDiff=true", "IncludeMutationWebhook=true"];

/// Fields of a project that are not enforced.
const PROJECT: &[(&str, &str)] = &[
    ("roles", "are not enforced yet; access is what the API server grants"),
    ("destinationServiceAccounts", "are not used yet; everything is applied as mainstay-gitops"),
];

/// What a set of sync options asks in vain.
pub fn sync_options(options: &SyncOptions) -> impl Iterator<Item = String> {
    let why = |option: &str| SYNC.iter().find(|(known, _)| *known == option).map(|(_, why)| *why);
    let unheeded = options.iter().filter_map(move |option| Some(format!("{option} has no effect; {}", why(option)?)));
    unheeded.chain(options.unknown().map(|option| format!("{option} is not known and has no effect")))
}

/// What the annotation with compare options of an object asks in vain.
pub fn compare_options(value: &Value) -> impl Iterator<Item = String> {
    let text = object::annotation(value, argoproj::COMPARE_OPTIONS).unwrap_or_default();
    let options = text.split(',').map(str::trim).filter(|option| !option.is_empty() && !COMPARE_KNOWN.contains(option));
    options.map(|option| {
        let why = if option.starts_with("ServerSideDiff") || option.starts_with("IncludeMutationWebhook") {
            "comparing is always a server-side dry run, webhooks included"
        } else {
            "it is not known"
        };
        format!("{option} has no effect; {why}")
    })
}

/// What the annotations of a manifest ask in vain.
#[must_use]
pub fn manifest(value: &Value) -> Vec<String> {
    let options = SyncOptions::of(value);
    let sync = sync_options(&options).map(|said| format!("{}: {said}", argoproj::SYNC_OPTIONS));
    let compare = compare_options(value).map(|said| format!("{}: {said}", argoproj::COMPARE_OPTIONS));
    sync.chain(compare).collect()
}

/// What an Application asks in vain.
#[must_use]
pub fn application(app: &Value, spec: &ApplicationSpec) -> Vec<String> {
    let policy = spec.sync_policy.clone().unwrap_or_default();
    let options = SyncOptions::new(&policy.sync_options);
    let mut said: Vec<String> =
        sync_options(&options).map(|said| format!("spec.syncPolicy.syncOptions: {said}")).collect();
    said.extend(compare_options(app).map(|said| format!("{}: {said}", argoproj::COMPARE_OPTIONS)));
    said.extend(expressions(&spec.ignore_differences).map(|said| format!("spec.ignoreDifferences: {said}")));
    said
}

/// Path expressions that cannot be used.
fn expressions(rules: &[IgnoreDifferences]) -> impl Iterator<Item = String> {
    let expressions = rules.iter().flat_map(|rule| &rule.jq_path_expressions);
    expressions.filter_map(|expression| {
        let why = jq::compiled(expression).err()?;
        Some(format!("jqPathExpressions: {expression} has no effect; {why}"))
    })
}

/// What the ConfigMap `argocd-cm` asks in vain. `rules` are its rules for comparisons.
#[must_use]
pub fn settings(customizations: &Customizations, rules: &[IgnoreDifferences]) -> Vec<String> {
    let mut said: Vec<String> = expressions(rules).map(|said| format!("ignoreDifferences: {said}")).collect();
    if customizations.compare_options().ignore_resource_status_field != StatusField::All {
        said.push("resource.compareoptions: ignoreResourceStatusField has no effect; a status never counts".to_owned());
    }
    if customizations.has_known_type_fields() {
        said.push("knownTypeFields has no effect; what fields mean is what the API server makes of them".to_owned());
    }
    said.into_iter().map(|said| format!("ConfigMap argocd-cm: {said}")).collect()
}

/// What a project asks in vain.
#[must_use]
pub fn project(name: &str, project: &Value) -> Vec<String> {
    let asked = |field: &str| match project.get("spec").and_then(|spec| spec.get(field)) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    };
    let unheeded = PROJECT.iter().filter(|(field, _)| asked(field));
    unheeded.map(|(field, why)| format!("project {name}: {field} {why}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_manifest_is_told_what_is_not_heeded() {
        let value = json!({"metadata": {"annotations": {
            "argocd.argoproj.io/sync-options": "Validate=false,Prune=false,Bogus=1,ServerSideApply=true",
            "argocd.argoproj.io/compare-options": "IgnoreExtraneous, ServerSideDiff=false, Other",
        }}});
        assert_eq!(
            manifest(&value),
            [
                "argocd.argoproj.io/sync-options: Validate=false has no effect; the API server always validates what is applied",
                "argocd.argoproj.io/sync-options: Bogus=1 is not known and has no effect",
                "argocd.argoproj.io/compare-options: ServerSideDiff=false has no effect; comparing is always a server-side dry run, webhooks included",
                "argocd.argoproj.io/compare-options: Other has no effect; it is not known",
            ]
        );
    }

    #[test]
    fn a_project_is_told_what_is_not_enforced() {
        let spec = json!({"spec": {"roles": [{}], "permitOnlyProjectScopedClusters": false}});
        let said = "project shop: roles are not enforced yet; access is what the API server grants";
        assert_eq!(project("shop", &spec), [said]);
    }
}
