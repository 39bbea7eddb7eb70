//! The status of a DaemonSet. It must not know which pods come or go. Upstream: `updateDaemonSetStatus`.

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use crate::{pod, read, revision};

/// The whole new status, for a set whose pods belong on the eligible nodes.
pub(super) fn status(set: &Value, eligible: &[&str], pods: &[Value], hash: &str, now: Timestamp) -> Value {
    let min_ready = read::count(set, "/spec/minReadySeconds");
    let available = |pod: &Value| pod::available_at(pod, min_ready).is_some_and(|at| at <= now);
    let updated = |pod: &Value| object::label(pod, revision::LABEL) == Some(hash);
    let nodes = |test: &dyn Fn(&str) -> bool| {
        i64::try_from(eligible.iter().filter(|node| test(node)).count()).unwrap_or(i64::MAX)
    };
    let desired = nodes(&|_| true);
    let number_available = nodes(&|node| of(pods, node).any(available));
    let misplaced = pods.iter().filter(|pod| pod::is_active(pod) && !is_placed(pod, eligible)).count();
    let mut status = read::without_zeros(&[
        ("observedGeneration", object::generation(set)),
        ("updatedNumberScheduled", nodes(&|node| of(pods, node).any(updated))),
        ("numberAvailable", number_available),
        ("numberUnavailable", desired - number_available),
    ]);
    for (field, number) in [
        ("desiredNumberScheduled", desired),
        ("currentNumberScheduled", nodes(&|node| of(pods, node).next().is_some())),
        ("numberMisscheduled", i64::try_from(misplaced).unwrap_or(i64::MAX)),
        ("numberReady", nodes(&|node| of(pods, node).any(pod::is_ready))),
    ] {
        status.insert(field.to_owned(), json!(number));
    }
    Value::Object(status)
}

fn of<'a>(pods: &'a [Value], node: &'a str) -> impl Iterator<Item = &'a Value> {
    pods.iter().filter(move |pod| pod::node(pod) == Some(node) && pod::is_active(pod))
}

fn is_placed(pod: &Value, eligible: &[&str]) -> bool {
    pod::node(pod).is_some_and(|node| eligible.contains(&node))
}
