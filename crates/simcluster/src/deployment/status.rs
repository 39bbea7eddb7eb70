//! The status of a Deployment: counts, and the conditions Available, Progressing and ReplicaFailure with upstream's
//! reasons and messages. It must not know how replicas are moved. Upstream: `deployment/progress.go`, `sync.go`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use super::rollout::Strategy;
use crate::condition::{self, Condition};
use crate::read;

/// What the status is computed from.
pub(crate) struct Sources<'a> {
    /// The Deployment.
    pub deployment: &'a Value,
    /// The ReplicaSet of the present template.
    pub new: Option<&'a Value>,
    /// All its ReplicaSets, the new one among them.
    pub all: &'a [&'a Value],
    /// How many replicas it wants.
    pub replicas: i64,
    /// How it rolls.
    pub strategy: Strategy,
    /// The present time.
    pub now: Timestamp,
}

/// A new status and when to look again, for the progress deadline.
pub(crate) struct Computed {
    /// The whole new status.
    pub status: Value,
    /// When the progress deadline may run out.
    pub deadline_in: Option<Duration>,
}

/// Computes the status.
pub(crate) fn compute(sources: &Sources<'_>) -> Computed {
    let mut status = counts(sources);
    let mut conditions = condition::all(sources.deployment);
    set(&mut conditions, &availability(sources, &status), sources.now, false);
    let progress = progressing(sources, &status);
    if let Some((condition, moved)) = &progress {
        set(&mut conditions, condition, sources.now, *moved);
    }
    replica_failure(sources, &mut conditions);
    let deadline_in = deadline_in(sources, &conditions);
    if !conditions.is_empty() {
        status["conditions"] = Value::from(conditions);
    }
    Computed { status, deadline_in }
}

fn sum(sets: &[&Value], pointer: &str) -> i64 {
    sets.iter().map(|set| read::count(set, pointer)).sum()
}

fn counts(sources: &Sources<'_>) -> Value {
    let available = sum(sources.all, "/status/availableReplicas");
    let mut status = read::without_zeros(&[
        ("observedGeneration", object::generation(sources.deployment)),
        ("replicas", sum(sources.all, "/status/replicas")),
        ("updatedReplicas", sources.new.map_or(0, |new| read::count(new, "/status/replicas"))),
        ("readyReplicas", sum(sources.all, "/status/readyReplicas")),
        ("availableReplicas", available),
        ("unavailableReplicas", (sum(sources.all, "/spec/replicas") - available).max(0)),
    ]);
    if let Some(collisions) = read::int(sources.deployment, "/status/collisionCount") {
        status.insert("collisionCount".to_owned(), Value::from(collisions));
    }
    Value::Object(status)
}

fn availability(sources: &Sources<'_>, status: &Value) -> Condition {
    let needed = sources.replicas - sources.strategy.max_unavailable();
    if read::count(status, "/availableReplicas") >= needed {
        let message = "Deployment has minimum availability.";
        return Condition::new("Available", true, "MinimumReplicasAvailable", message);
    }
    let message = "Deployment does not have minimum availability.";
    Condition::new("Available", false, "MinimumReplicasUnavailable", message)
}

/// The Progressing condition and whether its `lastUpdateTime` moves; `None` leaves it as it is.
fn progressing(sources: &Sources<'_>, status: &Value) -> Option<(Condition, bool)> {
    if read::flag(sources.deployment, "/spec/paused") {
        return Some((paused(), false));
    }
    read::int(sources.deployment, "/spec/progressDeadlineSeconds")?;
    let name = object::name(sources.new?);
    let current = condition::find(sources.deployment, "Progressing").filter(|old| is_about(old, name));
    let reason = current.and_then(|old| read::text(old, "/reason"));
    if is_complete(sources, status) {
        return (reason != Some("NewReplicaSetAvailable")).then(|| (succeeded(name), true));
    }
    let Some(current) = current else { return Some((created(name), true)) };
    // A rollout that has once completed is not on the clock again when pods come and go or it is scaled.
    if reason == Some("NewReplicaSetAvailable") {
        return None;
    }
    if has_moved(sources.deployment, status) {
        let message = format!("ReplicaSet \"{name}\" is progressing.");
        return Some((Condition::new("Progressing", true, "ReplicaSetUpdated", message), true));
    }
    let late = reason != Some("ProgressDeadlineExceeded") && has_timed_out(sources, current);
    late.then(|| (timed_out(name), true))
}

