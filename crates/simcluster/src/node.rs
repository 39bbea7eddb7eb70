//! The simulated nodes: creates them and keeps them Ready.
//! It must not know pods. Every place a person looks at says that they are simulated.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, ObjectKey};
use serde_json::{Value, json};

use crate::cluster::{Cluster, KUBELET};
use crate::condition::{self, Condition};
use crate::{hash, kinds, read};

/// Pods per node. Real nodes take 110; a simulated one only has to hold a large fleet on few nodes.
const PODS: &str = "5000";
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
    let controller = Controller::new("node", &cluster.context.clone())
        .watch(&nodes, |event| is_simulated(event.object()).then(|| ObjectKey::of(event.object())));
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
        // A node that does not say it is ready as it registers is tainted.
        let mut node = manifest(&key.name);
        node["status"] = status(&node, cluster.now());
        cluster.create(&kinds::nodes(), &node).await?;
        return Ok(Action::done());
    };
    if object::is_deleting(&node) {
        return Ok(Action::done());
    }
    if let Some(patch) = read::status_patch(&node, &status(&node, cluster.now())) {
        cluster.patch_status(KUBELET, &kinds::nodes(), &node, &patch).await?;
    }
    if let Some(patch) = untainted(&node) {
        cluster.patch(&kinds::nodes(), &node, &patch).await?;
    }
    Ok(Action::done())
}

/// What takes away the taint that every node is born with: a node that is ready takes pods.
fn untainted(node: &Value) -> Option<Value> {
    let (born, kept): (Vec<&Value>, Vec<&Value>) =
        read::items(node, "/spec/taints").partition(|taint| taint["key"] == "node.kubernetes.io/not-ready");
    let kept = if kept.is_empty() { Value::Null } else { json!(kept) };
    (!born.is_empty()).then(|| json!({"spec": {"taints": kept}}))
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
    let room = json!({"cpu": "16", "memory": "64Gi", "ephemeral-storage": "200Gi", "pods": PODS});
    let mut conditions = condition::all(node);
    for (kind, reason, message) in PRESSURES {
        condition::set(&mut conditions, &Condition::new(kind, false, reason, message), now);
    }
    let ready = Condition::new("Ready", true, "KubeletReady", "simulated node is ready");
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
