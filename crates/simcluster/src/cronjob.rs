//! The CronJob controller: makes the Job of each time of a schedule, and keeps as many old ones as its history asks.
//! It must not know pods. Upstream: `pkg/controller/cronjob/cronjob_controllerv2.go`.

mod history;
mod plan;
mod times;

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, ObjectKey};
use serde_json::{Value, json};

use crate::cluster::{BY_CONTROLLER, CONTROLLER_MANAGER, Cluster};
use crate::note::Note;
use crate::{kinds, owner, read};
use plan::Plan;

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let cron_jobs = cluster.informer(&kinds::cron_jobs());
    let jobs = cluster.informer(&kinds::jobs());
    let cluster = cluster.clone();
    Controller::new("cronjob", &cluster.context.clone())
        .watch(&cron_jobs, |event| [ObjectKey::of(event.object())])
        .watch(&jobs, |event| owner::controller_key(event.object(), "CronJob"))
        .spawn(move |key| reconcile(cluster.clone(), key));
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(mut cron_job) = cluster.informer(&kinds::cron_jobs()).get_key(&key) else { return Ok(Action::done()) };
    let jobs = cluster.informer(&kinds::jobs()).by_index(BY_CONTROLLER, object::uid(&cron_job));
    if jobs.iter().any(|job| plan::is_unexpected(&cron_job, job)) {
        // The cache may not show yet that this very controller made the Job.
        let live = cluster.api(&kinds::cron_jobs(), &key.namespace).get(&key.name).await?;
        let Some(live) = live.filter(|live| object::uid(live) == object::uid(&cron_job)) else {
            return Ok(Action::done());
        };
        cron_job = live;
    }
    let gone = gone(&cluster, &cron_job, &jobs).await?;
    let mut plan = plan::plan(&cron_job, &jobs, &gone, cluster.now());
    carry_out(&cluster, &cron_job, &mut plan).await?;
    if let Some(patch) = read::status_patch(&cron_job, &plan.status) {
        cluster.patch_status(CONTROLLER_MANAGER, &kinds::cron_jobs(), &cron_job, &patch).await?;
    }
    cluster.record(&cron_job, &plan.notes);
    // A schedule goes on for ever: the world may be at rest between two of its times.
    Ok(plan.again_in.map_or_else(Action::done, Action::resync_after))
}

/// The uids of the active Jobs that are neither in the cache nor, being asked, on the server.
async fn gone(cluster: &Cluster, cron_job: &Value, jobs: &[Value]) -> Result<Vec<String>, Error> {
    let mut gone = Vec::new();
    for reference in read::items(cron_job, "/status/active") {
        let uid = read::text(reference, "/uid").unwrap_or_default();
        if jobs.iter().any(|job| object::uid(job) == uid) {
            continue;
        }
        let api = cluster.api(&kinds::jobs(), object::namespace(cron_job).unwrap_or_default());
        let live = api.get(read::text(reference, "/name").unwrap_or_default()).await?;
        if live.is_none_or(|job| object::uid(&job) != uid) {
            gone.push(uid.to_owned());
        }
    }
    Ok(gone)
}

async fn carry_out(cluster: &Cluster, cron_job: &Value, plan: &mut Plan) -> Result<(), Error> {
    let namespace = object::namespace(cron_job).unwrap_or_default();
    for name in std::mem::take(&mut plan.delete) {
        cluster.delete(&kinds::jobs(), namespace, &name).await?;
        plan.notes.push(Note::normal("SuccessfulDelete", format!("Deleted job {name}")));
    }
    let Some(start) = plan.start.take() else { return Ok(()) };
    let api = cluster.api(&kinds::jobs(), namespace);
    let (job, is_new) = match api.create(CONTROLLER_MANAGER, &start.job).await {
        Ok(job) => (Some(job), true),
        Err(error) if error.is_conflict() => (api.get(object::name(&start.job)).await?, false),
        Err(error) => {
            let message = format!("Error creating job: {}", error.message());
            cluster.record(cron_job, &[Note::warning("FailedCreate", message)]);
            return Err(error);
        }
    };
    let Some(job) = job.filter(|job| owner::controls(cron_job, job)) else { return Ok(()) };
    if is_new {
        plan.notes.push(Note::normal("SuccessfulCreate", format!("Created job {}", object::name(&job))));
    }
    plan::started(&mut plan.status, &reference(&job), start.at);
    Ok(())
}

/// Upstream: `ref.GetReference`.
fn reference(job: &Value) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "name": object::name(job), "namespace": object::namespace(job),
        "uid": object::uid(job), "resourceVersion": object::resource_version(job),
    })
}
