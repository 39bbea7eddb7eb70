//! Which pods a DaemonSet needs on which nodes. It must not know a clock or a client.
//! Upstream: `pkg/controller/daemon`; pods are created with their node, without the scheduler.

use std::time::Duration;

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use super::rollout::{self, Bounds, NodePods};
use super::status;
use crate::note::Note;
use crate::revision::{self, History};
use crate::scheduler::fit;
use crate::{cluster, hash, pod, read};

/// Taints that a daemon's pods always tolerate, since they serve the node itself.
/// Upstream: `AddOrUpdateDaemonPodTolerations`.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// What the plan is made from.
pub(super) struct Input<'a> {
    /// The DaemonSet, defaulted.
    pub set: &'a Value,
    /// Its revisions.
    pub history: &'a History,
    /// All nodes.
    pub nodes: &'a [Value],
    /// The pods it controls.
    pub pods: &'a [Value],
    /// The present time.
    pub now: Timestamp,
}

/// What a DaemonSet needs.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// Pods to create.
    pub create: Vec<Value>,
    /// Names of pods to delete.
    pub delete: Vec<String>,
    /// The whole new status.
    pub status: Value,
    /// What to say.
    pub notes: Vec<Note>,
    /// Names of revisions to delete.
    pub forget: Vec<String>,
    /// When a pod becomes available.
    pub again_in: Option<Duration>,
}

/// One round.
pub(super) fn plan(input: &Input<'_>) -> Plan {
    let Input { set, history, nodes, pods, now } = *input;
    let hash = object::label(&history.update, revision::LABEL).unwrap_or_default();
    let template = template(set, hash);
    let eligible: Vec<&str> = nodes.iter().filter(|node| fit::admits(&template, node)).map(object::name).collect();
    let mut plan = Plan {
        status: status::status(set, &eligible, pods, hash, now),
        again_in: available_in(set, pods, now),
        ..Plan::default()
    };
    let keeping: Vec<&str> = nodes.iter().filter(|node| fit::keeps(&template, node)).map(object::name).collect();
    remove(pods, &keeping, &mut plan);
    let on_nodes: Vec<NodePods<'_>> = eligible.iter().map(|node| on_node(node, pods, hash)).collect();
    let mut wanted: Vec<&str> =
        on_nodes.iter().filter(|it| it.new.is_none() && it.old.is_none()).map(|it| it.node).collect();
    if read::text(set, "/spec/updateStrategy/type") != Some("OnDelete") {
        let min_ready = read::count(set, "/spec/minReadySeconds");
        let available = |pod: &Value| pod::available_at(pod, min_ready).is_some_and(|at| at <= now);
        let step = rollout::step(&on_nodes, Bounds::of(set, eligible.len()), available);
        wanted.extend(step.surge);
        plan.delete.extend(step.delete.into_iter().map(|pod| object::name(pod).to_owned()));
    }
    plan.create = wanted.into_iter().map(|node| new_pod(set, &template, node, (hash, pods))).collect();
    let live = |revision: &Value| {
        let hash = object::label(revision, revision::LABEL);
        pods.iter().any(|pod| object::label(pod, revision::LABEL) == hash)
    };
    plan.forget = revision::surplus(set, history, live);
    plan
}

fn available_in(set: &Value, pods: &[Value], now: Timestamp) -> Option<Duration> {
    let min_ready = read::count(set, "/spec/minReadySeconds");
    let next = pods.iter().filter_map(|pod| pod::available_at(pod, min_ready)).filter(|at| *at > now).min();
    next.map(|at| cluster::until(now, at))
}

/// Deletes pods that ended, and pods on nodes that do not keep them.
fn remove(pods: &[Value], keeping: &[&str], plan: &mut Plan) {
    for pod in pods.iter().filter(|pod| !object::is_deleting(pod)) {
        let (namespace, name) = (object::namespace(pod).unwrap_or_default(), object::name(pod));
        let node = pod::node(pod).unwrap_or_default();
        match pod::phase(pod) {
            "Failed" => {
                let message = format!("Found failed daemon pod {namespace}/{name} on node {node}, will try to kill it");
                plan.notes.push(Note::warning("FailedDaemonPod", message));
            }
            "Succeeded" => {
                let message =
                    format!("Found succeeded daemon pod {namespace}/{name} on node {node}, will try to delete it");
                plan.notes.push(Note::normal("SucceededDaemonPod", message));
            }
            _ if keeping.contains(&node) => continue,
            _ => {}
        }
        plan.delete.push(name.to_owned());
    }
}

fn on_node<'a>(node: &'a str, pods: &'a [Value], hash: &str) -> NodePods<'a> {
    let mut found = NodePods { node, new: None, old: None };
    for pod in pods.iter().filter(|pod| pod::node(pod) == Some(node) && pod::is_active(pod)) {
        if object::label(pod, revision::LABEL) == Some(hash) {
            found.new = Some(pod);
        } else {
            found.old = Some(pod);
        }
    }
    found
}

