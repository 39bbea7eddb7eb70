//! PersistentVolumeClaims: each is bound to a volume made for it at once.
//! It must not know storage: a simulated volume holds nothing.

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, ObjectKey};
use serde_json::{Value, json};

use crate::cluster::{CONTROLLER_MANAGER, Cluster};
use crate::{kinds, protection, read};

/// Class of claims that name none.
const DEFAULT_CLASS: &str = "simulated";

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let claims = cluster.informer(&kinds::claims());
    let volumes = cluster.informer(&kinds::volumes());
    let cluster = cluster.clone();
    Controller::new("persistentvolume", &cluster.context.clone())
        .watch(&claims, |event| [ObjectKey::of(event.object())])
        .watch(&volumes, |event| claim_of(event.object()))
        .spawn(move |key| reconcile(cluster.clone(), key));
}

fn claim_of(volume: &Value) -> Option<ObjectKey> {
    let claim = volume.pointer("/spec/claimRef")?;
    Some(ObjectKey::new(read::text(claim, "/namespace")?, read::text(claim, "/name")?))
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(claim) = cluster.informer(&kinds::claims()).get_key(&key) else {
        return release(&cluster, &key).await;
    };
    if object::is_deleting(&claim) {
        return Ok(Action::done());
    }
    let volume = volume_for(&claim);
    let resource = kinds::volumes();
    match cluster.informer(&resource).get_key(&ObjectKey::of(&volume)) {
        None => drop(cluster.create(&resource, &volume).await?),
        Some(known) => {
            let bound = json!({"phase": "Bound"});
            if read::text(&known, "/status/phase") != Some("Bound") {
                let patch = json!({ "status": bound });
                cluster.patch_status(CONTROLLER_MANAGER, &resource, &known, &patch).await?;
            }
        }
    }
    bind(&cluster, &claim, &volume).await?;
    Ok(Action::done())
}

async fn bind(cluster: &Cluster, claim: &Value, volume: &Value) -> Result<(), Error> {
    if read::text(claim, "/spec/volumeName").is_none() {
        let patch = json!({
            "metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
            "spec": {"volumeName": object::name(volume)},
        });
        cluster.patch(&kinds::claims(), claim, &patch).await?;
    }
    let status = json!({
        "phase": "Bound",
        "accessModes": claim.pointer("/spec/accessModes"),
        "capacity": {"storage": claim.pointer("/spec/resources/requests/storage")},
    });
    match read::status_patch(claim, &status) {
        Some(patch) => cluster.patch_status(CONTROLLER_MANAGER, &kinds::claims(), claim, &patch).await,
        None => Ok(()),
    }
}

/// Deletes the volumes of a claim that is gone: the reclaim policy of what is provisioned here is Delete.
async fn release(cluster: &Cluster, key: &ObjectKey) -> Result<Action, Error> {
    let volumes = cluster.informer(&kinds::volumes()).list();
    for volume in volumes.iter().filter(|volume| claim_of(volume).as_ref() == Some(key) && is_ours(volume)) {
        if read::text(volume, "/status/phase") != Some("Released") {
            let patch = json!({"status": {"phase": "Released"}});
            cluster.patch_status(CONTROLLER_MANAGER, &kinds::volumes(), volume, &patch).await?;
        }
        if !object::is_deleting(volume) {
            cluster.delete(&kinds::volumes(), "", object::name(volume)).await?;
        }
    }
    Ok(Action::done())
}

fn is_ours(volume: &Value) -> bool {
    object::annotation(volume, crate::SIMULATED) == Some("true")
}

fn volume_for(claim: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {
            "name": format!("pvc-{}", object::uid(claim)),
            "annotations": {crate::SIMULATED: "true", "pv.kubernetes.io/provisioned-by": "simulated"},
            "finalizers": [protection::VOLUME],
        },
        "spec": {
            "accessModes": claim.pointer("/spec/accessModes"),
            "capacity": {"storage": claim.pointer("/spec/resources/requests/storage")},
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": object::name(claim),
                "namespace": object::namespace(claim), "uid": object::uid(claim),
            },
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": read::text(claim, "/spec/storageClassName").unwrap_or(DEFAULT_CLASS),
            "volumeMode": read::text(claim, "/spec/volumeMode").unwrap_or("Filesystem"),
            "hostPath": {"path": format!("/simulated/{}", object::uid(claim))},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_knows_its_claim() {
        let claim = json!({"metadata": {"name": "data", "namespace": "n", "uid": "u"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
        let volume = volume_for(&claim);
        assert_eq!(claim_of(&volume), Some(ObjectKey::new("n", "data")));
        assert!(is_ours(&volume));
        assert_eq!(volume["spec"]["capacity"]["storage"], "1Gi");
    }
}
