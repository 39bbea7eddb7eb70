//! The claims of a StatefulSet's pods, and whom they belong to. It must not know a clock or a client.
//! Upstream: `pkg/controller/statefulset/stateful_set_utils.go`.

use mainstay_apimachinery::object;
use serde_json::{Value, json};

use crate::{protection, read};

fn name(template: &Value, pod: &str) -> String {
    format!("{}-{pod}", object::name(template))
}

/// The names of a pod's claims.
pub(super) fn names(set: &Value, pod: &str) -> Vec<String> {
    read::items(set, "/spec/volumeClaimTemplates").map(|template| name(template, pod)).collect()
}

/// The claims that a pod mounts.
pub(super) fn wanted(set: &Value, pod: &str) -> Vec<Value> {
    let templates = read::items(set, "/spec/volumeClaimTemplates");
    templates
        .map(|template| {
            let mut labels = object::labels(template).clone();
            let selector = set.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
            labels.extend(selector.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
            let mut claim = json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": {
                    "name": name(template, pod), "namespace": object::namespace(set), "labels": labels,
                    "annotations": object::annotations(template), "finalizers": [protection::CLAIM],
                },
                "spec": template.get("spec"),
            });
            if deletes(set, "whenDeleted") {
                object::metadata_mut(&mut claim).insert("ownerReferences".to_owned(), json!([set_reference(set)]));
            }
            claim
        })
        .collect()
}

/// Points the volumes named like a claim template to the pod's own claims.
pub(super) fn mount(set: &Value, pod: &mut Value) {
    let mut volumes: Vec<Value> = read::items(pod, "/spec/volumes").cloned().collect();
    for template in read::items(set, "/spec/volumeClaimTemplates") {
        let volume = object::name(template);
        volumes.retain(|known| read::text(known, "/name") != Some(volume));
        let claim = name(template, object::name(pod));
        volumes.push(json!({"name": volume, "persistentVolumeClaim": {"claimName": claim}}));
    }
    if !volumes.is_empty() {
        pod["spec"]["volumes"] = Value::from(volumes);
    }
}

fn deletes(set: &Value, when: &str) -> bool {
    let policy = format!("/spec/persistentVolumeClaimRetentionPolicy/{when}");
    read::text(set, &policy) == Some("Delete")
}

fn set_reference(set: &Value) -> Value {
    reference("apps/v1", "StatefulSet", set)
}

fn reference(api_version: &str, kind: &str, owner: &Value) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind, "name": object::name(owner), "uid": object::uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// The patch that gives a claim the owner that the retention policy asks for; a condemned pod is one beyond the
/// replicas. Upstream: `updateClaimOwnerRefForSetAndPod`.
pub(super) fn owners_patch(set: &Value, pod: &Value, condemned: bool, claim: &Value) -> Option<Value> {
    let foreign = |reference: &&Value| {
        let uid = read::text(reference, "/uid");
        let ours = uid == Some(object::uid(set)) || read::text(reference, "/kind") == Some("Pod");
        !ours
    };
    let mut owners: Vec<Value> = object::owner_references(claim).filter(foreign).cloned().collect();
    if condemned && deletes(set, "whenScaled") {
        owners.push(reference("v1", "Pod", pod));
    } else if deletes(set, "whenDeleted") {
        owners.push(set_reference(set));
    }
    let same = owners.iter().eq(object::owner_references(claim));
    (!same).then(|| json!({"metadata": {"ownerReferences": owners}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_retention_policy_says_with_whom_a_claim_goes() {
        let mut set = json!({"metadata": {"name": "db", "uid": "s"},
            "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]}});
        let pod = json!({"metadata": {"name": "db-1", "uid": "p"}});
        let claim = wanted(&set, "db-1").remove(0);
        assert_eq!(owners_patch(&set, &pod, true, &claim), None);
        set["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({"whenDeleted": "Delete", "whenScaled": "Delete"});
        let uid = |condemned| {
            let patch = owners_patch(&set, &pod, condemned, &claim).unwrap();
            patch["metadata"]["ownerReferences"][0]["uid"].as_str().unwrap().to_owned()
        };
        assert_eq!((uid(true), uid(false)), ("p".to_owned(), "s".to_owned()));
        assert_eq!(owners_patch(&set, &pod, false, &wanted(&set, "db-1")[0]), None);
    }
}
