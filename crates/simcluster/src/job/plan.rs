//! Which pods a Job needs next, and its status. It must not know a clock or a client.
//! Upstream: `pkg/controller/job`, without indexed completion, pod failure policies and success policies.

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::{Map, Value, json};

use crate::condition::{self, Condition};
use crate::note::Note;
use crate::{pod, read};

/// What a Job needs.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    /// How many pods to create.
    pub create: usize,
    /// Names of pods to delete.
    pub delete: Vec<String>,
    /// The whole new status.
    pub status: Value,
    /// What to say.
    pub notes: Vec<Note>,
}

struct Tally {
    active: i64,
    ready: i64,
    succeeded: i64,
    failed: i64,
}

fn tally(pods: &[Value]) -> Tally {
    let count =
        |test: &dyn Fn(&Value) -> bool| i64::try_from(pods.iter().filter(|pod| test(pod)).count()).unwrap_or(i64::MAX);
    Tally {
        active: count(&pod::is_active),
        ready: count(&|pod| pod::is_active(pod) && pod::is_ready(pod)),
        succeeded: count(&|pod| pod::phase(pod) == "Succeeded"),
        failed: count(&|pod| pod::phase(pod) == "Failed"),
    }
}

/// Whether the Job has a final condition.
pub(crate) fn is_finished(job: &Value) -> bool {
    condition::is_true(job, "Complete") || condition::is_true(job, "Failed")
}

/// One round for a Job that is not finished.
pub(crate) fn plan(job: &Value, pods: &[Value], now: Timestamp) -> Plan {
    let tally = tally(pods);
    let parallelism = read::int(job, "/spec/parallelism").unwrap_or(1);
    let completions = read::int(job, "/spec/completions");
    let outcome = outcome(job, &tally);
    let wanted = match (&outcome, completions) {
        (Outcome::Running, Some(completions)) => parallelism.min(completions - tally.succeeded).max(0),
        // A work queue: once one pod has succeeded, no new ones start.
        (Outcome::Running, None) if tally.succeeded > 0 => tally.active,
        (Outcome::Running, None) => parallelism,
        _ => 0,
    };
    let delete = surplus(pods, tally.active - wanted);
    let create = usize::try_from(wanted - tally.active).unwrap_or(0);
    let (status, notes) = status(job, &tally, &outcome, now);
    Plan { create, delete, status, notes }
}

fn surplus(pods: &[Value], count: i64) -> Vec<String> {
    let mut active: Vec<&Value> = pods.iter().filter(|pod| pod::is_active(pod)).collect();
    active.sort_by_cached_key(|pod| pod::deletion_rank(pod));
    let count = usize::try_from(count).unwrap_or(0);
    active.into_iter().take(count).map(|pod| object::name(pod).to_owned()).collect()
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Running,
    Suspended,
    Complete,
    Failed,
}

fn outcome(job: &Value, tally: &Tally) -> Outcome {
    if tally.failed > read::int(job, "/spec/backoffLimit").unwrap_or(6) {
        return Outcome::Failed;
    }
    let complete = match read::int(job, "/spec/completions") {
        Some(completions) => tally.succeeded >= completions,
        None => tally.succeeded > 0 && tally.active == 0,
    };
    if complete {
        return Outcome::Complete;
    }
    if read::flag(job, "/spec/suspend") { Outcome::Suspended } else { Outcome::Running }
}

