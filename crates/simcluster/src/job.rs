//! The Job controller. It must not know how long a pod runs.

mod plan;

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, ObjectKey};

use crate::cluster::{CONTROLLER_MANAGER, Cluster};
use crate::{kinds, owner, pod, read};

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
    if object::is_deleting(&job) || plan::is_finished(&job) {
        return Ok(Action::done());
    }
    let plan = plan::plan(&job, &cluster.pods_of(&job), cluster.now());
    let pods = cluster.informer(&kinds::pods());
    let taken = |name: &str| pods.get(&key.namespace, name).is_some();
    let template = pod::from_template(&job);
    for pod in pod::named(&template, &key.name, taken).take(plan.create) {
        cluster.create(&kinds::pods(), &pod).await?;
    }
    for name in &plan.delete {
        cluster.delete(&kinds::pods(), &key.namespace, name).await?;
    }
    if let Some(patch) = read::status_patch(&job, &plan.status) {
        cluster.patch_status(CONTROLLER_MANAGER, &kinds::jobs(), &job, &patch).await?;
        cluster.record(&job, &plan.notes).await;
    }
    Ok(Action::done())
}
