//! How far a Job is, read from its pods. It must not know what is decided from it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::Value;

use super::indexes::{self, Indexes};
use super::policy::{self, Verdict};
use crate::{pod, read};

/// Annotation of a pod with how often its index had failed before it.
pub(super) const INDEX_FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";

/// How far a Job is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tally {
    /// Pods that run or will.
    pub active: i64,
    /// Active pods that are ready.
    pub ready: i64,
    /// Pods that are being deleted and have not ended.
    pub terminating: i64,
    /// Completions so far.
    pub succeeded: i64,
    /// Failures that count.
    pub failed: i64,
    /// Failures by index, with a limit for each index.
    pub failures: BTreeMap<i64, i64>,
    /// Indexes that are done, of an indexed Job.
    pub completed: Indexes,
    /// Indexes that have failed for good, with a limit for each index.
    pub failed_indexes: Indexes,
    /// Why the pod failure policy fails the Job.
    pub policy_failure: Option<String>,
    /// When a pod failed last.
    pub last_failure: Option<Timestamp>,
}

/// Whether the Job counts completions by index.
pub(super) fn is_indexed(job: &Value) -> bool {
    read::text(job, "/spec/completionMode") == Some("Indexed")
}

/// Reads the tally. Completions and failures once told stay told, whatever becomes of their pods.
pub(super) fn tally(job: &Value, pods: &[Value]) -> Tally {
    let completions = read::int(job, "/spec/completions").unwrap_or(i64::MAX);
    let told =
        |field: &str| Indexes::parse(read::text(job, &format!("/status/{field}")).unwrap_or_default(), completions);
    let mut tally =
        Tally { completed: told("completedIndexes"), failed_indexes: told("failedIndexes"), ..Tally::default() };
    for pod in pods {
        count(job, pod, completions, &mut tally);
    }
    if let Some(limit) = read::int(job, "/spec/backoffLimitPerIndex") {
        let over = tally.failures.iter().filter(|(_, failures)| **failures > limit).map(|(index, _)| *index);
        tally.failed_indexes.0.extend(over);
        tally.failed_indexes.0.retain(|index| !tally.completed.has(*index));
    }
    if is_indexed(job) {
        tally.succeeded = tally.completed.len();
    } else {
        tally.succeeded = tally.succeeded.max(read::count(job, "/status/succeeded"));
    }
    tally.failed = tally.failed.max(read::count(job, "/status/failed"));
    tally
}

fn count(job: &Value, pod: &Value, completions: i64, tally: &mut Tally) {
    let index = indexes::of(pod).filter(|index| *index < completions);
    match pod::phase(pod) {
        "Succeeded" => {
            tally.succeeded += 1;
            tally.completed.0.extend(index);
        }
        "Failed" => count_failure(job, pod, index, tally),
        _ if object::is_deleting(pod) => tally.terminating += 1,
        _ => {
            tally.active += 1;
            tally.ready += i64::from(pod::is_ready(pod));
        }
    }
}

fn count_failure(job: &Value, pod: &Value, index: Option<i64>, tally: &mut Tally) {
    let ended =
        read::items(pod, "/status/containerStatuses").filter_map(|it| read::time(it, "/state/terminated/finishedAt"));
    tally.last_failure = tally.last_failure.max(ended.max());
    match policy::judge(job, pod) {
        Verdict::Ignore => return,
        Verdict::FailJob(why) => tally.policy_failure = tally.policy_failure.take().or(Some(why)),
        Verdict::FailIndex => tally.failed_indexes.0.extend(index),
        Verdict::Count => {}
    }
    tally.failed += 1;
    if let Some(index) = index {
        let before = object::annotation(pod, INDEX_FAILURES).and_then(|count| count.parse::<i64>().ok()).unwrap_or(0);
        let failures = tally.failures.entry(index).or_default();
        *failures = (*failures).max(before) + 1;
    }
}
