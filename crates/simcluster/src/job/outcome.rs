//! Whether a Job is done, has failed, or goes on. It must not know pods, only how many did what.
//! Upstream: `syncJob` in `pkg/controller/job/job_controller.go`.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::indexes::Indexes;
use super::tally::{Tally, is_indexed};
use crate::condition;
use crate::read;

/// Where a Job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It goes on.
    Running,
    /// It is stopped until its `suspend` is taken back.
    Suspended,
    /// It has succeeded, for a reason with a message.
    Complete(&'static str, String),
    /// It has failed, for a reason with a message.
    Failed(&'static str, String),
}

impl Outcome {
    /// Whether it is the end.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Complete(..) | Self::Failed(..))
    }
}

/// When the Job's time is up.
pub(super) fn deadline(job: &Value) -> Option<Timestamp> {
    let seconds = read::int(job, "/spec/activeDeadlineSeconds")?;
    read::time(job, "/status/startTime")?.checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// Decides.
pub(super) fn outcome(job: &Value, tally: &Tally, now: Timestamp) -> Outcome {
    // What was once announced holds, though pods may still be ending.
    told(job)
        .or_else(|| failure(job, tally, now))
        .or_else(|| success(job, tally))
        .unwrap_or_else(|| if read::flag(job, "/spec/suspend") { Outcome::Suspended } else { Outcome::Running })
}

fn told(job: &Value) -> Option<Outcome> {
    let of = |kind: &str| {
        let condition = condition::find(job, kind).filter(|_| condition::is_true(job, kind))?;
        let reason = reason(read::text(condition, "/reason")?)?;
        Some((reason, read::text(condition, "/message").unwrap_or_default().to_owned()))
    };
    let failed = of("FailureTarget").map(|(reason, message)| Outcome::Failed(reason, message));
    failed.or_else(|| of("SuccessCriteriaMet").map(|(reason, message)| Outcome::Complete(reason, message)))
}

fn reason(told: &str) -> Option<&'static str> {
    let known = [
        "PodFailurePolicy",
        "BackoffLimitExceeded",
        "DeadlineExceeded",
        "MaxFailedIndexesExceeded",
        "FailedIndexes",
        "SuccessPolicy",
        "CompletionsReached",
    ];
    known.into_iter().find(|reason| *reason == told)
}

fn failure(job: &Value, tally: &Tally, now: Timestamp) -> Option<Outcome> {
    let failed = |reason, message: &str| Some(Outcome::Failed(reason, message.to_owned()));
    if let Some(why) = &tally.policy_failure {
        return failed("PodFailurePolicy", why);
    }
    let default = if read::int(job, "/spec/backoffLimitPerIndex").is_some() { i64::MAX } else { 6 };
    if tally.failed > read::int(job, "/spec/backoffLimit").unwrap_or(default) {
        return failed("BackoffLimitExceeded", "Job has reached the specified backoff limit");
    }
    if deadline(job).is_some_and(|deadline| deadline <= now) && !read::flag(job, "/spec/suspend") {
        return failed("DeadlineExceeded", "Job was active longer than specified deadline");
    }
    let most = read::int(job, "/spec/maxFailedIndexes");
    if most.is_some_and(|most| tally.failed_indexes.len() > most) {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return failed("MaxFailedIndexesExceeded", message);
    }
    let completions = read::int(job, "/spec/completions").unwrap_or(i64::MAX);
    let over = tally.failed_indexes.len() > 0 && tally.failed_indexes.len() + tally.completed.len() >= completions;
    if over { failed("FailedIndexes", "Job has failed indexes") } else { None }
}

fn success(job: &Value, tally: &Tally) -> Option<Outcome> {
    if is_indexed(job)
        && let Some(rule) = read::items(job, "/spec/successPolicy/rules").position(|rule| rule_holds(job, rule, tally))
    {
        return Some(Outcome::Complete("SuccessPolicy", format!("Matched rules at index {rule}")));
    }
    let complete = match read::int(job, "/spec/completions") {
        Some(completions) => tally.succeeded >= completions,
        None => tally.succeeded > 0 && tally.active == 0 && tally.terminating == 0,
    };
    let message = "Reached expected number of succeeded pods";
    complete.then(|| Outcome::Complete("CompletionsReached", message.to_owned()))
}

/// Upstream: `matchSuccessPolicy`.
fn rule_holds(job: &Value, rule: &Value, tally: &Tally) -> bool {
    let completions = read::int(job, "/spec/completions").unwrap_or(0);
    let count = read::int(rule, "/succeededCount");
    let Some(named) = read::text(rule, "/succeededIndexes").map(|text| Indexes::parse(text, completions)) else {
        return count.is_some_and(|count| tally.completed.len() >= count);
    };
    let done = named.0.intersection(&tally.completed.0).count();
    done >= count.and_then(|count| usize::try_from(count).ok()).unwrap_or(named.0.len())
}
