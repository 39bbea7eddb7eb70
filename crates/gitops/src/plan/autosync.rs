//! Whether to sync without being asked, and when to try again. As Argo CD's `autoSync` and its operation retry.
//! It must not know how a sync is run.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use mainstay_api::argoproj::{Automated, OperationState, Retry, Source};

use super::compare::{Comparison, Sync};
use super::key::Key;

/// Self-healing waits 0, 2, 6, 18 … 300 s after the last attempt, as upstream.
const HEAL_STEP: f64 = 2.0;
const HEAL_FACTOR: f64 = 3.0;
const HEAL_CAP: Duration = Duration::from_secs(300);
/// After so long without an attempt self-healing starts over, as upstream's cooldown.
const HEAL_COOLDOWN: Duration = Duration::from_secs(330);
/// Retries of an automated sync that says nothing of retries, as upstream.
pub const DEFAULT_RETRIES: i64 = 5;

/// What the decision depends on.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The automated block of the sync policy.
    pub automated: Option<&'a Automated>,
    /// The comparison.
    pub comparison: &'a Comparison,
    /// The commit of each source compared with.
    pub revisions: &'a [String],
    /// The sources compared with.
    pub sources: &'a [Source],
    /// The last operation.
    pub last: Option<&'a OperationState>,
    /// Whether something that a failed attempt may have failed for has changed, such as a kind that is served now.
    pub changed_since: bool,
    /// Whether a newer commit takes the place of a running automated sync, which is upstream's only choice not to do.
    pub supersedes: bool,
    /// Whether hooks of the last operation run.
    pub hooks_run: bool,
    /// Why nothing may be pruned, if so.
    pub keep: Option<&'a str>,
    /// Live resources that no sync prunes, since they ask to stay.
    pub stay: &'a BTreeSet<Key>,
    /// The time.
    pub now: Timestamp,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Nothing,
    /// Look again after a while.
    Wait(Duration),
    /// Not, and say why: a `SyncError` condition.
    Refuse(String),
    /// Sync.
    Start {
        /// Whether to prune.
        prune: bool,
        /// Which self-healing attempt this is; 0 for a sync to something new.
        heal_attempt: i64,
    },
}

/// Decides.
#[must_use]
pub fn decide(input: &Input<'_>) -> Decision {
    let Some(automated) = input.automated.filter(|automated| automated.enabled != Some(false)) else {
        return Decision::Nothing;
    };
    if input.comparison.sync != Sync::OutOfSync {
        return Decision::Nothing;
    }
    let prune = automated.prune && input.keep.is_none();
    let out: Vec<_> = input.comparison.resources.iter().filter(|resource| resource.sync == Sync::OutOfSync).collect();
    // A sync that can do nothing about what is out of sync would be begun again and again.
    if out.iter().all(|one| one.requires_pruning() && (!prune || input.stay.contains(&one.key))) {
        return Decision::Nothing;
    }
    let attempt = match attempted(input) {
        None => 0,
        Some(last) if last.phase != "Succeeded" => return failed_before(input, last),
        Some(_) if !automated.self_heal => return Decision::Nothing,
        Some(last) => match heal(last, input.now) {
            Ok(attempt) => attempt,
            Err(wait) => return Decision::Wait(wait),
        },
    };
    if prune && !automated.allow_empty && wipes_out(input.comparison) {
        return Decision::Refuse(
            "automated sync would prune every resource; allow it with syncPolicy.automated.allowEmpty, or sync by hand"
                .to_owned(),
        );
    }
    Decision::Start { prune, heal_attempt: attempt }
}

/// Whether nothing that is live would be left.
fn wipes_out(comparison: &Comparison) -> bool {
    let mut resources = comparison.resources.iter().filter(|resource| !resource.hook).peekable();
    resources.peek().is_some() && resources.all(|resource| resource.requires_pruning())
}

/// The last operation, if it was an attempt at this very revision and source.
fn attempted<'a>(input: &Input<'a>) -> Option<&'a OperationState> {
    let last = input.last.filter(|last| !input.changed_since || last.phase == "Succeeded")?;
    let result = last.sync_result.as_ref()?;
    let sources = result.all_sources();
    let same = result.all_revisions() == input.revisions && (sources.is_empty() || sources == input.sources);
    same.then_some(last)
}