/// Whether a Progressing condition speaks of this ReplicaSet, not of the one of a former rollout.
fn is_about(condition: &Value, replica_set: &str) -> bool {
    let quoted = format!("\"{replica_set}\"");
    read::text(condition, "/message").is_some_and(|message| message.contains(&quoted))
}

fn created(name: &str) -> Condition {
    Condition::new("Progressing", true, "NewReplicaSetCreated", format!("Created new replica set \"{name}\""))
}

fn succeeded(name: &str) -> Condition {
    let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
    Condition::new("Progressing", true, "NewReplicaSetAvailable", message)
}

fn timed_out(name: &str) -> Condition {
    let message = format!("ReplicaSet \"{name}\" has timed out progressing.");
    Condition::new("Progressing", false, "ProgressDeadlineExceeded", message)
}

fn paused() -> Condition {
    let message = "Deployment is paused".to_owned();
    Condition { kind: "Progressing", status: "Unknown", reason: "DeploymentPaused", message }
}

/// Upstream: `DeploymentComplete`.
pub(crate) fn is_complete(sources: &Sources<'_>, status: &Value) -> bool {
    ["/updatedReplicas", "/replicas", "/availableReplicas"]
        .iter()
        .all(|pointer| read::count(status, pointer) == sources.replicas)
}

/// Upstream: `DeploymentProgressing`.
fn has_moved(deployment: &Value, status: &Value) -> bool {
    let grown =
        |field: &str| read::count(status, &format!("/{field}")) > read::count(deployment, &format!("/status/{field}"));
    let old_before = read::count(deployment, "/status/replicas") - read::count(deployment, "/status/updatedReplicas");
    let old_after = read::count(status, "/replicas") - read::count(status, "/updatedReplicas");
    grown("updatedReplicas") || grown("readyReplicas") || grown("availableReplicas") || old_after < old_before
}

fn deadline(sources: &Sources<'_>, progressing: &Value) -> Option<Timestamp> {
    let seconds = read::int(sources.deployment, "/spec/progressDeadlineSeconds")?;
    read::time(progressing, "/lastUpdateTime")?.checked_add(SignedDuration::from_secs(seconds)).ok()
}

fn has_timed_out(sources: &Sources<'_>, progressing: &Value) -> bool {
    deadline(sources, progressing).is_some_and(|deadline| deadline < sources.now)
}

fn deadline_in(sources: &Sources<'_>, conditions: &[Value]) -> Option<Duration> {
    let progressing = condition::find_in(conditions, "Progressing")?;
    if !matches!(read::text(progressing, "/reason"), Some("NewReplicaSetCreated" | "ReplicaSetUpdated")) {
        return None;
    }
    let left = deadline(sources, progressing)?.duration_since(sources.now).max(SignedDuration::ZERO);
    // Upstream also looks a second late, since times are kept in whole seconds.
    Duration::try_from(left + SignedDuration::from_secs(1)).ok()
}

/// Takes over a ReplicaFailure condition of the new ReplicaSet, or drops it when there is none any more.
fn replica_failure(sources: &Sources<'_>, conditions: &mut Vec<Value>) {
    conditions.retain(|old| read::text(old, "/type") != Some("ReplicaFailure"));
    let failed = sources.new.and_then(|new| condition::find(new, "ReplicaFailure"));
    if let Some(failure) = failed {
        let mut failure = failure.clone();
        failure["lastUpdateTime"] = failure["lastTransitionTime"].clone();
        conditions.push(failure);
    }
}

