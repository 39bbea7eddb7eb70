//! The scheduler: binds pods to nodes. It must not know what a pod runs, nor simulate anything.

pub(crate) mod fit;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, Event, Informer, ObjectKey};
use serde_json::{Value, json};

use crate::cluster::{Cluster, SCHEDULER};
use crate::condition::{self, Condition};
use crate::note::Note;
use crate::{kinds, pod, read};
use fit::Candidate;

/// Which pods are on which node, those just bound among them.
#[derive(Default)]
struct Load {
    by_node: BTreeMap<String, HashSet<String>>,
    node_of: HashMap<String, String>,
}

impl Load {
    fn put(&mut self, uid: &str, node: &str) {
        if self.node_of.get(uid).is_some_and(|known| known == node) {
            return;
        }
        self.take(uid);
        self.node_of.insert(uid.to_owned(), node.to_owned());
        self.by_node.entry(node.to_owned()).or_default().insert(uid.to_owned());
    }

    fn take(&mut self, uid: &str) {
        if let Some(node) = self.node_of.remove(uid)
            && let Some(pods) = self.by_node.get_mut(&node)
        {
            pods.remove(uid);
        }
    }

    fn on(&self, node: &str) -> usize {
        self.by_node.get(node).map_or(0, HashSet::len)
    }
}

#[derive(Clone)]
struct Scheduler {
    cluster: Cluster,
    load: Arc<Mutex<Load>>,
}

/// Starts the scheduler.
pub(crate) fn start(cluster: &Cluster) {
    let pods = cluster.informer(&kinds::pods());
    let nodes = cluster.informer(&kinds::nodes());
    let scheduler = Scheduler { cluster: cluster.clone(), load: Arc::default() };
    let observer = scheduler.clone();
    let waiting = pods.clone();
    pods.add_index(UNSCHEDULED, |pod| wants_node(pod).then(String::new).into_iter().collect());
    Controller::new("scheduler", &cluster.context)
        .watch(&pods, move |event| observer.observe(event))
        .watch(&nodes, move |_| unscheduled(&waiting))
        .spawn(move |key| reconcile(scheduler.clone(), key));
}

fn wants_node(pod: &Value) -> bool {
    let ours = read::text(pod, "/spec/schedulerName").is_none_or(|name| name == "default-scheduler");
    ours && pod::node(pod).is_none() && pod::is_active(pod)
}

/// The pods that no node took so far: a changed node may take them.
fn unscheduled(pods: &Informer) -> Vec<ObjectKey> {
    pods.keys_by_index(UNSCHEDULED, "")
}

/// Index of the pods that wait for a node.
const UNSCHEDULED: &str = "unscheduled";

impl Scheduler {
    fn load(&self) -> MutexGuard<'_, Load> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn observe(&self, event: &Event<'_>) -> Option<ObjectKey> {
        let pod = event.object();
        match (event, pod::node(pod)) {
            (Event::Deleted { .. }, _) => self.load().take(object::uid(pod)),
            (Event::Applied { .. }, Some(_)) if pod::is_finished(pod) => self.load().take(object::uid(pod)),
            (Event::Applied { .. }, Some(node)) => self.load().put(object::uid(pod), node),
            (Event::Applied { .. }, None) => return wants_node(pod).then(|| ObjectKey::of(pod)),
        }
        None
    }

    /// Chooses a node and counts the pod there at once, so that pods scheduled meanwhile see it.
    fn choose(&self, pod: &Value) -> Result<String, String> {
        let nodes = self.cluster.informer(&kinds::nodes()).list();
        let mut load = self.load();
        let ready = nodes.iter().filter(|node| condition::is_true(node, "Ready") && !object::is_deleting(node));
        let candidates: Vec<Candidate<'_>> =
            ready.map(|node| Candidate { node, pods: load.on(object::name(node)) }).collect();
        let node = fit::choose(pod, &candidates)?;
        load.put(object::uid(pod), &node);
        Ok(node)
    }
}

async fn reconcile(scheduler: Scheduler, key: ObjectKey) -> Result<Action, Error> {
    let cluster = &scheduler.cluster;
    let Some(pod) = cluster.informer(&kinds::pods()).get_key(&key).filter(wants_node) else {
        return Ok(Action::done());
    };
    match scheduler.choose(&pod) {
        Ok(node) => {
            let bound = bind(cluster, &pod, &node).await;
            if bound.is_err() {
                scheduler.load().take(object::uid(&pod));
            }
            bound?;
        }
        Err(reason) => refuse(cluster, &pod, &reason).await?,
    }
    Ok(Action::done())
}

async fn bind(cluster: &Cluster, pod: &Value, node: &str) -> Result<(), Error> {
    let (namespace, name) = (object::namespace(pod).unwrap_or_default(), object::name(pod));
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding",
        "metadata": {"name": name, "namespace": namespace, "uid": object::uid(pod)},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    });
    match cluster.api(&kinds::pods(), namespace).create_subresource(name, "binding", &binding).await {
        // Bound already, which the cache does not show yet, or gone.
        Err(error) if error.is_conflict() || error.is_not_found() => Ok(()),
        Err(error) => Err(error),
        Ok(_) => {
            let message = format!("Successfully assigned {namespace}/{name} to {node}");
            cluster.record(pod, &[Note::normal("Scheduled", message)]).await;
            Ok(())
        }
    }
}

async fn refuse(cluster: &Cluster, pod: &Value, reason: &str) -> Result<(), Error> {
    let mut status = pod.get("status").cloned().unwrap_or_else(|| json!({}));
    let mut conditions = condition::all(pod);
    let condition = Condition::new("PodScheduled", false, "Unschedulable", reason);
    condition::set(&mut conditions, &condition, cluster.now());
    status["conditions"] = Value::from(conditions);
    if let Some(patch) = read::status_patch(pod, &status) {
        cluster.patch_status(SCHEDULER, &kinds::pods(), pod, &patch).await?;
        cluster.record(pod, &[Note::warning("FailedScheduling", reason)]).await;
    }
    Ok(())
}
