//! The status of a StatefulSet. It must not know which pods come or go.
//! Upstream: `updateStatefulSet`, `completeRollingUpdate`.

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use super::pods;
use crate::read;

/// The whole new status, between the revision that pods had and the one they get.
pub(super) fn status(set: &Value, pods: &[Value], (current, update): (&str, &str), now: Timestamp) -> Value {
    let count =
        |test: &dyn Fn(&Value) -> bool| i64::try_from(pods.iter().filter(|pod| test(pod)).count()).unwrap_or(i64::MAX);
    let of = |revision: &str| count(&|pod| !object::is_deleting(pod) && pods::revision_of(pod) == Some(revision));
    let (replicas, ready, updated) = (count(&|_| true), count(&pods::is_running_and_ready), of(update));
    let wanted = read::int(set, "/spec/replicas").unwrap_or(1);
    let rolls = read::text(set, "/spec/updateStrategy/type") != Some("OnDelete");
    let complete = rolls && [replicas, ready, updated].iter().all(|number| *number == wanted);
    let current = if complete { update } else { current };
    let mut status = read::without_zeros(&[
        ("observedGeneration", object::generation(set)),
        ("readyReplicas", ready),
        ("currentReplicas", of(current)),
        ("updatedReplicas", updated),
    ]);
    for (field, value) in [
        ("replicas", json!(replicas)),
        ("availableReplicas", json!(count(&|pod| pods::is_available(set, pod, now)))),
        ("collisionCount", json!(read::count(set, "/status/collisionCount"))),
        ("currentRevision", json!(current)),
        ("updateRevision", json!(update)),
    ] {
        status.insert(field.to_owned(), value);
    }
    Value::Object(status)
}
