//! The kubelets of all simulated nodes: takes up bound pods, moves them through their life and ends them.
//! It must not know what controls a pod, nor how its node was chosen.

mod notes;
mod status;
mod timeline;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, DeleteOptions, Event, ObjectKey};
use serde_json::Value;

use crate::addresses::Addresses;
use crate::cluster::{self, Cluster, KUBELET};
use crate::node::{self, lifecycle};
use crate::{kinds, pod, read};
use status::Placement;
use timeline::Moment;

/// Index of the nodes whose kubelet does nothing, by name.
const SILENT: &str = "silent";
/// Index of pods by the node they are bound to.
pub(crate) const BY_NODE: &str = "node";

struct Kubelet {
    cluster: Cluster,
    addresses: Addresses,
    /// When a pod was taken up, by uid: finer than `status.startTime`, which has whole seconds.
    taken: Mutex<HashMap<String, Timestamp>>,
    /// Uids of the pods that were told to stop.
    stopped: Mutex<HashSet<String>>,
}

/// Starts the kubelets.
pub(crate) fn start(cluster: &Cluster) {
    let pods = cluster.informer(&kinds::pods());
    let kubelet = Arc::new(Kubelet {
        cluster: cluster.clone(),
        addresses: Addresses::default(),
        taken: Mutex::default(),
        stopped: Mutex::default(),
    });
    let observer = Arc::clone(&kubelet);
    let nodes = cluster.informer(&kinds::nodes());
    let known = pods.clone();
    pods.add_index(BY_NODE, |pod| pod::node(pod).map(str::to_owned).into_iter().collect());
    nodes.add_index(SILENT, |node| {
        let silent = lifecycle::failure(node) == Some(lifecycle::Failure::Silent);
        silent.then(|| object::name(node).to_owned()).into_iter().collect()
    });
    Controller::new("kubelet", &cluster.context)
        .watch(&pods, move |event| observer.observe(event))
        // A node that was silent has its pods to see to when it is back.
        .watch(&nodes, move |event| known.keys_by_index(BY_NODE, object::name(event.object())))
        .spawn(move |key| reconcile(Arc::clone(&kubelet), key));
}

impl Kubelet {
    /// Keeps book of addresses, and tells which pod to look at: one that is bound or going.
    fn observe(&self, event: &Event<'_>) -> Option<ObjectKey> {
        let pod = event.object();
        let key = ObjectKey::of(pod);
        let address = read::text(pod, "/status/podIP").unwrap_or_default();
        if let Event::Deleted { .. } = event {
            self.addresses.release(&key.to_string(), address);
            self.taken().remove(object::uid(pod));
            self.stopped().remove(object::uid(pod));
            return None;
        }
        self.addresses.keep(&key.to_string(), address);
        (pod::node(pod).is_some() || object::is_deleting(pod)).then_some(key)
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, HashMap<String, Timestamp>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says once that the containers of a pod are told to stop.
    fn stop(&self, pod: &Value) {
        let runs = pod::phase(pod) == "Running";
        if runs && self.stopped().insert(object::uid(pod).to_owned()) {
            self.cluster.record(pod, &notes::killing(pod));
        }
    }

    /// Whether the pod's node is there and its kubelet does nothing.
    fn is_silent(&self, pod: &Value) -> bool {
        let nodes = self.cluster.informer(&kinds::nodes());
        pod::node(pod).is_some_and(|node| !nodes.keys_by_index(SILENT, node).is_empty())
    }

    fn placement(&self, pod: &Value, node: &str) -> Placement {
        let now = self.cluster.now();
        let known = read::time(pod, "/status/startTime").unwrap_or(now);
        let taken = *self.taken().entry(object::uid(pod).to_owned()).or_insert(known);
        let pod_ip = read::text(pod, "/status/podIP").map(str::to_owned);
        Placement {
            host_ip: node::address(node),
            pod_ip: pod_ip.unwrap_or_else(|| self.addresses.of(&ObjectKey::of(pod).to_string()).to_string()),
            taken,
        }
    }
}

async fn reconcile(kubelet: Arc<Kubelet>, key: ObjectKey) -> Result<Action, Error> {
    let cluster = &kubelet.cluster;
    let Some(pod) = cluster.informer(&kinds::pods()).get_key(&key) else { return Ok(Action::done()) };
    if kubelet.is_silent(&pod) {
        return Ok(Action::done());
    }
    if object::is_deleting(&pod) {
        kubelet.stop(&pod);
        return end(cluster, &pod).await;
    }
    let Some(node) = pod::node(&pod) else { return Ok(Action::done()) };
    if pod::is_finished(&pod) {
        return Ok(Action::done());
    }
    let placement = kubelet.placement(&pod, node);
    let now = cluster.now();
    let Moment { stage, next } = timeline::at(&pod, placement.taken, now, &cluster.options.timings);
    let status = status::at_stage(&pod, &placement, &stage);
    if let Some(patch) = read::status_patch(&pod, &status) {
        cluster.patch_status(KUBELET, &kinds::pods(), &pod, &patch).await?;
        cluster.record(&pod, &notes::of(&pod, &stage, cluster.options.detailed_events));
    }
    Ok(cluster::again_in(next.map(|at| cluster::until(now, at))))
}

/// Lets a deleted pod end after its (short) time, and takes it off the API.
async fn end(cluster: &Cluster, pod: &Value) -> Result<Action, Error> {
    let now = cluster.now();
    let grace = SignedDuration::from_secs(read::count(pod, "/metadata/deletionGracePeriodSeconds"));
    let asked = read::time(pod, "/metadata/deletionTimestamp").unwrap_or(now) - grace;
    let time = SignedDuration::try_from(cluster.options.timings.terminate).unwrap_or_default().min(grace);
    if pod::node(pod).is_some() && now < asked + time {
        return Ok(Action::requeue_after(cluster::until(now, asked + time)));
    }
    let options = DeleteOptions {
        uid: Some(object::uid(pod).to_owned()),
        grace_period_seconds: Some(0),
        ..DeleteOptions::default()
    };
    let api = cluster.api(&kinds::pods(), object::namespace(pod).unwrap_or_default());
    api.delete(object::name(pod), &options).await?;
    Ok(Action::done())
}
