//! Which pods a DaemonSet needs on which nodes, and its status. It must not know a clock or a client.
//! Upstream: `pkg/controller/daemon`; pods are created with their node, without the scheduler.

use mainstay_apimachinery::object;
use serde_json::{Value, json};

use crate::scheduler::fit;
use crate::{hash, pod, read};

const REVISION: &str = "controller-revision-hash";
/// Taints that a daemon's pods always tolerate, since they serve the node itself.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// What a DaemonSet needs.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    /// Pods to create.
    pub create: Vec<Value>,
    /// Names of pods to delete.
    pub delete: Vec<String>,
    /// The whole new status.
    pub status: Value,
}

/// One round.
pub(crate) fn plan(set: &Value, nodes: &[Value], pods: &[Value]) -> Plan {
    let revision = hash::pod_template(set.pointer("/spec/template").unwrap_or(&Value::Null), None);
    let template = template(set, &revision);
    let eligible: Vec<&str> = nodes.iter().filter(|node| fit::admits(&template, node)).map(object::name).collect();
    let on = |node: &str| pods.iter().find(|pod| pod::node(pod) == Some(node) && pod::is_active(pod));
    let missing: Vec<&str> = eligible.iter().copied().filter(|node| on(node).is_none()).collect();
    let misplaced =
        pods.iter().filter(|pod| pod::is_active(pod) && !eligible.iter().any(|node| pod::node(pod) == Some(node)));
    let mut delete: Vec<String> = misplaced.map(|pod| object::name(pod).to_owned()).collect();
    let settled = missing.is_empty() && pods.iter().all(pod::is_ready);
    if settled && read::text(set, "/spec/updateStrategy/type") != Some("OnDelete") {
        let old = pods.iter().find(|pod| object::label(pod, REVISION) != Some(&revision));
        delete.extend(old.map(|pod| object::name(pod).to_owned()));
    }
    Plan {
        create: missing.iter().map(|node| on_node(set, &template, node, &revision)).collect(),
        delete,
        status: status(set, &eligible, pods, &revision),
    }
}

fn template(set: &Value, revision: &str) -> Value {
    let mut pod = pod::from_template(set);
    object::set_label(&mut pod, REVISION, revision);
    let own = read::items(&pod, "/spec/tolerations").cloned();
    let always = TOLERATED.iter().map(|(key, effect)| json!({"key": key, "operator": "Exists", "effect": effect}));
    let tolerations: Vec<Value> = own.chain(always).collect();
    pod["spec"]["tolerations"] = Value::from(tolerations);
    pod
}

fn on_node(set: &Value, template: &Value, node: &str, revision: &str) -> Value {
    let mut pod = template.clone();
    let suffix = hash::suffix(&format!(
        "{}/{}/{node}/{revision}",
        object::namespace(set).unwrap_or_default(),
        object::name(set)
    ));
    let metadata = object::metadata_mut(&mut pod);
    metadata.insert("name".to_owned(), json!(format!("{}-{suffix}", object::name(set))));
    metadata.insert("generateName".to_owned(), json!(format!("{}-", object::name(set))));
    pod["spec"]["nodeName"] = json!(node);
    pod
}

fn status(set: &Value, eligible: &[&str], pods: &[Value], revision: &str) -> Value {
    let count = |test: &dyn Fn(&Value) -> bool| {
        i64::try_from(pods.iter().filter(|pod| pod::is_active(pod) && test(pod)).count()).unwrap_or(i64::MAX)
    };
    let placed = |pod: &Value| pod::node(pod).is_some_and(|node| eligible.contains(&node));
    let desired = i64::try_from(eligible.len()).unwrap_or(i64::MAX);
    let ready = count(&|pod| placed(pod) && pod::is_ready(pod));
    let mut status = read::without_zeros(&[
        ("observedGeneration", object::generation(set)),
        ("updatedNumberScheduled", count(&|pod| placed(pod) && object::label(pod, REVISION) == Some(revision))),
        ("numberAvailable", ready),
        ("numberUnavailable", desired - ready),
    ]);
    for (field, number) in [
        ("desiredNumberScheduled", desired),
        ("currentNumberScheduled", count(&placed)),
        ("numberMisscheduled", count(&|pod| !placed(pod))),
        ("numberReady", ready),
    ] {
        status.insert(field.to_owned(), json!(number));
    }
    Value::Object(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(image: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": "n", "uid": "u"},
            "spec": {"template": {"spec": {"containers": [{"image": image}]}}}})
    }

    fn ready(mut pod: Value) -> Value {
        pod["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        pod
    }

    #[test]
    fn every_eligible_node_gets_a_pod_and_updates_go_one_by_one() {
        let nodes = [
            json!({"metadata": {"name": "a"}}),
            json!({"metadata": {"name": "b"}}),
            json!({"metadata": {"name": "c"}, "spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}}),
        ];
        let first = plan(&set("1"), &nodes, &[]);
        assert_eq!(first.create.iter().filter_map(pod::node).collect::<Vec<_>>(), ["a", "b"]);
        let pods: Vec<Value> = first.create.into_iter().map(ready).collect();
        let settled = plan(&set("1"), &nodes, &pods);
        assert_eq!((settled.create.len(), settled.delete.len(), &settled.status["numberReady"]), (0, 0, &json!(2)));
        assert_eq!(plan(&set("2"), &nodes, &pods).delete.len(), 1);
    }
}