fn failed_before(input: &Input<'_>, last: &OperationState) -> Decision {
    let short: Vec<&str> = input.revisions.iter().map(|revision| revision.get(..7).unwrap_or(revision)).collect();
    let short = short.join(", ");
    Decision::Refuse(format!(
        "the sync to {short} failed and is not tried again before something changes: {}",
        last.message
    ))
}

/// The number of the next self-healing attempt, or how long it has to wait.
fn heal(last: &OperationState, now: Timestamp) -> Result<i64, Duration> {
    let done = last.operation.sync.as_ref().map_or(0, |sync| sync.auto_heal_attempts_count);
    let since = since(&last.finished_at, now);
    if since >= HEAL_COOLDOWN {
        return Ok(1);
    }
    match heal_delay(done).checked_sub(since).filter(|wait| !wait.is_zero()) {
        Some(wait) => Err(wait),
        None => Ok(done + 1),
    }
}

/// How long self-healing waits after so many attempts.
fn heal_delay(attempts: i64) -> Duration {
    if attempts == 0 {
        return Duration::ZERO;
    }
    let exponent = i32::try_from(attempts - 1).unwrap_or(i32::MAX);
    Duration::from_secs_f64((HEAL_STEP * HEAL_FACTOR.powi(exponent)).min(HEAL_CAP.as_secs_f64()))
}

/// How long to wait before a failed operation is tried again; `None` when it is not.
#[must_use]
pub fn retry_after(retry: Option<&Retry>, automated: bool, retries_done: i64) -> Option<Duration> {
    let fallback = Retry { limit: DEFAULT_RETRIES, ..Retry::default() };
    let retry = match retry {
        Some(retry) => retry,
        None if automated => &fallback,
        None => return None,
    };
    if retry.limit >= 0 && retries_done >= retry.limit {
        return None;
    }
    let backoff = retry.backoff.clone().unwrap_or_default();
    let first = go_duration(&backoff.duration).unwrap_or(Duration::from_secs(5));
    let longest = go_duration(&backoff.max_duration).unwrap_or(Duration::from_secs(180));
    let factor = u32::try_from(backoff.factor.unwrap_or(2)).unwrap_or(1).max(1);
    let exponent = u32::try_from(retries_done).unwrap_or(u32::MAX);
    Some(first.saturating_mul(factor.checked_pow(exponent).unwrap_or(u32::MAX)).min(longest))
}

/// The time from a timestamp of a status until now; zero for one that cannot be read.
#[must_use]
pub fn since(then: &str, now: Timestamp) -> Duration {
    let then: Option<Timestamp> = then.parse().ok();
    then.and_then(|then| Duration::try_from(now.duration_since(then)).ok()).unwrap_or_default()
}

/// A duration as Go writes it: `1m30s`, `500ms`; a bare number is seconds, as Argo CD's backoff reads it.
#[must_use]
pub fn go_duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let (mut rest, mut total) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
        rest = &rest[end..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_double_up_to_a_limit() {
        let delays: Vec<_> = (0..7).map(|done| retry_after(None, true, done).map(|delay| delay.as_secs())).collect();
        assert_eq!(delays, [Some(5), Some(10), Some(20), Some(40), Some(80), None, None]);
        assert_eq!(retry_after(None, false, 0), None);
        let forever = Retry { limit: -1, ..Retry::default() };
        assert_eq!(retry_after(Some(&forever), false, 40), Some(Duration::from_secs(180)));
    }

    #[test]
    fn self_healing_backs_off() {
        let delays: Vec<_> = (0..8).map(|attempts| heal_delay(attempts).as_secs()).collect();
        assert_eq!(delays, [0, 2, 6, 18, 54, 162, 300, 300]);
    }

    #[test]
    fn durations_as_go_writes_them() {
        assert_eq!(go_duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(go_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(go_duration("5"), Some(Duration::from_secs(5)));
        assert_eq!((go_duration(""), go_duration("x"), go_duration("5q")), (None, None, None));
    }
}
