//! One sync, step by step: run the next wave, wait for it to be healthy, finish. As gitops-engine's `sync_context`,
//! but everything it needs to go on is in `status.operationState`, so a restart goes on where it was.
//! It must not know how a wave is run.

use std::collections::BTreeMap;

use mainstay_api::argoproj::ResourceResult;

use super::health::Status;
use super::hook::Phase;
use super::key::Key;
use super::order::Wave;

/// `ResourceResult.status` of an applied resource.
pub const SYNCED: &str = "Synced";
/// `ResourceResult.status` of a resource that could not be applied or pruned.
pub const SYNC_FAILED: &str = "SyncFailed";
/// `ResourceResult.status` of a pruned resource.
pub const PRUNED: &str = "Pruned";
/// `ResourceResult.status` of a resource that was left although it is no longer in the source.
pub const PRUNE_SKIPPED: &str = "PruneSkipped";

/// `ResourceResult.hookPhase` of what runs, went well, or did not.
pub const RUNNING: &str = "Running";
const SUCCEEDED: &str = "Succeeded";
const FAILED: &str = "Failed";

/// A resource, or a hook in one of its phases.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Task {
    /// The phase.
    pub phase: Phase,
    /// What it is about.
    pub key: Key,
}

impl Task {
    /// The task of a resource that is no hook.
    #[must_use]
    pub fn resource(key: &Key) -> Self {
        Self { phase: Phase::Sync, key: key.clone() }
    }
}

/// What became of each task so far.
pub type Results = BTreeMap<Task, ResourceResult>;

/// Whether a result is that of a hook.
#[must_use]
pub fn is_hook(result: &ResourceResult) -> bool {
    !result.hook_type.is_empty()
}

/// Whether a result is that of a hook that was not seen to end.
#[must_use]
pub fn is_running_hook(result: &ResourceResult) -> bool {
    is_hook(result) && result.hook_phase == RUNNING
}

/// Notes how a hook ended.
pub fn end_hook(result: &mut ResourceResult, succeeded: bool, message: String) {
    (if succeeded { SUCCEEDED } else { FAILED }).clone_into(&mut result.hook_phase);
    if !message.is_empty() {
        result.message = message;
    }
}