/// Sets a condition that also has `lastUpdateTime`, which moves when the condition says something new or `moved`.
fn set(conditions: &mut Vec<Value>, condition: &Condition, now: Timestamp, moved: bool) {
    let current = condition::find_in(conditions, condition.kind);
    if current.is_some_and(|old| condition.is_said_by(old) && !moved) {
        return;
    }
    let mut value = condition.to_value(current, now);
    value["lastUpdateTime"] = json!(read::rfc3339(now));
    conditions.retain(|old| read::text(old, "/type") != Some(condition.kind));
    conditions.push(value);
    conditions.sort_by(|a, b| read::text(a, "/type").cmp(&read::text(b, "/type")));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(status: Value) -> Value {
        json!({"metadata": {"name": "web", "generation": 2},
               "spec": {"progressDeadlineSeconds": 600}, "status": status})
    }

    fn set_of(name: &str, wanted: i64, available: i64) -> Value {
        json!({"metadata": {"name": name}, "spec": {"replicas": wanted},
               "status": {"replicas": wanted, "readyReplicas": available, "availableReplicas": available}})
    }

    fn run(deployment: &Value, new: &Value, second: i64) -> Computed {
        let sources = Sources {
            deployment,
            new: Some(new),
            all: &[new],
            replicas: 2,
            strategy: Strategy::of(deployment, 2),
            now: Timestamp::from_second(second).unwrap(),
        };
        compute(&sources)
    }

    fn reason(status: &Value, kind: &str) -> String {
        let object = json!({ "status": status });
        read::text(condition::find(&object, kind).unwrap(), "/reason").unwrap().to_owned()
    }

    #[test]
    fn a_rollout_goes_from_created_over_updated_to_available() {
        let first = run(&deployment(json!({})), &set_of("web-1", 2, 0), 10);
        assert_eq!(reason(&first.status, "Progressing"), "NewReplicaSetCreated");
        assert_eq!(reason(&first.status, "Available"), "MinimumReplicasUnavailable");
        assert_eq!(first.deadline_in, Some(Duration::from_secs(601)));
        let second = run(&deployment(first.status), &set_of("web-1", 2, 1), 20);
        assert_eq!(reason(&second.status, "Progressing"), "ReplicaSetUpdated");
        let third = run(&deployment(second.status), &set_of("web-1", 2, 2), 30);
        assert_eq!(reason(&third.status, "Progressing"), "NewReplicaSetAvailable");
        assert_eq!((read::int(&third.status, "/observedGeneration"), third.deadline_in), (Some(2), None));
        let again = run(&deployment(third.status.clone()), &set_of("web-1", 2, 2), 99);
        assert_eq!(again.status, third.status);
    }

    #[test]
    fn a_stuck_rollout_times_out_and_a_new_one_starts_afresh() {
        let first = run(&deployment(json!({})), &set_of("web-1", 2, 0), 10);
        let late = run(&deployment(first.status), &set_of("web-1", 2, 0), 611);
        assert_eq!(reason(&late.status, "Progressing"), "ProgressDeadlineExceeded");
        let next = run(&deployment(late.status), &set_of("web-2", 2, 0), 700);
        assert_eq!(reason(&next.status, "Progressing"), "NewReplicaSetCreated");
    }

    #[test]
    fn a_refused_pod_shows_and_goes() {
        let mut new = set_of("web-1", 2, 0);
        new["status"]["conditions"] = json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
            "message": "exceeded quota", "lastTransitionTime": "1970-01-01T00:00:01Z"}]);
        let failed = run(&deployment(json!({})), &new, 10);
        assert_eq!(reason(&failed.status, "ReplicaFailure"), "FailedCreate");
        let healed = run(&deployment(failed.status), &set_of("web-1", 2, 0), 10);
        assert!(condition::find(&json!({"status": healed.status}), "ReplicaFailure").is_none());
    }
}
