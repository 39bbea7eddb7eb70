//! What becomes of a node whose kubelet is silent or not ready: its conditions and taints.
//! It must not know pods, a clock or a client. Upstream: `pkg/controller/nodelifecycle`.

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use crate::condition::{self, Condition};
use crate::read;

/// How long a silent kubelet is believed to be alive; upstream's `--node-monitor-grace-period`.
pub(crate) const GRACE: SignedDuration = SignedDuration::from_secs(50);
/// Taint of a node whose kubelet is silent.
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// Taint of a node that says that it is not ready.
const NOT_READY: &str = "node.kubernetes.io/not-ready";
/// Taint of a cordoned node.
pub(super) const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
const CONDITIONS: [&str; 4] = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"];

/// What a node was asked to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Its kubelet says and does nothing.
    Silent,
    /// Its kubelet says that it is not ready.
    NotReady,
}

/// Reads [`crate::FAIL`] of a node.
pub(crate) fn failure(node: &Value) -> Option<Failure> {
    match object::annotation(node, crate::FAIL)? {
        "node" => Some(Failure::Silent),
        "not-ready" => Some(Failure::NotReady),
        _ => None,
    }
}

/// The conditions of a node whose kubelet has been silent for longer than [`GRACE`].
pub(super) fn unknown(node: &Value, now: Timestamp) -> Vec<Value> {
    let mut conditions = condition::all(node);
    for kind in CONDITIONS {
        let message = "Kubelet stopped posting node status.".to_owned();
        let unknown = Condition { kind, status: "Unknown", reason: "NodeStatusUnknown", message };
        condition::set(&mut conditions, &unknown, now);
    }
    conditions
}

/// The taints that a node must have, where they differ from those it has.
pub(super) fn taints(node: &Value, now: Timestamp) -> Option<Vec<Value>> {
    let present: Vec<&Value> = read::items(node, "/spec/taints").collect();
    let ready = condition::find(node, "Ready").and_then(|ready| read::text(ready, "/status"));
    let wanted: &[(&str, &str)] = match ready {
        Some("Unknown") => &[(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")],
        Some("False") => &[(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")],
        _ => &[],
    };
    let cordon = read::flag(node, "/spec/unschedulable").then_some((UNSCHEDULABLE, "NoSchedule"));
    let wanted: Vec<(&str, &str)> = wanted.iter().copied().chain(cordon).collect();
    let is = |taint: &Value, (key, effect): (&str, &str)| {
        read::text(taint, "/key") == Some(key) && read::text(taint, "/effect") == Some(effect)
    };
    let ours = |taint: &Value| {
        read::text(taint, "/key").is_some_and(|key| [UNREACHABLE, NOT_READY, UNSCHEDULABLE].contains(&key))
    };
    let stays = |taint: &&&Value| !ours(taint) || wanted.iter().any(|one| is(taint, *one));
    let mut taints: Vec<Value> = present.iter().filter(stays).map(|taint| (*taint).clone()).collect();
    for (key, effect) in wanted.iter().filter(|one| !present.iter().any(|taint| is(taint, **one))) {
        taints.push(json!({"key": key, "effect": effect, "timeAdded": read::rfc3339(now)}));
    }
    (!taints.iter().eq(present.iter().copied())).then_some(taints)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(ready: &str, taints: Value) -> Value {
        json!({"metadata": {"name": "a"}, "spec": {"taints": taints},
               "status": {"conditions": [{"type": "Ready", "status": ready}]}})
    }

    fn keys(node: &Value) -> Option<Vec<(String, String)>> {
        let text = |taint: &Value, field: &str| taint[field].as_str().unwrap().to_owned();
        let taints = taints(node, Timestamp::UNIX_EPOCH)?;
        Some(taints.iter().map(|taint| (text(taint, "key"), text(taint, "effect"))).collect())
    }

    #[test]
    fn taints_follow_the_conditions_and_foreign_ones_stay() {
        let gpu = json!([{"key": "gpu", "effect": "NoSchedule"}]);
        assert_eq!(keys(&node("True", gpu.clone())), None);
        let silent = keys(&node("Unknown", gpu)).unwrap();
        let expected = [("gpu", "NoSchedule"), (UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")];
        assert_eq!(silent, expected.map(|(key, effect)| (key.to_owned(), effect.to_owned())));
        let mut back = node("True", json!([{"key": UNREACHABLE, "effect": "NoExecute"}]));
        assert_eq!(keys(&back), Some(vec![]));
        back["spec"]["unschedulable"] = json!(true);
        assert_eq!(keys(&back), Some(vec![(UNSCHEDULABLE.to_owned(), "NoSchedule".to_owned())]));
    }

    #[test]
    fn a_silent_node_is_unknown() {
        let mut node = node("True", json!([]));
        node["status"]["conditions"] = Value::from(unknown(&node, Timestamp::UNIX_EPOCH));
        assert_eq!(condition::find(&node, "Ready").unwrap()["status"], "Unknown");
        assert_eq!(condition::find(&node, "DiskPressure").unwrap()["reason"], "NodeStatusUnknown");
    }
}
