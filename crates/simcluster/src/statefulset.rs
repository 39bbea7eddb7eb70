//! The StatefulSet controller. It must not know volumes.
//! Upstream: `pkg/controller/statefulset`.

mod claims;
mod plan;
mod pods;
mod status;

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, ObjectKey};
use serde_json::Value;

use crate::cluster::{self, CONTROLLER_MANAGER, Cluster};
use crate::note::Note;
use crate::{kinds, owner, read, revision};
use plan::{Input, Plan};

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let sets = cluster.informer(&kinds::stateful_sets());
    let pods = cluster.informer(&kinds::pods());
    let claims = cluster.informer(&kinds::claims());
    let revisions = cluster.informer(&kinds::controller_revisions());
    let cluster = cluster.clone();
    Controller::new("statefulset", &cluster.context.clone())
        .watch(&sets, |event| [ObjectKey::of(event.object())])
        .watch(&pods, |event| owner::controller_key(event.object(), "StatefulSet"))
        .watch(&revisions, |event| owner::controller_key(event.object(), "StatefulSet"))
        .reads(&claims)
        .spawn(move |key| reconcile(cluster.clone(), key));
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(set) = cluster.informer(&kinds::stateful_sets()).get_key(&key) else { return Ok(Action::done()) };
    if object::is_deleting(&set) {
        return Ok(Action::done());
    }
    let history = revision::history(&set, &revision::of(&cluster, &set), revision::STATEFUL_SET);
    if let Some(write) = &history.write {
        revision::write(&cluster, write).await?;
    }
    let pods = cluster.pods_of(&set);
    let plan = plan::plan(&Input { set: &set, history: &history, pods: &pods, now: cluster.now() });
    keep_claims(&cluster, &set, &plan).await?;
    create(&cluster, &set, &plan.create).await?;
    for name in &plan.delete {
        cluster.delete(&kinds::pods(), &key.namespace, name).await?;
        let message = format!("delete Pod {name} in StatefulSet {} successful", key.name);
        cluster.record(&set, &[Note::normal("SuccessfulDelete", message)]);
    }
    cluster.record(&set, &plan.notes);
    if let Some(patch) = read::status_patch(&set, &plan.status) {
        cluster.patch_status(CONTROLLER_MANAGER, &kinds::stateful_sets(), &set, &patch).await?;
    }
    for name in &plan.forget {
        cluster.delete(&kinds::controller_revisions(), &key.namespace, name).await?;
    }
    Ok(cluster::again_in(plan.again_in))
}

async fn create(cluster: &Cluster, set: &Value, pods: &[Value]) -> Result<(), Error> {
    let name = object::name(set);
    for pod in pods {
        for claim in claims::wanted(set, object::name(pod)) {
            if cluster.create(&kinds::claims(), &claim).await? {
                let (claim, pod) = (object::name(&claim), object::name(pod));
                let message = format!("create Claim {claim} Pod {pod} in StatefulSet {name} success");
                cluster.record(set, &[Note::normal("SuccessfulCreate", message)]);
            }
        }
        match cluster.create(&kinds::pods(), pod).await {
            Ok(false) => {}
            Ok(true) => {
                let message = format!("create Pod {} in StatefulSet {name} successful", object::name(pod));
                cluster.record(set, &[Note::normal("SuccessfulCreate", message)]);
            }
            Err(error) => {
                let (pod, why) = (object::name(pod), error.message());
                let message = format!("create Pod {pod} in StatefulSet {name} failed error: {why}");
                cluster.record(set, &[Note::warning("FailedCreate", message)]);
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Ties claims to their set or pod, or lets them go, as the retention policy says, before any pod goes.
async fn keep_claims(cluster: &Cluster, set: &Value, plan: &Plan) -> Result<(), Error> {
    let claims = cluster.informer(&kinds::claims());
    for (pod, condemned) in &plan.claim_owners {
        for name in claims::names(set, object::name(pod)) {
            let claim = claims.get(object::namespace(set).unwrap_or_default(), &name);
            if let Some((claim, patch)) =
                claim.and_then(|claim| Some((claim.clone(), claims::owners_patch(set, pod, *condemned, &claim)?)))
            {
                cluster.patch(&kinds::claims(), &claim, &patch).await?;
            }
        }
    }
    Ok(())
}
