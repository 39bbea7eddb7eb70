//! The simulated nodes: creates them, keeps them Ready, and lets them fail when asked.
//! It must not know pods. Every place a person looks at says that they are simulated.
//!
//! A kubelet renews its Lease every ten seconds. Here a heartbeat is only written when it tells something: when a node
//! is made, when it falls silent (its last one) and when it is back. So a world in which nothing happens is at rest.

pub(crate) mod lifecycle;

use std::net::Ipv4Addr;

use jiff::Timestamp;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, ObjectKey};
use serde_json::{Map, Value, json};

use crate::cluster::{self, CONTROLLER_MANAGER, Cluster, KUBELET};
use crate::condition::{self, Condition};
use crate::note::Note;
use crate::{hash, kinds, read};
use lifecycle::Failure;

/// What a node has room for. Real nodes take 110 pods; a simulated one has to hold a large fleet on few nodes.
const ROOM: [(&str, &str); 4] = [("cpu", "5k"), ("memory", "16Ti"), ("ephemeral-storage", "64Ti"), ("pods", "5000")];
/// Where the Leases of kubelets are.
const LEASES: &str = "kube-node-lease";
/// How long a heartbeat holds; kubelet's default.
const LEASE_SECONDS: i64 = 40;
/// The release whose behaviour is simulated.
const VERSION: &str = "v1.36.2-simulated";
/// The conditions of a node that mean trouble when true, with kubelet's reason and message for their absence.
const PRESSURES: [(&str, &str, &str); 3] = [
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
];

/// Starts the controller: makes the nodes that are missing, and their statuses.
pub(crate) fn start(cluster: &Cluster) {
    let nodes = cluster.informer(&kinds::nodes());
    let cluster = cluster.clone();
    let leases = cluster.informer(&kinds::leases());
    let controller = Controller::new("node", &cluster.context.clone())
        .watch(&nodes, |event| is_simulated(event.object()).then(|| ObjectKey::of(event.object())))
        .watch(&leases, |event| {
            let lease = event.object();
            (object::namespace(lease) == Some(LEASES)).then(|| ObjectKey::new("", object::name(lease)))
        });
    for index in 0..cluster.options.nodes {
        controller.queue().add(ObjectKey::new("", name(&cluster.context.cluster, index)));
    }
    controller.spawn(move |key| reconcile(cluster.clone(), key));
}

/// The name of the cluster's node of this number.
pub(crate) fn name(cluster: &str, index: usize) -> String {
    format!("{cluster}-node-{}", index + 1)
}

/// The address of a node.
pub(crate) fn address(node: &str) -> String {
    let [_, _, third, fourth] = hash::fnv(node.as_bytes()).to_be_bytes();
    Ipv4Addr::new(172, 18, third, fourth).to_string()
}

fn is_simulated(node: &Value) -> bool {
    object::label(node, crate::SIMULATED) == Some("true")
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(node) = cluster.informer(&kinds::nodes()).get_key(&key) else {
        if (0..cluster.options.nodes).any(|index| name(&cluster.context.cluster, index) == key.name) {
            // A node that does not say it is ready as it registers is tainted.
            let mut node = manifest(&key.name);
            node["status"] = status(&node, cluster.now());
            cluster.create(&kinds::nodes(), &node).await?;
        }
        return Ok(Action::done());
    };
    if object::is_deleting(&node) || !is_simulated(&node) {
        return Ok(Action::done());
    }
    let silent = lifecycle::failure(&node) == Some(Failure::Silent);
    let heartbeat = beat(&cluster, &node, silent).await?;
    let now = cluster.now();
    let mut wanted = node.get("status").cloned().unwrap_or_else(|| json!({}));
    if !silent {
        wanted = status(&node, now);
    } else if now >= heartbeat + lifecycle::GRACE {
        wanted["conditions"] = Value::from(lifecycle::unknown(&node, now));
    }
    let manager = if silent { CONTROLLER_MANAGER } else { KUBELET };
    if let Some(patch) = read::status_patch(&node, &wanted) {
        cluster.patch_status(manager, &kinds::nodes(), &node, &patch).await?;
        cluster.record(&node, &readiness_notes(&node, &wanted));
    }
    let mut after = node.clone();
    after["status"] = wanted;
    taint(&cluster, &node, &after, now).await?;
    let due = silent.then(|| heartbeat + lifecycle::GRACE).filter(|due| *due > now);
    Ok(cluster::again_in(due.map(|due| cluster::until(now, due))))
}

async fn taint(cluster: &Cluster, node: &Value, after: &Value, now: Timestamp) -> Result<(), Error> {
    let Some(taints) = lifecycle::taints(after, now) else { return Ok(()) };
    let (before, cordoned) = (is_cordoned(read::items(node, "/spec/taints")), is_cordoned(taints.iter()));
    cluster.patch(&kinds::nodes(), node, &json!({"spec": {"taints": taints}})).await?;
    if before != cordoned {
        let reason = if cordoned { "NodeNotSchedulable" } else { "NodeSchedulable" };
        let message = format!("Node {} status is now: {reason}", object::name(node));
        cluster.record(node, &[Note::normal(reason, message)]);
    }
    Ok(())
}

