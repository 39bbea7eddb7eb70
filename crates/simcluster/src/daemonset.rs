//! The DaemonSet controller. It must not know what a node is beyond what pods say of nodes.
//! Upstream: `pkg/controller/daemon`.

mod plan;
mod rollout;
mod status;

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, ObjectKey};

use crate::cluster::{self, CONTROLLER_MANAGER, Cluster};
use crate::note::Note;
use crate::{kinds, owner, read, revision};
use plan::Input;

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let sets = cluster.informer(&kinds::daemon_sets());
    let pods = cluster.informer(&kinds::pods());
    let nodes = cluster.informer(&kinds::nodes());
    let revisions = cluster.informer(&kinds::controller_revisions());
    let cluster = cluster.clone();
    let known = sets.clone();
    Controller::new("daemonset", &cluster.context.clone())
        .watch(&sets, |event| [ObjectKey::of(event.object())])
        .watch(&pods, |event| owner::controller_key(event.object(), "DaemonSet"))
        .watch(&revisions, |event| owner::controller_key(event.object(), "DaemonSet"))
        .watch(&nodes, move |_| known.keys())
        .spawn(move |key| reconcile(cluster.clone(), key));
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(set) = cluster.informer(&kinds::daemon_sets()).get_key(&key) else { return Ok(Action::done()) };
    if object::is_deleting(&set) {
        return Ok(Action::done());
    }
    let history = revision::history(&set, &revision::of(&cluster, &set), revision::DAEMON_SET);
    if let Some(write) = &history.write {
        revision::write(&cluster, write).await?;
    }
    let (nodes, pods) = (cluster.informer(&kinds::nodes()).list(), cluster.pods_of(&set));
    let plan = plan::plan(&Input { set: &set, history: &history, nodes: &nodes, pods: &pods, now: cluster.now() });
    cluster.record(&set, &plan.notes);
    for pod in &plan.create {
        if cluster.create(&kinds::pods(), pod).await? {
            let message = format!("Created pod: {}", object::name(pod));
            cluster.record(&set, &[Note::normal("SuccessfulCreate", message)]);
        }
    }
    for name in &plan.delete {
        cluster.delete(&kinds::pods(), &key.namespace, name).await?;
        cluster.record(&set, &[Note::normal("SuccessfulDelete", format!("Deleted pod: {name}"))]);
    }
    if let Some(patch) = read::status_patch(&set, &plan.status) {
        cluster.patch_status(CONTROLLER_MANAGER, &kinds::daemon_sets(), &set, &patch).await?;
    }
    for name in &plan.forget {
        cluster.delete(&kinds::controller_revisions(), &key.namespace, name).await?;
    }
    Ok(cluster::again_in(plan.again_in))
}