fn status(job: &Value, tally: &Tally, outcome: &Outcome, now: Timestamp) -> (Value, Vec<Note>) {
    let mut status: Map<String, Value> = read::without_zeros(&[
        ("active", if *outcome == Outcome::Running { tally.active } else { 0 }),
        ("succeeded", tally.succeeded),
        ("failed", tally.failed),
    ]);
    status.insert("ready".to_owned(), json!(tally.ready));
    status.insert("uncountedTerminatedPods".to_owned(), json!({}));
    let (wanted, notes) = verdict(outcome);
    let mut conditions = condition::all(job);
    let was_suspended = condition::is_true(job, "Suspended");
    if was_suspended && *outcome == Outcome::Running {
        let resumed = Condition::new("Suspended", false, "JobResumed", "Job resumed");
        condition::set(&mut conditions, &resumed, now);
    }
    for condition in &wanted {
        condition::set(&mut conditions, condition, now);
    }
    if !conditions.is_empty() {
        status.insert("conditions".to_owned(), Value::from(conditions));
    }
    if *outcome != Outcome::Suspended {
        let started = read::text(job, "/status/startTime").map_or_else(|| read::rfc3339(now), str::to_owned);
        status.insert("startTime".to_owned(), json!(started));
    }
    if *outcome == Outcome::Complete {
        status.insert("completionTime".to_owned(), json!(read::rfc3339(now)));
    }
    let news = if *outcome == Outcome::Suspended && was_suspended { Vec::new() } else { notes };
    (Value::Object(status), news)
}

fn verdict(outcome: &Outcome) -> (Vec<Condition>, Vec<Note>) {
    match outcome {
        Outcome::Running => (Vec::new(), Vec::new()),
        Outcome::Suspended => {
            let condition = Condition::new("Suspended", true, "JobSuspended", "Job suspended");
            (vec![condition], vec![Note::normal("Suspended", "Job suspended")])
        }
        Outcome::Complete => {
            let reached = "Reached expected number of succeeded pods";
            let both = ["SuccessCriteriaMet", "Complete"];
            let conditions = both.map(|kind| Condition::new(kind, true, "CompletionsReached", reached));
            (conditions.to_vec(), vec![Note::normal("Completed", "Job completed")])
        }
        Outcome::Failed => {
            let message = "Job has reached the specified backoff limit";
            let both = ["FailureTarget", "Failed"];
            let conditions = both.map(|kind| Condition::new(kind, true, "BackoffLimitExceeded", message));
            (conditions.to_vec(), vec![Note::warning("BackoffLimitExceeded", message)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Value {
        json!({"metadata": {"name": "j"}, "spec": {"parallelism": 2, "completions": 3, "backoffLimit": 1}})
    }

    fn a_pod(name: &str, phase: &str) -> Value {
        json!({"metadata": {"name": name}, "status": {"phase": phase}})
    }

    fn run(job: &Value, phases: &[&str]) -> Plan {
        let pods: Vec<Value> =
            phases.iter().enumerate().map(|(index, phase)| a_pod(&format!("p{index}"), phase)).collect();
        plan(job, &pods, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn pods_start_up_to_the_parallelism_and_the_completions_left() {
        assert_eq!(run(&job(), &[]).create, 2);
        assert_eq!(run(&job(), &["Succeeded", "Running"]).create, 1);
        assert_eq!(run(&job(), &["Succeeded", "Succeeded", "Running"]).create, 0);
    }

    #[test]
    fn a_job_completes_and_says_so() {
        let plan = run(&job(), &["Succeeded", "Succeeded", "Succeeded"]);
        let done = json!({"status": plan.status});
        assert!(is_finished(&done) && condition::is_true(&done, "SuccessCriteriaMet"));
        assert_eq!((read::count(&done, "/status/succeeded"), plan.create), (3, 0));
        assert_eq!(plan.notes[0].reason, "Completed");
    }

    #[test]
    fn a_job_fails_beyond_its_backoff_limit() {
        let plan = run(&job(), &["Failed", "Failed", "Running"]);
        assert!(condition::is_true(&json!({"status": plan.status}), "Failed"));
        assert_eq!(plan.delete, vec!["p2".to_owned()]);
    }

    #[test]
    fn a_suspended_job_has_no_pods() {
        let mut job = job();
        job["spec"]["suspend"] = json!(true);
        let plan = run(&job, &["Running"]);
        assert_eq!((plan.create, plan.delete.len()), (0, 1));
        assert!(plan.status.get("startTime").is_none());
        job["status"] = plan.status;
        assert!(run(&job, &[]).notes.is_empty());
    }
}
