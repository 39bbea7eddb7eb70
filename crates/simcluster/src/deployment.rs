//! The Deployment controller: keeps the ReplicaSets of each Deployment as its rollout wants them.
//! It must not know how pods are created.

mod plan;
mod rollout;
mod scale;
mod status;

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, ObjectKey};
use serde_json::{Value, json};

use crate::cluster::{BY_CONTROLLER, Cluster};
use crate::{kinds, owner, read};
use plan::{Input, Plan, Write};

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let deployments = cluster.informer(&kinds::deployments());
    let sets = cluster.informer(&kinds::replica_sets());
    let pods = cluster.informer(&kinds::pods());
    let cluster = cluster.clone();
    Controller::new("deployment", &cluster.context.clone())
        .watch(&deployments, |event| [ObjectKey::of(event.object())])
        .watch(&sets, |event| owner::controller_key(event.object(), "Deployment"))
        .reads(&pods)
        .spawn(move |key| reconcile(cluster.clone(), key));
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(deployment) = cluster.informer(&kinds::deployments()).get_key(&key) else { return Ok(Action::done()) };
    if object::is_deleting(&deployment) {
        return Ok(Action::done());
    }
    let sets = cluster.informer(&kinds::replica_sets()).by_index(BY_CONTROLLER, object::uid(&deployment));
    let old_pods = is_recreate(&deployment) && old_pods_remain(&cluster, &sets);
    let input = Input { deployment: &deployment, replica_sets: &sets, old_pods, now: cluster.now() };
    let Plan { writes, notes, again_in } = plan::plan(&input);
    for write in &writes {
        carry_out(&cluster, &deployment, write).await?;
    }
    cluster.record(&deployment, &notes);
    // A missed deadline is told when it comes, but nobody has to wait for it.
    Ok(again_in.map_or_else(Action::done, Action::resync_after))
}

fn is_recreate(deployment: &Value) -> bool {
    read::text(deployment, "/spec/strategy/type") == Some("Recreate")
}

/// Whether a ReplicaSet that is scaled to zero still has pods, even if they are ending.
fn old_pods_remain(cluster: &Cluster, sets: &[Value]) -> bool {
    let emptied = sets.iter().filter(|set| read::int(set, "/spec/replicas") == Some(0));
    emptied.into_iter().any(|set| !cluster.pods_of(set).is_empty())
}

async fn carry_out(cluster: &Cluster, deployment: &Value, write: &Write) -> Result<(), Error> {
    let namespace = object::namespace(deployment).unwrap_or_default();
    let sets = kinds::replica_sets();
    match write {
        Write::Create(set) => create(cluster, deployment, set).await,
        Write::Patch(name, patch) => {
            cluster.patch(&sets, &json!({"metadata": {"namespace": namespace, "name": name}}), patch).await
        }
        Write::Delete(name) => cluster.delete(&sets, namespace, name).await,
        Write::PatchDeployment(patch) => cluster.patch(&kinds::deployments(), deployment, patch).await,
        Write::PatchStatus(patch) => {
            cluster.patch_status(crate::cluster::CONTROLLER_MANAGER, &kinds::deployments(), deployment, patch).await
        }
    }
}

/// Creates the ReplicaSet. Its name is taken by a foreign one: the next round hashes with a collision count.
async fn create(cluster: &Cluster, deployment: &Value, set: &Value) -> Result<(), Error> {
    if cluster.create(&kinds::replica_sets(), set).await? {
        return Ok(());
    }
    let api = cluster.api(&kinds::replica_sets(), object::namespace(set).unwrap_or_default());
    let foreign = api.get(object::name(set)).await?.is_some_and(|there| !owner::controls(deployment, &there));
    if !foreign {
        return Ok(());
    }
    let count = read::count(deployment, "/status/collisionCount") + 1;
    let patch = json!({"status": {"collisionCount": count}});
    cluster.patch_status(crate::cluster::CONTROLLER_MANAGER, &kinds::deployments(), deployment, &patch).await
}
