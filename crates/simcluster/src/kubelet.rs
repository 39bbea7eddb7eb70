//! The kubelets of all simulated nodes: takes up bound pods, moves them through their life and ends them.
//! It must not know what controls a pod, nor how its node was chosen.

mod status;
mod timeline;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, DeleteOptions, Event, ObjectKey};
use serde_json::Value;

use crate::addresses::Addresses;
use crate::cluster::{self, Cluster, KUBELET};
use crate::note::Note;
use crate::{condition, kinds, node, pod, read};
use status::Placement;
use timeline::{Moment, Stage};

struct Kubelet {
    cluster: Cluster,
    addresses: Addresses,
    /// When a pod was taken up, by uid: finer than `status.startTime`, which has whole seconds.
    taken: Mutex<HashMap<String, Timestamp>>,
}

/// Starts the kubelets.
pub(crate) fn start(cluster: &Cluster) {
    let pods = cluster.informer(&kinds::pods());
    let kubelet =
        Arc::new(Kubelet { cluster: cluster.clone(), addresses: Addresses::default(), taken: Mutex::default() });
    let observer = Arc::clone(&kubelet);
    Controller::new("kubelet", &cluster.context)
        .watch(&pods, move |event| observer.observe(event))
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
            return None;
        }
        self.addresses.keep(&key.to_string(), address);
        (pod::node(pod).is_some() || object::is_deleting(pod)).then_some(key)
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, HashMap<String, Timestamp>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
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
    if object::is_deleting(&pod) {
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
        cluster.record(&pod, &notes(&pod, &stage, cluster.options.detailed_events)).await;
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

/// What `kubectl describe pod` shows of the step just taken.
fn notes(before: &Value, stage: &Stage, detailed: bool) -> Vec<Note> {
    match stage {
        Stage::Creating => Vec::new(),
        Stage::PullFailed { backing_off, .. } => pull_failure_notes(before, *backing_off),
        Stage::Running { ready: Some(_), .. } if pod::phase(before) == "Running" => Vec::new(),
        Stage::Running { ready, restarts, .. } => started_notes(before, (ready.is_some(), *restarts), detailed),
        Stage::CrashBackOff { .. } => back_off_notes(before),
        Stage::Finished { .. } if pod::phase(before) == "Pending" => started_notes(before, (true, 0), detailed),
        Stage::Finished { .. } => Vec::new(),
    }
}

fn containers(pod: &Value) -> impl Iterator<Item = (&str, &str)> {
    read::items(pod, "/spec/containers").map(|container| {
        (read::text(container, "/name").unwrap_or_default(), read::text(container, "/image").unwrap_or_default())
    })
}

fn pull_failure_notes(pod: &Value, backing_off: bool) -> Vec<Note> {
    let note = |(_, image)| {
        if backing_off {
            Note::warning("BackOff", format!("Back-off pulling image \"{image}\""))
        } else {
            Note::warning("Failed", status::pull_error(image))
        }
    };
    containers(pod).map(note).collect()
}

fn started_notes(pod: &Value, (ready, restarts): (bool, i64), detailed: bool) -> Vec<Note> {
    let mut notes = Vec::new();
    for (name, image) in containers(pod) {
        if detailed && restarts == 0 {
            notes.push(Note::normal("Pulled", format!("Successfully pulled image \"{image}\" (simulated)")));
            notes.push(Note::normal("Created", format!("Created container: {name}")));
        }
        notes.push(Note::normal("Started", format!("Started container {name}")));
    }
    let never = pod::requested_failure(pod) == Some(pod::Failure::NeverReady);
    if never && !ready && condition::find(pod, "Ready").is_some() {
        let message = format!("Readiness probe failed: simulated, as annotation {} asks", crate::FAIL);
        notes.push(Note::warning("Unhealthy", message));
    }
    notes
}

fn back_off_notes(pod: &Value) -> Vec<Note> {
    let message = |name| format!("Back-off restarting failed container {name} in pod {}", object::name(pod));
    containers(pod).map(|(name, _)| Note::warning("BackOff", message(name))).collect()
}
