//! Protection of claims and volumes in use: each has a finalizer, and is let go once nothing uses it.
//! It must not know how a claim is bound. Upstream: `pkg/controller/volume/pvcprotection`, `pvprotection`.

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, ApiResource, Controller, Informer, ObjectKey};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::{kinds, pod, read};

/// Finalizer of a claim.
pub(crate) const CLAIM: &str = "kubernetes.io/pvc-protection";
/// Finalizer of a volume.
pub(crate) const VOLUME: &str = "kubernetes.io/pv-protection";
/// Index of pods by the claims they mount, with their namespace.
const BY_CLAIM: &str = "claim";

/// Starts both controllers.
pub(crate) fn start(cluster: &Cluster) {
    protect_claims(cluster);
    protect_volumes(cluster);
}

fn protect_claims(cluster: &Cluster) {
    let (claims, pods) = (cluster.informer(&kinds::claims()), cluster.informer(&kinds::pods()));
    pods.add_index(BY_CLAIM, |pod| mounted(pod).iter().map(ToString::to_string).collect());
    let cluster = cluster.clone();
    Controller::new("pvc-protection", &cluster.context.clone())
        .watch(&claims, |event| [ObjectKey::of(event.object())])
        .watch(&pods, |event| mounted(event.object()))
        .spawn(move |key: ObjectKey| {
            let cluster = cluster.clone();
            async move {
                let in_use = uses(&cluster.informer(&kinds::pods()), &key);
                keep(&cluster, &kinds::claims(), &key, (CLAIM, in_use)).await
            }
        });
}

fn protect_volumes(cluster: &Cluster) {
    let volumes = cluster.informer(&kinds::volumes());
    let cluster = cluster.clone();
    Controller::new("pv-protection", &cluster.context.clone())
        .watch(&volumes, |event| [ObjectKey::of(event.object())])
        .spawn(move |key: ObjectKey| {
            let cluster = cluster.clone();
            async move {
                let volume = cluster.informer(&kinds::volumes()).get_key(&key);
                let in_use = volume.is_some_and(|volume| read::text(&volume, "/status/phase") == Some("Bound"));
                keep(&cluster, &kinds::volumes(), &key, (VOLUME, in_use)).await
            }
        });
}

/// The claims that a pod mounts.
fn mounted(pod: &Value) -> Vec<ObjectKey> {
    let namespace = object::namespace(pod).unwrap_or_default();
    let names =
        read::items(pod, "/spec/volumes").filter_map(|volume| read::text(volume, "/persistentVolumeClaim/claimName"));
    names.map(|name| ObjectKey::new(namespace, name)).collect()
}

/// A pod uses a claim from when it has a node until it has ended.
fn uses(pods: &Informer, claim: &ObjectKey) -> bool {
    let mounting = pods.by_index(BY_CLAIM, &claim.to_string());
    mounting.iter().any(|pod| pod::node(pod).is_some() && !pod::is_finished(pod))
}

/// Puts the finalizer on, or takes it off what is to be deleted and not in use.
async fn keep(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ObjectKey,
    (finalizer, in_use): (&str, bool),
) -> Result<Action, Error> {
    let Some(object) = cluster.informer(resource).get_key(key) else { return Ok(Action::done()) };
    let has = object::finalizers(&object).any(|known| known == finalizer);
    let mut finalizers: Vec<&str> = object::finalizers(&object).filter(|known| *known != finalizer).collect();
    match (object::is_deleting(&object), has) {
        (false, false) => finalizers.push(finalizer),
        (true, true) if !in_use => {}
        _ => return Ok(Action::done()),
    }
    let version = object::resource_version(&object);
    let patch = json!({"metadata": {"finalizers": finalizers, "resourceVersion": version}});
    cluster.patch(resource, &object, &patch).await?;
    Ok(Action::done())
}
