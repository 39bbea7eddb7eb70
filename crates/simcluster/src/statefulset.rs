//! The StatefulSet controller. It must not know volumes.

mod plan;

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, ObjectKey};

use crate::cluster::{CONTROLLER_MANAGER, Cluster};
use crate::{kinds, owner, read};

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let sets = cluster.informer(&kinds::stateful_sets());
    let pods = cluster.informer(&kinds::pods());
    let cluster = cluster.clone();
    Controller::new("statefulset", &cluster.context.clone())
        .watch(&sets, |event| [ObjectKey::of(event.object())])
        .watch(&pods, |event| owner::controller_key(event.object(), "StatefulSet"))
        .spawn(move |key| reconcile(cluster.clone(), key));
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(set) = cluster.informer(&kinds::stateful_sets()).get_key(&key) else { return Ok(Action::done()) };
    if object::is_deleting(&set) {
        return Ok(Action::done());
    }
    let plan = plan::plan(&set, &cluster.pods_of(&set));
    for claim in &plan.claims {
        cluster.create(&kinds::claims(), claim).await?;
    }
    for pod in &plan.create {
        cluster.create(&kinds::pods(), pod).await?;
    }
    if let Some(name) = &plan.delete {
        cluster.delete(&kinds::pods(), &key.namespace, name).await?;
    }
    if let Some(patch) = read::status_patch(&set, &plan.status) {
        cluster.patch_status(CONTROLLER_MANAGER, &kinds::stateful_sets(), &set, &patch).await?;
    }
    Ok(Action::done())
}
