//! Which pods a Job needs next, and its status. It must not know a clock or a client.
//! Upstream: `pkg/controller/job`; pods carry no tracking finalizer, since what was counted stays in the status.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::outcome::{self, Outcome};
use super::pods as job_pods;
use super::tally::{self, Tally};
use crate::condition::{self, Condition};
use crate::note::Note;
use crate::{cluster, read};

/// First pause before a pod that failed is made anew, doubled each time; upstream's `DefaultJobPodFailureBackOff`.
const BACKOFF: SignedDuration = SignedDuration::from_secs(10);
/// Longest pause; upstream's `MaxJobPodFailureBackOff`.
const MAX_BACKOFF: SignedDuration = SignedDuration::from_secs(600);

/// What a Job needs.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    /// Pods to create.
    pub create: Vec<Value>,
    /// Names of pods to delete.
    pub delete: Vec<String>,
    /// The whole new status.
    pub status: Value,
    /// What to say.
    pub notes: Vec<Note>,
    /// When the pause after a failure is over.
    pub again_in: Option<Duration>,
    /// When the Job's time is up.
    pub deadline_in: Option<Duration>,
}

/// Whether the Job has a final condition.
pub(crate) fn is_finished(job: &Value) -> bool {
    condition::is_true(job, "Complete") || condition::is_true(job, "Failed")
}

/// When a finished Job is to be deleted. Upstream: `pkg/controller/ttlafterfinished`.
pub(super) fn expires_at(job: &Value) -> Option<Timestamp> {
    let seconds = read::int(job, "/spec/ttlSecondsAfterFinished")?;
    let last = ["Complete", "Failed"].into_iter().filter(|kind| condition::is_true(job, kind));
    let finished = last.filter_map(|kind| read::time(condition::find(job, kind)?, "/lastTransitionTime")).max()?;
    finished.checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// One round for a Job that is not finished.
pub(super) fn plan(job: &Value, pods: &[Value], now: Timestamp) -> Plan {
    let tally = tally::tally(job, pods);
    let outcome = outcome::outcome(job, &tally, now);
    let wanted = wanted(job, &tally, &outcome);
    let mut delete = job_pods::needless(job, pods, &tally);
    let stays = tally.active - i64::try_from(delete.len()).unwrap_or(0);
    for name in job_pods::surplus(pods, stays - wanted) {
        if !delete.contains(&name) {
            delete.push(name);
        }
    }
    let pause_ends = pause_ends(&tally).filter(|at| *at > now && stays < wanted);
    let only_failed = read::text(job, "/spec/podReplacementPolicy") == Some("Failed");
    let held = if only_failed { tally.terminating } else { 0 };
    let count = if pause_ends.is_some() { 0 } else { usize::try_from(wanted - stays - held).unwrap_or(0) };
    let (status, notes) = status(job, &tally, &outcome, now);
    let running = outcome == Outcome::Running;
    let mut started = job.clone();
    started["status"] = status.clone();
    Plan {
        create: job_pods::new(job, pods, &tally, count),
        delete,
        status,
        notes,
        again_in: pause_ends.map(|at| cluster::until(now, at)),
        deadline_in: outcome::deadline(&started).filter(|_| running).map(|at| cluster::until(now, at)),
    }
}

fn wanted(job: &Value, tally: &Tally, outcome: &Outcome) -> i64 {
    let parallelism = read::int(job, "/spec/parallelism").unwrap_or(1);
    match (outcome, read::int(job, "/spec/completions")) {
        (Outcome::Running, Some(completions)) => {
            let left = completions - tally.succeeded - tally.failed_indexes.len();
            parallelism.min(left).max(0)
        }
        // A work queue: once one pod has succeeded, no new ones start.
        (Outcome::Running, None) if tally.succeeded > 0 => tally.active,
        (Outcome::Running, None) => parallelism,
        _ => 0,
    }
}

/// When a pod may be made after the failures so far.
fn pause_ends(tally: &Tally) -> Option<Timestamp> {
    let doublings = u32::try_from((tally.failed - 1).clamp(0, 6)).unwrap_or(6);
    tally.last_failure?.checked_add((BACKOFF * (1 << doublings)).min(MAX_BACKOFF)).ok()
}

fn status(job: &Value, tally: &Tally, outcome: &Outcome, now: Timestamp) -> (Value, Vec<Note>) {
    let going = !outcome.is_final() && *outcome != Outcome::Suspended;
    let mut status: Map<String, Value> = read::without_zeros(&[
        ("active", if going { tally.active } else { 0 }),
        ("succeeded", tally.succeeded),
        ("failed", tally.failed),
    ]);
    status.insert("ready".to_owned(), json!(if outcome.is_final() { 0 } else { tally.ready }));
    // Pods that are told to go are counted as going, though they have not been deleted yet.
    let ending = tally.terminating + if going { 0 } else { tally.active };
    status.insert("terminating".to_owned(), json!(ending));
    status.insert("uncountedTerminatedPods".to_owned(), json!({}));
    if tally::is_indexed(job) && tally.completed.len() > 0 {
        status.insert("completedIndexes".to_owned(), json!(tally.completed.to_string()));
    }
    if read::int(job, "/spec/backoffLimitPerIndex").is_some() {
        status.insert("failedIndexes".to_owned(), json!(tally.failed_indexes.to_string()));
    }
    let (conditions, notes) = conditions(job, outcome, ending == 0, now);
    let done = condition::find_in(&conditions, "Complete").is_some();
    if !conditions.is_empty() {
        status.insert("conditions".to_owned(), Value::from(conditions));
    }
    let resumed = condition::is_true(job, "Suspended");
    if *outcome != Outcome::Suspended {
        let started = read::text(job, "/status/startTime").filter(|_| !resumed);
        status.insert("startTime".to_owned(), json!(started.map_or_else(|| read::rfc3339(now), str::to_owned)));
    }
    if done {
        status.insert("completionTime".to_owned(), json!(read::rfc3339(now)));
    }
    (Value::Object(status), notes)
}

/// The conditions. What the end will be is told at once, the end itself when no pod is left.
fn conditions(job: &Value, outcome: &Outcome, empty: bool, now: Timestamp) -> (Vec<Value>, Vec<Note>) {
    let mut conditions = condition::all(job);
    let was_suspended = condition::is_true(job, "Suspended");
    let (target, end, reason, message) = match outcome {
        Outcome::Running if was_suspended => {
            condition::set(&mut conditions, &Condition::new("Suspended", false, "JobResumed", "Job resumed"), now);
            return (conditions, vec![Note::normal("Resumed", "Job resumed")]);
        }
        Outcome::Running => return (conditions, Vec::new()),
        Outcome::Suspended => {
            let suspended = Condition::new("Suspended", true, "JobSuspended", "Job suspended");
            condition::set(&mut conditions, &suspended, now);
            let note = (!was_suspended).then(|| Note::normal("Suspended", "Job suspended"));
            return (conditions, note.into_iter().collect());
        }
        Outcome::Complete(reason, message) => ("SuccessCriteriaMet", "Complete", *reason, message),
        Outcome::Failed(reason, message) => ("FailureTarget", "Failed", *reason, message),
    };
    condition::set(&mut conditions, &Condition::new(target, true, reason, message.as_str()), now);
    if !empty {
        return (conditions, Vec::new());
    }
    condition::set(&mut conditions, &Condition::new(end, true, reason, message.as_str()), now);
    let note = match outcome {
        Outcome::Complete(..) => Note::normal("Completed", "Job completed"),
        _ => Note::warning(reason, message.as_str()),
    };
    (conditions, vec![note])
}

#[cfg(test)]
mod tests;
