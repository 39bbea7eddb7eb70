//! The DaemonSet controller. It must not know what a node is beyond what pods say of nodes.

mod plan;

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, ObjectKey};

use crate::cluster::{CONTROLLER_MANAGER, Cluster};
use crate::{kinds, owner, read};

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let sets = cluster.informer(&kinds::daemon_sets());
    let pods = cluster.informer(&kinds::pods());
    let nodes = cluster.informer(&kinds::nodes());
    let cluster = cluster.clone();
    let known = sets.clone();
    Controller::new("daemonset", &cluster.context.clone())
        .watch(&sets, |event| [ObjectKey::of(event.object())])
        .watch(&pods, |event| owner::controller_key(event.object(), "DaemonSet"))
        .watch(&nodes, move |_| known.keys())
        .spawn(move |key| reconcile(cluster.clone(), key));
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(set) = cluster.informer(&kinds::daemon_sets()).get_key(&key) else { return Ok(Action::done()) };
    if object::is_deleting(&set) {
        return Ok(Action::done());
    }
    let nodes = cluster.informer(&kinds::nodes()).list();
    let plan = plan::plan(&set, &nodes, &cluster.pods_of(&set));
    for pod in &plan.create {
        cluster.create(&kinds::pods(), pod).await?;
    }
    for name in &plan.delete {
        cluster.delete(&kinds::pods(), &key.namespace, name).await?;
    }
    if let Some(patch) = read::status_patch(&set, &plan.status) {
        cluster.patch_status(CONTROLLER_MANAGER, &kinds::daemon_sets(), &set, &patch).await?;
    }
    Ok(Action::done())
}
