//! Which pods a ReplicaSet needs created or deleted, and its status. It must not know a clock or a client.
//! Upstream: `pkg/controller/replicaset`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use crate::condition::{self, Condition};
use crate::{pod, read};

/// How many pods one round creates or deletes at most; upstream's `BurstReplicas`.
const BURST: usize = 500;

/// What a ReplicaSet needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// How many pods to create.
    pub create: usize,
    /// Names of the pods to delete, those that matter least first.
    pub delete: Vec<String>,
}

/// Compares the wanted number with the active pods.
pub(crate) fn plan(set: &Value, pods: &[Value]) -> Plan {
    if object::is_deleting(set) {
        return Plan::default();
    }
    let wanted = usize::try_from(read::int(set, "/spec/replicas").unwrap_or(1)).unwrap_or(0);
    let mut active: Vec<&Value> = pods.iter().filter(|pod| pod::is_active(pod)).collect();
    if active.len() <= wanted {
        return Plan { create: (wanted - active.len()).min(BURST), delete: Vec::new() };
    }
    active.sort_by_cached_key(|pod| pod::deletion_rank(pod));
    let surplus = (active.len() - wanted).min(BURST);
    Plan { create: 0, delete: active.into_iter().take(surplus).map(|pod| object::name(pod).to_owned()).collect() }
}

/// A status, and when a ready pod becomes available.
#[derive(Debug, PartialEq)]
pub(crate) struct Computed {
    /// The whole new status.
    pub status: Value,
    /// When to look again.
    pub again_in: Option<Duration>,
}

/// Computes the status; `failure` is the message of a pod that could not be created or deleted in this round.
pub(crate) fn status(set: &Value, pods: &[Value], failure: Option<&str>, now: Timestamp) -> Computed {
    let active: Vec<&Value> = pods.iter().filter(|pod| pod::is_active(pod)).collect();
    let min_ready = read::count(set, "/spec/minReadySeconds");
    let available_times: Vec<Timestamp> = active.iter().filter_map(|pod| pod::available_at(pod, min_ready)).collect();
    let labelled = active.iter().filter(|pod| is_fully_labelled(set, pod)).count();
    let mut status = read::without_zeros(&[
        ("observedGeneration", object::generation(set)),
        ("fullyLabeledReplicas", as_count(labelled)),
        ("readyReplicas", as_count(available_times.len())),
        ("availableReplicas", as_count(available_times.iter().filter(|at| **at <= now).count())),
    ]);
    status.insert("replicas".to_owned(), json!(active.len()));
    let conditions = conditions(set, failure, now);
    if !conditions.is_empty() {
        status.insert("conditions".to_owned(), Value::from(conditions));
    }
    let next = available_times.into_iter().filter(|at| *at > now).min();
    Computed { status: Value::Object(status), again_in: next.map(|at| until(now, at)) }
}

fn as_count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn until(now: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now).max(SignedDuration::ZERO)).unwrap_or_default()
}

fn is_fully_labelled(set: &Value, pod: &Value) -> bool {
    let wanted = set.pointer("/spec/template/metadata/labels").and_then(Value::as_object);
    let labels = object::labels(pod);
    wanted.into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
}

fn conditions(set: &Value, failure: Option<&str>, now: Timestamp) -> Vec<Value> {
    let mut conditions = condition::all(set);
    match failure {
        Some(message) => {
            condition::set(&mut conditions, &Condition::new("ReplicaFailure", true, "FailedCreate", message), now);
        }
        None => conditions.retain(|old| read::text(old, "/type") != Some("ReplicaFailure")),
    }
    conditions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(replicas: i64) -> Value {
        json!({"metadata": {"name": "web-1", "generation": 1},
               "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": "web"}}}}})
    }

    fn a_pod(name: &str, ready_at: Option<i64>) -> Value {
        let at = read::rfc3339(Timestamp::from_second(ready_at.unwrap_or(0)).unwrap());
        let ready = if ready_at.is_some() { "True" } else { "False" };
        json!({"metadata": {"name": name, "labels": {"app": "web"}}, "spec": {"nodeName": "n"},
            "status": {"phase": "Running", "conditions": [
                {"type": "Ready", "status": ready, "lastTransitionTime": at}]}})
    }

    #[test]
    fn missing_pods_are_created_and_the_least_useful_deleted() {
        let pods = [a_pod("a", Some(1)), a_pod("b", None)];
        assert_eq!(plan(&set(3), &pods), Plan { create: 1, delete: vec![] });
        assert_eq!(plan(&set(1), &pods), Plan { create: 0, delete: vec!["b".to_owned()] });
        assert_eq!(plan(&set(2), &pods), Plan::default());
    }

    #[test]
    fn readiness_counts_as_availability_after_min_ready_seconds() {
        let mut set = set(1);
        set["spec"]["minReadySeconds"] = json!(10);
        let at = |second| status(&set, &[a_pod("a", Some(5))], None, Timestamp::from_second(second).unwrap());
        assert_eq!(at(6).again_in, Some(Duration::from_secs(9)));
        assert_eq!(
            (read::count(&at(6).status, "/readyReplicas"), read::count(&at(6).status, "/availableReplicas")),
            (1, 0)
        );
        assert_eq!((at(15).again_in, read::count(&at(15).status, "/availableReplicas")), (None, 1));
    }

    #[test]
    fn a_refusal_is_a_condition() {
        let status = status(&set(1), &[], Some("exceeded quota"), Timestamp::UNIX_EPOCH).status;
        assert_eq!(status["conditions"][0]["reason"], "FailedCreate");
        assert_eq!(status["replicas"], 0);
    }
}