fn is_cordoned<'a>(mut taints: impl Iterator<Item = &'a Value>) -> bool {
    taints.any(|taint| read::text(taint, "/key") == Some(lifecycle::UNSCHEDULABLE))
}

/// What is told when a node becomes ready or ceases to be.
fn readiness_notes(before: &Value, status: &Value) -> Vec<Note> {
    let after = json!({ "status": status });
    let (was, is) = (condition::is_true(before, "Ready"), condition::is_true(&after, "Ready"));
    let message = |reason: &str| format!("Node {} status is now: {reason}", object::name(before));
    match (was, is) {
        (true, false) => vec![Note::normal("NodeNotReady", message("NodeNotReady")).from("node-controller")],
        (false, true) if condition::find(before, "Ready").is_some() => {
            vec![Note::normal("NodeReady", message("NodeReady"))]
        }
        _ => Vec::new(),
    }
}

/// Sees to the Lease, and answers when it was renewed last. The one of a silent node says so, since that is its last.
async fn beat(cluster: &Cluster, node: &Value, silent: bool) -> Result<Timestamp, Error> {
    let (resource, now) = (kinds::leases(), cluster.now());
    let Some(lease) = cluster.informer(&resource).get(LEASES, object::name(node)) else {
        cluster.create(&resource, &lease(node, silent, now)).await?;
        return Ok(now);
    };
    let last = read::time(&lease, "/spec/renewTime").unwrap_or(now);
    if (object::annotation(&lease, crate::FAIL) == Some("node")) == silent {
        return Ok(last);
    }
    let mark = if silent { json!("node") } else { Value::Null };
    let renewed = mainstay_controller_runtime::clock::format_micros(now);
    let patch = json!({"metadata": {"annotations": {crate::FAIL: mark}}, "spec": {"renewTime": renewed}});
    cluster.patch(&resource, &lease, &patch).await?;
    Ok(now)
}

fn lease(node: &Value, silent: bool, now: Timestamp) -> Value {
    let name = object::name(node);
    // Whole seconds while all is well: how many milliseconds a start takes is no part of what a world looks like.
    let renewed = if silent { now } else { Timestamp::from_second(now.as_second()).unwrap_or(now) };
    let mut lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": name, "namespace": LEASES, "ownerReferences": [{
            "apiVersion": "v1", "kind": "Node", "name": name, "uid": object::uid(node),
        }]},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS,
                 "renewTime": mainstay_controller_runtime::clock::format_micros(renewed)},
    });
    if silent {
        object::set_annotation(&mut lease, crate::FAIL, "node");
    }
    lease
}

/// What a node has room for, with what its annotation says instead.
fn room(node: &Value) -> Map<String, Value> {
    let mut room: Map<String, Value> = ROOM.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let asked = object::annotation(node, crate::CAPACITY).unwrap_or_default();
    let asked = asked.split(',').filter_map(|entry| entry.split_once('='));
    let valid = asked.filter(|(_, amount)| amount.trim().parse::<mainstay_apimachinery::quantity::Quantity>().is_ok());
    room.extend(valid.map(|(key, amount)| (key.trim().to_owned(), json!(amount.trim()))));
    room
}

fn manifest(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "node-role.kubernetes.io/worker": "",
                crate::SIMULATED: "true",
            },
            "annotations": {crate::SIMULATED: "true"},
        },
        "spec": {"providerID": format!("simulated://{name}")},
    })
}

fn status(node: &Value, now: Timestamp) -> Value {
    let name = object::name(node);
    let room = room(node);
    let mut conditions = condition::all(node);
    for (kind, reason, message) in PRESSURES {
        condition::set(&mut conditions, &Condition::new(kind, false, reason, message), now);
    }
    let ready = match lifecycle::failure(node) {
        Some(_) => Condition::new("Ready", false, "KubeletNotReady", "simulated, as the node's annotation asks"),
        None => Condition::new("Ready", true, "KubeletReady", "simulated node is ready"),
    };
    condition::set(&mut conditions, &ready, now);
    json!({
        "capacity": room,
        "allocatable": room,
        "addresses": [{"type": "InternalIP", "address": address(name)}, {"type": "Hostname", "address": name}],
        "conditions": conditions,
        "nodeInfo": {
            "architecture": "amd64", "operatingSystem": "linux", "osImage": "simulated",
            "kernelVersion": "simulated", "containerRuntimeVersion": "simulated://1",
            "kubeletVersion": VERSION, "kubeProxyVersion": "",
            "machineID": "", "systemUUID": "", "bootID": "",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_says_that_it_is_simulated() {
        let mut node = manifest("dev-node-1");
        node["status"] = status(&node, Timestamp::UNIX_EPOCH);
        assert!(is_simulated(&node));
        assert!(node["status"]["nodeInfo"]["kubeletVersion"].as_str().unwrap().ends_with("-simulated"));
        assert!(condition::is_true(&node, "Ready") && !condition::is_true(&node, "DiskPressure"));
        assert_eq!(status(&node, Timestamp::MAX), node["status"]);
    }
}
