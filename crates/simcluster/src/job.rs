//! The Job controller. It must not know how long a pod runs.

mod indexes;
mod outcome;
mod plan;
mod pods;
mod policy;
mod tally;

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, DeleteOptions, ObjectKey};
use serde_json::Value;

use crate::cluster::{self, CONTROLLER_MANAGER, Cluster};
use crate::note::Note;
use crate::{kinds, owner, read};

pub(crate) use plan::is_finished;

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let jobs = cluster.informer(&kinds::jobs());
    let pods = cluster.informer(&kinds::pods());
    let cluster = cluster.clone();
    Controller::new("job", &cluster.context.clone())
        .watch(&jobs, |event| [ObjectKey::of(event.object())])
        .watch(&pods, |event| owner::controller_key(event.object(), "Job"))
        .spawn(move |key| reconcile(cluster.clone(), key));
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(job) = cluster.informer(&kinds::jobs()).get_key(&key) else { return Ok(Action::done()) };
    if object::is_deleting(&job) {
        return Ok(Action::done());
    }
    if plan::is_finished(&job) {
        return expire(&cluster, &job).await;
    }
    let plan = plan::plan(&job, &cluster.pods_of(&job), cluster.now());
    for pod in &plan.create {
        create(&cluster, &job, pod).await?;
    }
    for name in &plan.delete {
        cluster.delete(&kinds::pods(), &key.namespace, name).await?;
        cluster.record(&job, &[Note::normal("SuccessfulDelete", format!("Deleted pod: {name}"))]);
    }
    if let Some(patch) = read::status_patch(&job, &plan.status) {
        cluster.patch_status(CONTROLLER_MANAGER, &kinds::jobs(), &job, &patch).await?;
        cluster.record(&job, &plan.notes);
    }
    // Nobody has to wait for a deadline that may never be missed.
    let deadline = plan.deadline_in.map_or_else(Action::done, Action::resync_after);
    Ok(plan.again_in.map_or(deadline, |delay| cluster::again_in(Some(delay))))
}

async fn create(cluster: &Cluster, job: &Value, pod: &Value) -> Result<(), Error> {
    match cluster.create(&kinds::pods(), pod).await {
        Ok(false) => Ok(()),
        Ok(true) => {
            let message = format!("Created pod: {}", object::name(pod));
            cluster.record(job, &[Note::normal("SuccessfulCreate", message)]);
            Ok(())
        }
        Err(error) => {
            let message = format!("Error creating: {}", error.message());
            cluster.record(job, &[Note::warning("FailedCreate", message)]);
            Err(error)
        }
    }
}

/// Deletes a finished Job when its time to live is over; the world may be at rest until then.
async fn expire(cluster: &Cluster, job: &Value) -> Result<Action, Error> {
    let Some(at) = plan::expires_at(job) else { return Ok(Action::done()) };
    let now = cluster.now();
    if now < at {
        return Ok(Action::resync_after(cluster::until(now, at)));
    }
    let options = DeleteOptions {
        uid: Some(object::uid(job).to_owned()),
        propagation: Some(mainstay_controller_runtime::PropagationPolicy::Foreground),
        ..DeleteOptions::default()
    };
    let api = cluster.api(&kinds::jobs(), object::namespace(job).unwrap_or_default());
    api.delete(object::name(job), &options).await?;
    Ok(Action::done())
}