fn template(set: &Value, hash: &str) -> Value {
    let mut pod = pod::from_template(set);
    object::set_label(&mut pod, revision::LABEL, hash);
    let own = read::items(&pod, "/spec/tolerations").cloned();
    let host = read::flag(&pod, "/spec/hostNetwork");
    let network = host.then_some(("node.kubernetes.io/network-unavailable", "NoSchedule"));
    let always = TOLERATED.into_iter().chain(network);
    let always = always.map(|(key, effect)| json!({"key": key, "operator": "Exists", "effect": effect}));
    let tolerations: Vec<Value> = own.chain(always).collect();
    pod["spec"]["tolerations"] = Value::from(tolerations);
    pod
}

/// The pod of a node. Its name follows from node and template; a pod that has it and is ending makes it the next one.
fn new_pod(set: &Value, template: &Value, node: &str, (revision, pods): (&str, &[Value])) -> Value {
    let (namespace, name) = (object::namespace(set).unwrap_or_default(), object::name(set));
    let mut free = (0_u32..).map(|attempt| {
        let again = if attempt == 0 { String::new() } else { format!("/{attempt}") };
        format!("{name}-{}", hash::suffix(&format!("{namespace}/{name}/{node}/{revision}{again}")))
    });
    let taken = |pod_name: &String| pods.iter().any(|pod| object::name(pod) == pod_name);
    let pod_name = free.find(|pod_name| !taken(pod_name)).unwrap_or_default();
    let mut pod = template.clone();
    let metadata = object::metadata_mut(&mut pod);
    metadata.insert("name".to_owned(), json!(pod_name));
    metadata.insert("generateName".to_owned(), json!(format!("{name}-")));
    pod["spec"]["nodeName"] = json!(node);
    pod
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(image: &str, rolling_update: Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": "n", "uid": "u"},
            "spec": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling_update},
                     "template": {"spec": {"containers": [{"image": image}]}}}})
    }

    fn nodes() -> Vec<Value> {
        let tainted = json!({"metadata": {"name": "z"}, "spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}});
        let plain = |name: &str| json!({"metadata": {"name": name}});
        vec![plain("a"), plain("b"), plain("c"), tainted]
    }

    fn run(set: &Value, pods: &[Value]) -> Plan {
        let history = revision::history(set, &[], revision::DAEMON_SET);
        let now = Timestamp::from_second(100).unwrap();
        plan(&Input { set, history: &history, nodes: &nodes(), pods, now })
    }

    fn ready(mut pod: Value) -> Value {
        let condition = json!({"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:00:01Z"});
        pod["status"] = json!({"phase": "Running", "conditions": [condition]});
        pod
    }

    #[test]
    fn every_eligible_node_gets_a_pod_and_updates_go_one_by_one() {
        let one = json!({"maxUnavailable": 1, "maxSurge": 0});
        let first = run(&set("1", one.clone()), &[]);
        assert_eq!(first.create.iter().filter_map(pod::node).collect::<Vec<_>>(), ["a", "b", "c"]);
        let mut pods: Vec<Value> = first.create.into_iter().map(ready).collect();
        let settled = run(&set("1", one.clone()), &pods);
        assert_eq!((settled.create.len(), settled.delete.len(), &settled.status["numberReady"]), (0, 0, &json!(3)));
        assert_eq!(run(&set("2", one.clone()), &pods).delete.len(), 1);
        assert_eq!(run(&set("2", json!({"maxUnavailable": "50%"})), &pods).delete.len(), 2);
        pods[1]["status"] = json!({"phase": "Running"});
        let broken_first = run(&set("2", one), &pods).delete;
        assert_eq!(broken_first, [object::name(&pods[1])]);
    }

    #[test]
    fn a_surging_update_keeps_the_old_pod_until_the_new_one_serves() {
        let surge = json!({"maxUnavailable": 0, "maxSurge": 1});
        let mut pods: Vec<Value> = run(&set("1", surge.clone()), &[]).create.into_iter().map(ready).collect();
        let second = run(&set("2", surge.clone()), &pods);
        assert_eq!((second.create.len(), second.delete.len()), (1, 0));
        pods.push(second.create[0].clone());
        let waiting = run(&set("2", surge.clone()), &pods);
        assert_eq!((waiting.create.len(), waiting.delete.len()), (0, 0));
        let new = ready(pods.pop().unwrap());
        pods.push(new);
        let moving = run(&set("2", surge), &pods);
        assert_eq!(moving.delete, [object::name(&pods[0])]);
    }

    #[test]
    fn a_pod_that_failed_goes_and_comes_back_under_another_name() {
        let one = json!({"maxUnavailable": 1});
        let mut pods: Vec<Value> = run(&set("1", one.clone()), &[]).create.into_iter().map(ready).collect();
        pods[0]["status"] = json!({"phase": "Failed"});
        let plan = run(&set("1", one), &pods);
        assert_eq!((plan.delete.len(), plan.notes[0].reason, plan.create.len()), (1, "FailedDaemonPod", 1));
        assert_ne!(object::name(&plan.create[0]), object::name(&pods[0]));
    }
}
