//! Which pods a StatefulSet needs next. It must not know a clock or a client.
//! Upstream: `defaultStatefulSetControl.updateStatefulSet`.

use std::time::Duration;

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::Value;

use super::{pods, status};
use crate::note::Note;
use crate::revision::{self, History};
use crate::{cluster, pod, read};

/// What the plan is made from.
pub(super) struct Input<'a> {
    /// The StatefulSet, defaulted.
    pub set: &'a Value,
    /// Its revisions.
    pub history: &'a History,
    /// The pods it controls.
    pub pods: &'a [Value],
    /// The present time.
    pub now: Timestamp,
}

/// What a StatefulSet needs.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// Pods to create.
    pub create: Vec<Value>,
    /// Names of the pods to delete.
    pub delete: Vec<String>,
    /// Pods that there are, and whether they are beyond the replicas: their claims follow them.
    pub claim_owners: Vec<(Value, bool)>,
    /// The whole new status.
    pub status: Value,
    /// What to say.
    pub notes: Vec<Note>,
    /// Names of revisions to delete.
    pub forget: Vec<String>,
    /// When a pod becomes available.
    pub again_in: Option<Duration>,
}

/// The ordinals that are wanted.
struct Range {
    first: i64,
    end: i64,
}

impl Range {
    fn of(set: &Value) -> Self {
        let first = read::count(set, "/spec/ordinals/start");
        Self { first, end: first + read::int(set, "/spec/replicas").unwrap_or(1) }
    }

    fn has(&self, pod: &Value) -> bool {
        (self.first..self.end).contains(&pods::ordinal(pod))
    }
}

/// One round.
pub(super) fn plan(input: &Input<'_>) -> Plan {
    let Input { set, history, pods, now } = *input;
    let update = object::name(&history.update);
    let current = read::text(set, "/status/currentRevision").unwrap_or(update);
    let range = Range::of(set);
    let mut plan = Plan {
        status: status::status(set, pods, (current, update), now),
        claim_owners: pods.iter().map(|pod| (pod.clone(), !range.has(pod))).collect(),
        again_in: available_in(set, pods, now),
        ..Plan::default()
    };
    let settled = replicas(input, &range, &mut plan) && condemned(input, &range, &mut plan);
    if settled {
        replace_outdated(input, &range, update, &mut plan);
    }
    let live = |revision: &Value| {
        let name = object::name(revision);
        name == current || pods.iter().any(|pod| pods::revision_of(pod) == Some(name))
    };
    plan.forget = revision::surplus(set, history, live);
    plan
}

fn available_in(set: &Value, pods: &[Value], now: Timestamp) -> Option<Duration> {
    let min_ready = read::count(set, "/spec/minReadySeconds");
    let next = pods.iter().filter_map(|pod| pod::available_at(pod, min_ready)).filter(|at| *at > now).min();
    next.map(|at| cluster::until(now, at))
}

fn is_parallel(set: &Value) -> bool {
    read::text(set, "/spec/podManagementPolicy") == Some("Parallel")
}

fn find(pods: &[Value], ordinal: i64) -> Option<&Value> {
    pods.iter().find(|pod| pods::ordinal(pod) == ordinal)
}

/// Makes the pods that are missing: all at once, or the next one when all before it are available. Whether the rest of
/// the round may go on.
fn replicas(input: &Input<'_>, range: &Range, plan: &mut Plan) -> bool {
    let Input { set, pods, now, .. } = *input;
    let ordered = !is_parallel(set);
    for ordinal in range.first..range.end {
        match find(pods, ordinal) {
            None => {
                plan.create.push(new_pod(input, range, ordinal));
                if ordered {
                    return false;
                }
            }
            Some(pod) if pod::is_finished(pod) && !object::is_deleting(pod) => {
                plan.notes.push(recreating(set, pod));
                plan.delete.push(object::name(pod).to_owned());
                if ordered {
                    return false;
                }
            }
            Some(pod) if ordered && (object::is_deleting(pod) || !pods::is_available(set, pod, now)) => return false,
            Some(_) => {}
        }
    }
    plan.create.is_empty() && plan.delete.is_empty()
}

fn recreating(set: &Value, pod: &Value) -> Note {
    let (namespace, name) = (object::namespace(set).unwrap_or_default(), object::name(set));
    let message =
        |state: &str| format!("StatefulSet {namespace}/{name} is recreating {state} Pod {}", object::name(pod));
    if pod::phase(pod) == "Failed" {
        Note::warning("RecreatingFailedPod", message("failed"))
    } else {
        Note::normal("RecreatingTerminatedPod", message("terminated"))
    }
}

/// The pod of an ordinal, of the revision that a partition leaves it at. Upstream: `newVersionedStatefulSetPod`.
fn new_pod(input: &Input<'_>, range: &Range, ordinal: i64) -> Value {
    let Input { set, history, .. } = *input;
    let update = object::name(&history.update);
    let rolls = read::text(set, "/spec/updateStrategy/type") != Some("OnDelete");
    let current = read::text(set, "/status/currentRevision").filter(|current| *current != update);
    let old = current.and_then(|name| history.others.iter().find(|revision| object::name(revision) == name));
    match old.filter(|_| rolls && ordinal < range.first + partition(set)) {
        Some(old) => pods::new(&revision::apply(set, old), ordinal, object::name(old)),
        None => pods::new(set, ordinal, update),
    }
}

fn partition(set: &Value) -> i64 {
    read::count(set, "/spec/updateStrategy/rollingUpdate/partition")
}

/// Deletes the pods beyond the replicas: all at once, or the highest. Whether there are none left.
fn condemned(input: &Input<'_>, range: &Range, plan: &mut Plan) -> bool {
    let mut beyond: Vec<&Value> = input.pods.iter().filter(|pod| !range.has(pod)).collect();
    beyond.sort_by_key(|pod| std::cmp::Reverse(pods::ordinal(pod)));
    let ordered = !is_parallel(input.set);
    let first_unhealthy = beyond.iter().rev().find(|pod| !pods::is_healthy(pod)).copied();
    for pod in &beyond {
        if object::is_deleting(pod) {
            if ordered {
                return false;
            }
            continue;
        }
        let waits = ordered && !pods::is_running_and_ready(pod) && first_unhealthy.is_some_and(|first| first != *pod);
        if waits {
            return false;
        }
        plan.delete.push(object::name(pod).to_owned());
        if ordered {
            return false;
        }
    }
    beyond.is_empty()
}

/// Deletes pods of another revision, the highest ordinal first, as many as may be unavailable.
fn replace_outdated(input: &Input<'_>, range: &Range, update: &str, plan: &mut Plan) {
    let Input { set, pods, .. } = *input;
    if read::text(set, "/spec/updateStrategy/type") == Some("OnDelete") {
        return;
    }
    let most = set.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable");
    let most = most.and_then(|most| read::scaled(most, range.end - range.first, true)).unwrap_or(1).max(1);
    let mut unavailable = 0;
    for ordinal in ((range.first + partition(set))..range.end).rev() {
        let Some(pod) = find(pods, ordinal) else { continue };
        let outdated = pods::revision_of(pod) != Some(update);
        if outdated && !object::is_deleting(pod) {
            plan.delete.push(object::name(pod).to_owned());
            unavailable += 1;
        } else if !pods::is_healthy(pod) {
            unavailable += 1;
        }
        if unavailable >= most {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
