//! The ReplicaSet controller: keeps as many pods as each ReplicaSet wants.
//! It must not know Deployments.

mod plan;

use std::time::Duration;

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, ObjectKey};
use serde_json::Value;

use crate::cluster::{self, CONTROLLER_MANAGER, Cluster};
use crate::note::Note;
use crate::{kinds, owner, pod, read};

/// How soon to try again after a pod was refused: quota may have become free, and nothing tells us so.
const REFUSED_RETRY: Duration = Duration::from_secs(5);

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let sets = cluster.informer(&kinds::replica_sets());
    let pods = cluster.informer(&kinds::pods());
    let cluster = cluster.clone();
    Controller::new("replicaset", &cluster.context.clone())
        .watch(&sets, |event| [ObjectKey::of(event.object())])
        .watch(&pods, |event| owner::controller_key(event.object(), "ReplicaSet"))
        .spawn(move |key| reconcile(cluster.clone(), key));
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(set) = cluster.informer(&kinds::replica_sets()).get_key(&key) else { return Ok(Action::done()) };
    if object::is_deleting(&set) {
        return Ok(Action::done());
    }
    let pods = cluster.pods_of(&set);
    let plan = plan::plan(&set, &pods);
    let created = create_pods(&cluster, &set, plan.create).await;
    for name in &plan.delete {
        cluster.delete(&kinds::pods(), &key.namespace, name).await?;
        cluster.record(&set, &[Note::normal("SuccessfulDelete", format!("Deleted pod: {name}"))]);
    }
    let failure = created.as_ref().err().map(Error::message);
    let moved = failure.is_none() && (plan.create > 0 || !plan.delete.is_empty());
    // What was just created or deleted comes back as events: a status written now would be stale at once.
    let again = if moved { None } else { write_status(&cluster, &set, &pods, failure.as_deref()).await? };
    match created {
        Err(error) if error.is_refusal() => Ok(Action::resync_after(REFUSED_RETRY)),
        Err(error) => Err(error),
        Ok(()) => Ok(cluster::again_in(again)),
    }
}

async fn write_status(
    cluster: &Cluster,
    set: &Value,
    pods: &[Value],
    failure: Option<&str>,
) -> Result<Option<Duration>, Error> {
    let computed = plan::status(set, pods, failure, cluster.now());
    if let Some(patch) = read::status_patch(set, &computed.status) {
        cluster.patch_status(CONTROLLER_MANAGER, &kinds::replica_sets(), set, &patch).await?;
        if let Some(message) = failure {
            cluster.record(set, &[Note::warning("FailedCreate", format!("Error creating: {message}"))]);
        }
    }
    Ok(computed.again_in)
}

/// Creates pods under the first free names. A name that turns out to be taken was created in a round that the cache
/// does not show yet, so it counts: a stale cache never makes a pod too many.
async fn create_pods(cluster: &Cluster, set: &Value, count: usize) -> Result<(), Error> {
    let pods = cluster.informer(&kinds::pods());
    let namespace = object::namespace(set).unwrap_or_default();
    let taken = |name: &str| pods.get(namespace, name).is_some();
    let template = pod::from_template(set);
    for pod in pod::named(&template, object::name(set), taken).take(count) {
        if cluster.create(&kinds::pods(), &pod).await? {
            cluster.record(set, &[Note::normal("SuccessfulCreate", format!("Created pod: {}", object::name(&pod)))]);
        }
    }
    Ok(())
}
