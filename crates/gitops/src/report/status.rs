//! Builds the status of an Application from what was observed, as Argo CD shows it.
//! It must not write it.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstay_api::argoproj::{
    ApplicationStatus, ComparedTo, Condition, HealthStatus, OperationState, ResourceStatus, Summary, SyncStatus,
};

use crate::observe::{Observed, Subject};
use crate::plan::compare::Resource;
use crate::plan::health::{self, Health, Judge, Status};
use crate::plan::hydrate;
use crate::plan::key::Key;
use crate::plan::summary::Facts;
use crate::plan::target::Target;

/// The condition that says what is asked for in vain.
const UNSUPPORTED: &str = "UnsupportedFeatureWarning";

/// See [`pace`]. An application of fewer than 50 resources does not wait.
const PACE_PER_RESOURCE: Duration = Duration::from_millis(4);
const PACE_MIN: Duration = Duration::from_millis(200);
const PACE_MAX: Duration = Duration::from_secs(10);

/// Most problems that one condition names; the rest is counted.
const NAMED: usize = 20;

/// What there is to say besides what was observed.
pub(crate) struct Findings {
    /// The operation that ran, if one did.
    pub(crate) operation: Option<OperationState>,
    /// Conditions: type and message.
    pub(crate) conditions: Vec<(&'static str, String)>,
    /// The time, as statuses write it.
    pub(crate) now: String,
}

/// The status of an observed application.
pub(crate) fn build(subject: &Subject, observed: &Observed, findings: Findings) -> ApplicationStatus {
    let old = &subject.valid.status;
    let Findings { operation, conditions: found, now } = findings;
    let judge = observed.judge();
    let aggregate = health::aggregate(&subject.owner, &observed.comparison, &judge);
    let resources: Vec<_> = observed.comparison.resources.iter().map(|one| resource(one, &judge)).collect();
    let mut found = found;
    found.extend(problems(subject, observed));
    found.extend(degraded(observed, &resources));
    found.extend(pin(subject));
    found.extend(orphans(observed));
    let hydration = hydrate::failure(old.source_hydrator.as_ref());
    found.extend(hydration.map(|message| ("HydrationError", message.to_owned())));
    let mut status = ApplicationStatus {
        sync: Some(sync(subject, observed)),
        health: Some(transition(old.health.as_ref(), &aggregate, &now)),
        resources,
        history: old.history.clone(),
        operation_state: operation.or_else(|| old.operation_state.clone()),
        conditions: conditions(&old.conditions, found, &now),
        reconciled_at: old.reconciled_at.clone(),
        source_type: if subject.valid.has_several() { String::new() } else { observed.tools.concat() },
        source_types: observed.tools.iter().filter(|_| subject.valid.has_several()).map(ToString::to_string).collect(),
        summary: Some(summary(observed)),
        source_hydrator: old.source_hydrator.clone(),
        controller_namespace: subject.home.clone(),
    };
    if status != *old {
        status.reconciled_at = now;
    }
    status
}

/// How long to wait between two reports that differ only in how single resources are; `None` for an application that is
/// small enough to report at once.
///
/// The whole list is written each time. While its children come up one by one, an app of apps over 1000 of them would
/// write some 300 KB with every look; so it writes them every four seconds.
pub(crate) fn pace(resources: usize) -> Option<Duration> {
    let pace = PACE_PER_RESOURCE.saturating_mul(u32::try_from(resources).unwrap_or(u32::MAX));
    (pace >= PACE_MIN).then_some(pace.min(PACE_MAX))
}

/// Whether two different statuses differ only in how single resources are, not in how the whole is.
pub(crate) fn differs_in_detail(old: &ApplicationStatus, new: &ApplicationStatus) -> bool {
    let whole = |status: &ApplicationStatus| {
        let mut status = status.clone();
        status.reconciled_at.clear();
        if let Some(health) = &mut status.health {
            health.message.clear();
        }
        for resource in &mut status.resources {
            resource.health = None;
        }
        status
    };
    old != new && old.resources.len() == new.resources.len() && whole(old) == whole(new)
}

fn sync(subject: &Subject, observed: &Observed) -> SyncStatus {
    let valid = &subject.valid;
    let (revision, revisions) = valid.kept(&observed.revisions);
    SyncStatus {
        status: observed.comparison.sync.to_string(),
        revision,
        revisions,
        compared_to: Some(ComparedTo {
            source: valid.single(),
            sources: valid.several().to_vec(),
            destination: valid.spec.destination.clone(),
            ignore_differences: valid.spec.ignore_differences.clone(),
        }),
    }
}

fn transition(old: Option<&HealthStatus>, health: &Health, now: &str) -> HealthStatus {
    let status = health.status.to_string();
    let same = old.filter(|old| old.status == status && !old.last_transition_time.is_empty());
    let last_transition_time = same.map_or(now, |old| &old.last_transition_time).to_owned();
    HealthStatus { status, message: health.message.clone(), last_transition_time }
}

/// The health of an application that was never compared.
pub(crate) fn unknown_health(now: &str) -> HealthStatus {
    HealthStatus { status: "Unknown".to_owned(), message: String::new(), last_transition_time: now.to_owned() }
}

fn resource(resource: &Resource, judge: &Judge<'_>) -> ResourceStatus {
    let missing = || Health::new(Status::Missing, "");
    let health = if resource.live { judge.of(&resource.key) } else { Some(missing()) };
    let health = health.map(|health| HealthStatus {
        status: health.status.to_string(),
        message: health.message,
        last_transition_time: String::new(),
    });
    ResourceStatus {
        group: resource.key.group.clone(),
        version: resource.version.clone(),
        kind: resource.key.kind.clone(),
        namespace: resource.key.namespace.clone(),
        name: resource.key.name.clone(),
        status: if resource.hook { String::new() } else { resource.sync.to_string() },
        health,
        hook: resource.hook,
        requires_pruning: resource.requires_pruning(),
        sync_wave: resource.wave,
    }
}

/// One condition per type of problem, naming each with file and line.
fn problems(subject: &Subject, observed: &Observed) -> Vec<(&'static str, String)> {
    let mut by_type: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    if !subject.valid.remarks.is_empty() {
        by_type.insert(UNSUPPORTED, subject.valid.remarks.clone());
    }
    let judge = observed.judge();
    let live = observed.comparison.resources.iter().map(|resource| &resource.key);
    let failures = live.filter_map(|key| Some(format!("failed to get the health of {key}: {}", judge.failure(key)?)));
    for failure in failures {
        by_type.entry("ComparisonError").or_default().push(failure);
    }
    for problem in &observed.targets.problems {
        by_type.entry(problem.condition()).or_default().push(problem.to_string());
    }
    let prunes = observed.comparison.resources.iter().any(Resource::requires_pruning);
    let automated = subject.valid.automated().is_some_and(|automated| automated.prune);
    let keep = if automated { observed.keep_from_automation(subject) } else { observed.keep.clone() };
    if let Some(keep) = keep.filter(|_| prunes) {
        by_type.insert("PruneWarning", vec![keep]);
    }
    let shared = observed.shared(subject);
    if !shared.is_empty() {
        by_type.insert("SharedResourceWarning", shared);
    }
    by_type.into_iter().map(|(condition, messages)| (condition, join(&messages))).collect()
}

/// What the source says that has come to nothing, and where it says so.
fn degraded(observed: &Observed, resources: &[ResourceStatus]) -> Option<(&'static str, String)> {
    let is_degraded = |health: &&HealthStatus| health.status == Status::Degraded.as_str();
    let messages: Vec<String> = std::iter::zip(&observed.comparison.resources, resources)
        .filter_map(|(compared, resource)| Some((&compared.key, resource.health.as_ref().filter(is_degraded)?)))
        .filter(|(key, _)| !observed.live.get(key).is_some_and(health::is_ignored))
        .filter_map(|(key, health)| Some(blame(observed.targets.by_key.get(key)?, &health.message)))
        .collect();
    (!messages.is_empty()).then(|| ("DegradedResourceWarning", join(&messages)))
}

fn blame(target: &Target, message: &str) -> String {
    let Key { kind, namespace, name, .. } = &target.key;
    let name = if namespace.is_empty() { name.clone() } else { format!("{namespace}/{name}") };
    let message = if message.is_empty() { "is Degraded" } else { message };
    format!("{}: {kind} {name}: {message}", target.place_named(message))
}

fn join(messages: &[String]) -> String {
    let mut text = messages.iter().take(NAMED).cloned().collect::<Vec<_>>().join("\n");
    if messages.len() > NAMED {
        text.push_str(&format!("\nand {} more", messages.len() - NAMED));
    }
    text
}

/// What the application's namespace holds besides.
fn orphans(observed: &Observed) -> Option<(&'static str, String)> {
    let names: Vec<String> = observed.orphans.iter().map(Key::to_string).collect();
    let message = || format!("Application has {} orphaned resources\n{}", names.len(), join(&names));
    (!names.is_empty()).then(|| ("OrphanedResourceWarning", message()))
}

/// Says so while a rollback holds the application.
fn pin(subject: &Subject) -> Option<(&'static str, String)> {
    let valid = &subject.valid;
    let message = || {
        format!(
            "held at revision {} by a rollback; remove annotation mainstay.dev/pinned-revision to follow {} again",
            valid.revisions.join(", "),
            valid.first().revision(),
        )
    };
    valid.pinned.then(|| ("PinnedRevisionWarning", message()))
}

/// Conditions sorted by type; one that says the same as before keeps its time.
pub(crate) fn conditions(old: &[Condition], found: Vec<(&'static str, String)>, now: &str) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = found
        .into_iter()
        .map(|(condition_type, message)| {
            let same = old.iter().find(|old| old.condition_type == condition_type && old.message == message);
            let last_transition_time = same.map_or(now, |old| &old.last_transition_time).to_owned();
            Condition { condition_type: condition_type.to_owned(), message, last_transition_time }
        })
        .collect();
    conditions.sort_by(|a, b| a.condition_type.cmp(&b.condition_type));
    conditions
}

fn summary(observed: &Observed) -> Summary {
    let mut facts = observed.made.clone();
    observed.live.values().for_each(|live| facts.add(Facts::of(live)));
    let applications = observed
        .comparison
        .resources
        .iter()
        .any(|resource| resource.key.kind == "Application" && resource.key.group == mainstay_api::argoproj::GROUP);
    let Facts { images, urls } = facts;
    Summary {
        external_urls: urls.into_iter().collect(),
        images: images.into_iter().collect(),
        is_app_of_apps: applications,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_keep_their_time_while_they_say_the_same() {
        let old = conditions(&[], vec![("SyncError", "a".into()), ("ComparisonError", "b".into())], "then");
        let new = conditions(&old, vec![("SyncError", "a".into()), ("ComparisonError", "c".into())], "now");
        let times: Vec<_> = new.iter().map(|c| (c.condition_type.as_str(), c.last_transition_time.as_str())).collect();
        assert_eq!(times, [("ComparisonError", "now"), ("SyncError", "then")]);
    }

    #[test]
    fn what_is_only_detail_may_wait() {
        let status = |whole: &str, one: &str| -> ApplicationStatus {
            serde_json::from_value(serde_json::json!({
                "health": {"status": whole, "message": one}, "reconciledAt": one,
                "resources": [{"kind": "A", "name": "a", "health": {"status": one}}],
            }))
            .unwrap()
        };
        let old = status("Progressing", "Missing");
        assert!(differs_in_detail(&old, &status("Progressing", "Healthy")));
        assert!(!differs_in_detail(&old, &status("Healthy", "Healthy")));
        assert!(!differs_in_detail(&old, &old), "there is nothing to report");
        assert_eq!([pace(7), pace(300)], [None, Some(Duration::from_millis(1200))]);
    }
}
