//! Eviction by taint: pods leave a node that does not keep them, and are not ready where nobody answers for them.
//! It must not know why a node is tainted. Upstream: `pkg/controller/tainteviction`, `nodelifecycle`.

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, DeleteOptions, ObjectKey};
use serde_json::Value;

use crate::cluster::{self, CONTROLLER_MANAGER, Cluster};
use crate::condition::{self, Condition};
use crate::kubelet::BY_NODE;
use crate::note::Note;
use crate::scheduler::fit;
use crate::{kinds, pod, read};

/// Index of the nodes that do not keep every pod, by name.
const EVICTING: &str = "evicting";
/// Reported as the source of Events.
const COMPONENT: &str = "taint-eviction-controller";

/// Starts the controller. It looks at pods when their node changes, and when a pod comes to a node that evicts.
pub(crate) fn start(cluster: &Cluster) {
    let pods = cluster.informer(&kinds::pods());
    let nodes = cluster.informer(&kinds::nodes());
    nodes
        .add_index(EVICTING, |node| evicting(node).next().map(|_| object::name(node).to_owned()).into_iter().collect());
    let (on_node, of_pod) = (pods.clone(), nodes.clone());
    let cluster = cluster.clone();
    Controller::new("taint-eviction", &cluster.context.clone())
        .watch(&nodes, move |event| on_node.keys_by_index(BY_NODE, object::name(event.object())))
        .watch(&pods, move |event| {
            let pod = event.object();
            let evicts = pod::node(pod).is_some_and(|node| !of_pod.keys_by_index(EVICTING, node).is_empty());
            evicts.then(|| ObjectKey::of(pod))
        })
        .spawn(move |key| reconcile(cluster.clone(), key));
}

fn evicting(node: &Value) -> impl Iterator<Item = &Value> {
    read::items(node, "/spec/taints").filter(|taint| read::text(taint, "/effect") == Some("NoExecute"))
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(pod) = cluster.informer(&kinds::pods()).get_key(&key) else { return Ok(Action::done()) };
    let node = pod::node(&pod).and_then(|node| cluster.informer(&kinds::nodes()).get("", node));
    let Some(node) = node else { return Ok(Action::done()) };
    mark_not_ready(&cluster, &pod, &node).await?;
    if object::is_deleting(&pod) || pod::is_finished(&pod) {
        return Ok(Action::done());
    }
    let now = cluster.now();
    match leaves_at(&pod, &node, now) {
        None => Ok(Action::done()),
        Some(at) if at > now => Ok(Action::requeue_after(cluster::until(now, at))),
        Some(_) => evict(&cluster, &pod).await,
    }
}

/// When the pod has to leave; `None` if it may stay.
fn leaves_at(pod: &Value, node: &Value, now: Timestamp) -> Option<Timestamp> {
    evicting(node)
        .filter_map(|taint| {
            let since = read::time(taint, "/timeAdded").unwrap_or(now);
            let tolerations = read::items(pod, "/spec/tolerations").filter(|one| fit::tolerates(one, taint));
            let allowed: Vec<Option<i64>> = tolerations.map(|one| read::int(one, "/tolerationSeconds")).collect();
            match allowed.iter().min_by_key(|seconds| seconds.unwrap_or(i64::MAX)) {
                None => Some(now),
                Some(None) => None,
                Some(Some(seconds)) => since.checked_add(SignedDuration::from_secs((*seconds).max(0))).ok(),
            }
        })
        .min()
}

async fn evict(cluster: &Cluster, pod: &Value) -> Result<Action, Error> {
    let message = "Taint manager: deleting due to NoExecute taint";
    let target = Condition::new("DisruptionTarget", true, "DeletionByTaintManager", message);
    condition::write(cluster, CONTROLLER_MANAGER, pod, &target).await?;
    let (namespace, name) = (object::namespace(pod).unwrap_or_default(), object::name(pod));
    let message = format!("Marking for deletion Pod {namespace}/{name}");
    cluster.record(pod, &[Note::normal("TaintManagerEviction", message).from(COMPONENT)]);
    let options = DeleteOptions { uid: Some(object::uid(pod).to_owned()), ..DeleteOptions::default() };
    cluster.api(&kinds::pods(), namespace).delete(name, &options).await?;
    Ok(Action::done())
}

/// Takes readiness from a pod whose kubelet is silent. Upstream: `MarkPodsNotReady`.
async fn mark_not_ready(cluster: &Cluster, pod: &Value, node: &Value) -> Result<(), Error> {
    let unknown = condition::find(node, "Ready").is_some_and(|ready| read::text(ready, "/status") == Some("Unknown"));
    if !unknown || !pod::is_ready(pod) {
        return Ok(());
    }
    let not_ready = Condition::new("Ready", false, "NodeNotReady", "");
    if condition::write(cluster, CONTROLLER_MANAGER, pod, &not_ready).await? {
        cluster.record(pod, &[Note::warning("NodeNotReady", "Node is not ready").from("node-controller")]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_stays_as_long_as_it_tolerates() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let taint = |key: &str| json!({"key": key, "effect": "NoExecute", "timeAdded": "1970-01-01T00:00:10Z"});
        let node = json!({"spec": {"taints": [taint("a"), {"key": "b", "effect": "NoSchedule"}]}});
        let pod = |tolerations: Value| json!({"spec": {"tolerations": tolerations}});
        let leaves = |pod: &Value| leaves_at(pod, &node, second(20));
        assert_eq!(leaves(&pod(json!([]))), Some(second(20)));
        assert_eq!(leaves(&pod(json!([{"key": "a", "operator": "Exists"}]))), None);
        let a_while = pod(json!([{"key": "a", "operator": "Exists", "tolerationSeconds": 300}]));
        assert_eq!(leaves(&a_while), Some(second(310)));
        assert_eq!(leaves_at(&pod(json!([])), &json!({}), second(20)), None);
    }
}
