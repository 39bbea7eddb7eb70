//! The scheduler: binds pods to nodes. It must not know what a pod runs, nor simulate anything.

pub(crate) mod fit;
mod load;
mod peers;
mod preempt;
mod resources;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, Event, Informer, ObjectKey};
use serde_json::{Value, json};

use crate::cluster::{Cluster, SCHEDULER};
use crate::condition::{self, Condition};
use crate::note::Note;
use crate::{kinds, pod, read};
use fit::{Candidate, Obstacle};
use load::Load;
use peers::{Peer, Peers};

/// Index of the pods that wait for a node.
const UNSCHEDULED: &str = "unscheduled";
/// Index of those that others make room for.
const NOMINATED: &str = "nominated";
/// Reported as the source of Events.
const COMPONENT: &str = "default-scheduler";

#[derive(Clone)]
struct Scheduler {
    cluster: Cluster,
    load: Arc<Mutex<Load>>,
}

/// What a look at the nodes ends in.
enum Choice {
    /// The pod goes to this node.
    Node(String),
    /// These pods have to leave the node first.
    Preempt(String, Vec<Value>),
    /// It fits nowhere.
    Nowhere(String),
    /// Pods are leaving a node for it already.
    Wait,
}

/// Starts the scheduler.
pub(crate) fn start(cluster: &Cluster) {
    let pods = cluster.informer(&kinds::pods());
    let nodes = cluster.informer(&kinds::nodes());
    let scheduler = Scheduler { cluster: cluster.clone(), load: Arc::default() };
    let observer = scheduler.clone();
    let (waiting, freed) = (pods.clone(), pods.clone());
    pods.add_index(UNSCHEDULED, |pod| wants_node(pod).then(String::new).into_iter().collect());
    pods.add_index(NOMINATED, |pod| {
        let nominated = wants_node(pod) && read::text(pod, "/status/nominatedNodeName").is_some();
        nominated.then(String::new).into_iter().collect()
    });
    Controller::new("scheduler", &cluster.context)
        .watch(&pods, move |event| observer.observe(event, &freed))
        .watch(&nodes, move |_| unscheduled(&waiting))
        .reads(&cluster.informer(&kinds::namespaces()))
        .reads(&cluster.informer(&kinds::priority_classes()))
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

impl Scheduler {
    fn load(&self) -> MutexGuard<'_, Load> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps book of what is where. A pod that leaves makes room for those that wait.
    fn observe(&self, event: &Event<'_>, pods: &Informer) -> Vec<ObjectKey> {
        let pod = event.object();
        let left = match (event, pod::node(pod)) {
            (Event::Deleted { .. }, _) => self.load().take(object::uid(pod)),
            (Event::Applied { .. }, Some(_)) if pod::is_finished(pod) => self.load().take(object::uid(pod)),
            (Event::Applied { .. }, Some(node)) => {
                let priority = self.priority(pod);
                self.load().put(pod, node, priority);
                false
            }
            (Event::Applied { .. }, None) => return wants_node(pod).then(|| ObjectKey::of(pod)).into_iter().collect(),
        };
        if left { unscheduled(pods) } else { Vec::new() }
    }

    /// Chooses a node and counts the pod there at once, so that pods scheduled meanwhile see it.
    fn choose(&self, pod: &Value) -> Choice {
        let nodes = self.cluster.informer(&kinds::nodes()).list();
        let nodes: Vec<&Value> = nodes.iter().filter(|node| !object::is_deleting(node)).collect();
        let mut load = self.load();
        let candidates = self.candidates(pod, &nodes, &load);
        let cares = peers::cares(pod) || load.repels();
        let placed = if cares { self.placed(&load) } else { Vec::new() };
        let namespaces = if cares { self.cluster.informer(&kinds::namespaces()).list() } else { Vec::new() };
        let near = beside(&placed, &nodes);
        let peers = Peers { pods: &near, nodes: &nodes, namespaces: &namespaces };
        match fit::choose(pod, &candidates, &peers) {
            Ok(node) => {
                load.put(pod, &node, self.priority(pod));
                Choice::Node(node)
            }
            Err(obstacles) if !load.has_below(self.priority(pod)) => Choice::Nowhere(fit::unschedulable(&obstacles)),
            Err(obstacles) => {
                let placed = self.placed(&load);
                let near = beside(&placed, &nodes);
                self.make_room(pod, (&candidates, &obstacles), &Peers { pods: &near, ..peers })
            }
        }
    }

    /// The nodes with their load; room that is being made for a more important pod is taken.
    fn candidates<'a>(&self, pod: &Value, nodes: &[&'a Value], load: &Load) -> Vec<Candidate<'a>> {
        let priority = self.priority(pod);
        let waiting = self.cluster.informer(&kinds::pods()).by_index(NOMINATED, "");
        let nominated: Vec<(&str, &Value)> = waiting
            .iter()
            .filter_map(|other| Some((read::text(other, "/status/nominatedNodeName")?, other)))
            .filter(|(_, other)| object::uid(other) != object::uid(pod) && self.priority(other) > priority)
            .collect();
        let candidate = |node: &&'a Value| {
            let node: &'a Value = node;
            let name = object::name(node);
            let (mut pods, mut used) = load.on(name);
            for (_, other) in nominated.iter().filter(|(node, _)| *node == name) {
                pods += 1;
                used.add(&resources::Resources::of_pod(other));
            }
            Candidate { node, pods, used }
        };
        nodes.iter().map(candidate).collect()
    }

    /// All placed pods with the names of their nodes.
    fn placed(&self, load: &Load) -> Vec<(Value, String)> {
        let pods = self.cluster.informer(&kinds::pods()).list();
        let node = |pod: &Value| load.node_of(object::uid(pod)).map(str::to_owned);
        pods.into_iter().filter_map(|pod| node(&pod).map(|node| (pod, node))).collect()
    }

    fn make_room(
        &self,
        pod: &Value,
        (candidates, obstacles): (&[Candidate<'_>], &[Obstacle]),
        peers: &Peers<'_>,
    ) -> Choice {
        let priority = self.priority(pod);
        let nominated = read::text(pod, "/status/nominatedNodeName");
        let leaving = |peer: &Peer<'_>| {
            Some(object::name(peer.node)) == nominated
                && object::is_deleting(peer.pod)
                && self.priority(peer.pod) < priority
        };
        if peers.pods.iter().any(leaving) {
            return Choice::Wait;
        }
        let may = read::text(pod, "/spec/preemptionPolicy") != Some("Never");
        let found =
            may.then(|| preempt::find((priority, pod), candidates, peers, |other| self.priority(other))).flatten();
        match found {
            Some(found) => Choice::Preempt(found.node.to_owned(), found.victims.into_iter().cloned().collect()),
            None => Choice::Nowhere(fit::unschedulable(obstacles)),
        }
    }

    /// The priority of a pod, by its class where it names one. Upstream: admission plugin `Priority`.
    fn priority(&self, pod: &Value) -> i64 {
        match read::text(pod, "/spec/priorityClassName") {
            Some("system-node-critical") => 2_000_001_000,
            Some("system-cluster-critical") => 2_000_000_000,
            Some(name) => {
                let class = self.cluster.informer(&kinds::priority_classes()).get("", name);
                class.map_or(0, |class| read::count(&class, "/value"))
            }
            None => read::count(pod, "/spec/priority"),
        }
    }
}

