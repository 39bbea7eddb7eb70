//! One sync, step by step: run the next wave, wait for it to be healthy, finish. As gitops-engine's `sync_context`,
//! but everything it needs to go on is in `status.operationState`, so a restart goes on where it was.
//! It must not know how a wave is run.

use std::collections::BTreeMap;

use mainstay_api::argoproj::ResourceResult;

use super::health::Status;
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

/// What became of each resource so far.
pub type Results = BTreeMap<Key, ResourceResult>;

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
    resources.iter().map(|result| (key(result), result.clone())).collect()
}

fn key(result: &ResourceResult) -> Key {
    Key {
        group: result.group.clone(),
        kind: result.kind.clone(),
        namespace: result.namespace.clone(),
        name: result.name.clone(),
    }
}

/// A result, to be filled in.
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
        hook_phase: match status {
            SYNCED => "Running",
            SYNC_FAILED => "Failed",
            _ => "Succeeded",
        }
        .to_owned(),
        sync_phase: "Sync".to_owned(),
    }
}

/// Decides the next step. `pending` are the waves of what is still to be done; `health` tells the health of a live
/// resource, and `None` where its kind has none.
#[must_use]
pub fn next(pending: &[Wave], results: &Results, health: impl Fn(&Key) -> Option<Status>) -> Step {
    if let Some(message) = failure(results) {
        return Step::Finish { succeeded: false, message };
    }
    let Some(wave) = pending.first() else {
        return Step::Finish { succeeded: true, message: "successfully synced (all tasks run)".to_owned() };
    };
    let applied = || results.iter().filter(|(_, result)| result.status == SYNCED);
    let degraded = applied().find(|(key, _)| health(key) == Some(Status::Degraded));
    if let Some((key, _)) = degraded {
        let message = format!(
            "one or more synchronization tasks completed unsuccessfully: {key} is Degraded, so wave {} was not begun",
            wave.number
        );
        return Step::Finish { succeeded: false, message };
    }
    let waiting: Vec<&Key> = applied()
        .map(|(key, _)| key)
        .filter(|key| health(key).is_some_and(|status| status != Status::Healthy))
        .collect();
    match waiting.first() {
        Some(first) if waiting.len() > 1 => Step::Wait(format!(
            "waiting for healthy state of {first} and {} more resources before wave {}",
            waiting.len() - 1,
            wave.number
        )),
        Some(first) => Step::Wait(format!("waiting for healthy state of {first} before wave {}", wave.number)),
        None => Step::Run(wave.clone()),
    }
}

/// The message of what failed so far, as upstream words it.
#[must_use]
pub fn failure(results: &Results) -> Option<String> {
    let failed: Vec<_> = results.values().filter(|result| result.status == SYNC_FAILED).collect();
    let first = failed.first()?;
    let more = if failed.len() > 1 { format!(" (and {} more)", failed.len() - 1) } else { String::new() };
    Some(format!("one or more objects failed to apply, reason: {}{more}", first.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Key {
        Key { kind: "ConfigMap".into(), namespace: "shop".into(), name: name.into(), ..Key::default() }
    }

    fn wave(number: i64, name: &str) -> Wave {
        Wave { number, groups: vec![vec![named(name)]], prunes: Vec::new() }
    }

    fn done(status: &str) -> Results {
        results(&[result(&named("a"), "v1", status, "why")])
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
}