/// Whether a hook has ended, and how.
#[must_use]
pub fn hook_ended(result: &ResourceResult) -> Option<bool> {
    match result.hook_phase.as_str() {
        SUCCEEDED => Some(true),
        FAILED => Some(false),
        _ => None,
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Run a wave.
    Run(Wave),
    /// Wait for what was applied; in words.
    Wait(String),
    /// Done.
    Finish {
        /// Whether everything went well.
        succeeded: bool,
        /// In words.
        message: String,
    },
}

/// The results a status holds.
#[must_use]
pub fn results(resources: &[ResourceResult]) -> Results {
    resources.iter().map(|result| (task(result), result.clone())).collect()
}

fn task(result: &ResourceResult) -> Task {
    let key = Key {
        group: result.group.clone(),
        kind: result.kind.clone(),
        namespace: result.namespace.clone(),
        name: result.name.clone(),
    };
    Task { phase: result.sync_phase.parse().unwrap_or_default(), key }
}

/// The result of a hook that was made, or could not be.
#[must_use]
pub fn hook_result(phase: Phase, result: ResourceResult) -> ResourceResult {
    ResourceResult { hook_type: phase.to_string(), sync_phase: phase.to_string(), ..result }
}

/// The result of a resource.
#[must_use]
pub fn result(key: &Key, version: &str, status: &str, message: impl Into<String>) -> ResourceResult {
    ResourceResult {
        group: key.group.clone(),
        version: version.to_owned(),
        kind: key.kind.clone(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        status: status.to_owned(),
        message: message.into(),
        hook_type: String::new(),
        hook_phase: match status {
            SYNCED => RUNNING,
            SYNC_FAILED => FAILED,
            _ => SUCCEEDED,
        }
        .to_owned(),
        sync_phase: Phase::Sync.to_string(),
    }
}

/// Decides the next step. `pending` are the waves of what is still to be done; `health` tells the health of a live
/// resource, and `None` where its kind has none. After a failure only hooks of phase `SyncFail` are run.
#[must_use]
pub fn next(pending: &[Wave], results: &Results, health: impl Fn(&Key) -> Option<Status>) -> Step {
    if let Some((task, _)) = results.iter().find(|(_, result)| is_running_hook(result)) {
        return Step::Wait(format!("waiting for completion of hook {}", task.key));
    }
    let (after_failure, regular): (Vec<&Wave>, Vec<&Wave>) =
        pending.iter().partition(|wave| wave.phase == Phase::SyncFail);
    let failed = failure(results).or_else(|| degraded(regular.first()?, results, &health));
    let Some(wave) = regular.first().filter(|_| failed.is_none()) else {
        return match (failed, after_failure.first()) {
            (None, _) => Step::Finish { succeeded: true, message: "successfully synced (all tasks run)".to_owned() },
            (Some(_), Some(wave)) => Step::Run((*wave).clone()),
            (Some(message), None) => Step::Finish { succeeded: false, message },
        };
    };
    let waiting: Vec<&Key> =
        applied(results).filter(|key| health(key).is_some_and(|status| status != Status::Healthy)).collect();
    match waiting.first() {
        Some(first) if waiting.len() > 1 => Step::Wait(format!(
            "waiting for healthy state of {first} and {} more resources before {}",
            waiting.len() - 1,
            named(wave)
        )),
        Some(first) => Step::Wait(format!("waiting for healthy state of {first} before {}", named(wave))),
        None => Step::Run((*wave).clone()),
    }
}

/// Resources that were applied.
fn applied(results: &Results) -> impl Iterator<Item = &Key> {
    let resources = results.iter().filter(|(_, result)| result.status == SYNCED && !is_hook(result));
    resources.map(|(task, _)| &task.key)
}

/// Why a wave cannot be begun although nothing failed.
fn degraded(wave: &Wave, results: &Results, health: &impl Fn(&Key) -> Option<Status>) -> Option<String> {
    let degraded = applied(results).find(|key| health(key) == Some(Status::Degraded))?;
    Some(format!(
        "one or more synchronization tasks completed unsuccessfully: {degraded} is Degraded, so {} was not begun",
        named(wave)
    ))
}

fn named(wave: &Wave) -> String {
    if wave.phase == Phase::Sync { format!("wave {}", wave.number) } else { format!("phase {}", wave.phase) }
}

/// The message of what failed so far, as upstream words it.
#[must_use]
pub fn failure(results: &Results) -> Option<String> {
    let is_failed = |result: &&ResourceResult| result.status == SYNC_FAILED || hook_ended(result) == Some(false);
    let failed: Vec<_> = results.values().filter(is_failed).collect();
    let first = failed.first()?;
    let more = if failed.len() > 1 { format!(" (and {} more)", failed.len() - 1) } else { String::new() };
    let what = if first.status == SYNC_FAILED {
        "one or more objects failed to apply"
    } else {
        "one or more synchronization tasks completed unsuccessfully"
    };
    let name = if is_hook(first) { format!("hook {}: ", task(first).key) } else { String::new() };
    Some(format!("{what}, reason: {name}{}{more}", first.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { kind: "ConfigMap".into(), namespace: "shop".into(), name: name.into(), ..Key::default() }
    }

    fn wave(number: i64, name: &str) -> Wave {
        Wave { phase: Phase::Sync, number, groups: vec![vec![key(name)]], prunes: Vec::new() }
    }

    fn done(status: &str) -> Results {
        results(&[result(&key("a"), "v1", status, "why")])
    }

    #[test]
    fn the_next_wave_waits_for_health() {
        let pending = [wave(1, "b")];
        let step = |status: Option<Status>| next(&pending, &done(SYNCED), |_| status);
        assert_eq!(step(None), Step::Run(wave(1, "b")));
        assert_eq!(step(Some(Status::Healthy)), Step::Run(wave(1, "b")));
        assert_eq!(
            step(Some(Status::Progressing)),
            Step::Wait("waiting for healthy state of ConfigMap/shop/a before wave 1".into())
        );
        assert!(matches!(step(Some(Status::Degraded)), Step::Finish { succeeded: false, .. }));
    }

    #[test]
    fn the_last_wave_is_not_waited_for_and_failures_end_it() {
        let finished = next(&[], &done(SYNCED), |_| Some(Status::Progressing));
        assert!(matches!(finished, Step::Finish { succeeded: true, .. }));
        let failed = next(&[wave(1, "b")], &done(SYNC_FAILED), |_| None);
        assert_eq!(
            failed,
            Step::Finish { succeeded: false, message: "one or more objects failed to apply, reason: why".into() }
        );
    }

    fn hooked(phase: Phase, ended: Option<bool>) -> ResourceResult {
        let mut result = hook_result(phase, result(&key("hook"), "v1", SYNCED, "made"));
        if let Some(succeeded) = ended {
            end_hook(&mut result, succeeded, "why".into());
        }
        result
    }

    #[test]
    fn everything_waits_for_a_hook_and_ends_with_its_failure() {
        let pending = [wave(0, "b")];
        let step = |ended: Option<bool>| next(&pending, &results(&[hooked(Phase::PreSync, ended)]), |_| None);
        assert_eq!(step(None), Step::Wait("waiting for completion of hook ConfigMap/shop/hook".into()));
        assert_eq!(step(Some(true)), Step::Run(wave(0, "b")));
        let message =
            "one or more synchronization tasks completed unsuccessfully, reason: hook ConfigMap/shop/hook: why";
        assert_eq!(step(Some(false)), Step::Finish { succeeded: false, message: message.into() });
    }

    #[test]
    fn hooks_of_a_failure_run_only_after_one() {
        let fail = Wave { phase: Phase::SyncFail, ..wave(0, "fail") };
        let pending = [wave(0, "b"), fail.clone()];
        assert_eq!(next(&pending, &Results::new(), |_| None), Step::Run(wave(0, "b")));
        assert_eq!(next(&pending, &done(SYNC_FAILED), |_| None), Step::Run(fail.clone()));
        assert_eq!(next(&pending, &done(SYNCED), |_| Some(Status::Degraded)), Step::Run(fail));
        assert!(matches!(next(&pending[1..], &done(SYNCED), |_| None), Step::Finish { succeeded: true, .. }));
    }
}