/// The placed pods beside their nodes.
fn beside<'a>(placed: &'a [(Value, String)], nodes: &[&'a Value]) -> Vec<Peer<'a>> {
    let node = |name: &str| nodes.iter().copied().find(|node| object::name(node) == name);
    placed.iter().filter_map(|(pod, name)| Some(Peer { pod, node: node(name)? })).collect()
}

async fn reconcile(scheduler: Scheduler, key: ObjectKey) -> Result<Action, Error> {
    let cluster = &scheduler.cluster;
    let Some(pod) = cluster.informer(&kinds::pods()).get_key(&key).filter(wants_node) else {
        return Ok(Action::done());
    };
    match scheduler.choose(&pod) {
        Choice::Node(node) => {
            let bound = bind(cluster, &pod, &node).await;
            if bound.is_err() {
                scheduler.load().take(object::uid(&pod));
            }
            bound?;
        }
        Choice::Preempt(node, victims) => preempt(cluster, &pod, &node, &victims).await?,
        Choice::Nowhere(reason) => refuse(cluster, &pod, &reason).await?,
        Choice::Wait => {}
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
            cluster.record(pod, &[Note::normal("Scheduled", message).from(COMPONENT)]);
            Ok(())
        }
    }
}

/// Makes pods leave a node for a more important one.
async fn preempt(cluster: &Cluster, pod: &Value, node: &str, victims: &[Value]) -> Result<(), Error> {
    for victim in victims {
        let message = format!("{COMPONENT}: preempting to accommodate a higher priority pod");
        let target = Condition::new("DisruptionTarget", true, "PreemptionByScheduler", message);
        condition::write(cluster, SCHEDULER, victim, &target).await?;
        let message = format!("Preempted by pod {} on node {node}", object::uid(pod));
        cluster.record(victim, &[Note::normal("Preempted", message).from(COMPONENT)]);
        let namespace = object::namespace(victim).unwrap_or_default();
        cluster.delete(&kinds::pods(), namespace, object::name(victim)).await?;
    }
    let patch = json!({"status": {"nominatedNodeName": node}});
    cluster.patch_status(SCHEDULER, &kinds::pods(), pod, &patch).await
}

async fn refuse(cluster: &Cluster, pod: &Value, reason: &str) -> Result<(), Error> {
    let condition = Condition::new("PodScheduled", false, "Unschedulable", reason);
    if condition::write(cluster, SCHEDULER, pod, &condition).await? {
        cluster.record(pod, &[Note::warning("FailedScheduling", reason).from(COMPONENT)]);
    }
    Ok(())
}
