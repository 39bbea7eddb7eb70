//! Which pods and claims a StatefulSet needs next, and its status. It must not know a clock or a client.
//! Upstream: `pkg/controller/statefulset`; revisions are hashes only, no ControllerRevision is kept.

use mainstay_apimachinery::object;
use serde_json::{Value, json};

use crate::{hash, owner, pod, read};

/// Label with the revision a pod was made from.
pub(crate) const REVISION: &str = "controller-revision-hash";

/// What a StatefulSet needs.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    /// Claims that the pods to create mount.
    pub claims: Vec<Value>,
    /// Pods to create.
    pub create: Vec<Value>,
    /// Name of the pod to delete.
    pub delete: Option<String>,
    /// The whole new status.
    pub status: Value,
}

/// One round.
pub(crate) fn plan(set: &Value, pods: &[Value]) -> Plan {
    let revision = revision(set);
    let first = read::count(set, "/spec/ordinals/start");
    let replicas = read::int(set, "/spec/replicas").unwrap_or(1);
    let names: Vec<String> = (first..first + replicas).map(|ordinal| pod_name(set, ordinal)).collect();
    let missing = missing(set, pods, &names);
    let settled = missing.is_empty() && names.iter().all(|name| find(pods, name).is_some_and(is_running_and_ready));
    let delete = surplus(pods, &names).or_else(|| settled.then(|| outdated(set, pods, &names, &revision)).flatten());
    let delete = delete.filter(|_| missing.is_empty());
    Plan {
        claims: missing.iter().flat_map(|name| claims(set, name)).collect(),
        create: missing.iter().map(|name| new_pod(set, name, &revision)).collect(),
        delete,
        status: status(set, pods, &revision),
    }
}

/// The revision of the present template.
fn revision(set: &Value) -> String {
    let template = set.pointer("/spec/template").cloned().unwrap_or_default();
    format!("{}-{}", object::name(set), hash::pod_template(&template, None))
}

fn pod_name(set: &Value, ordinal: i64) -> String {
    format!("{}-{ordinal}", object::name(set))
}

fn find<'a>(pods: &'a [Value], name: &str) -> Option<&'a Value> {
    pods.iter().find(|pod| object::name(pod) == name)
}

fn is_running_and_ready(pod: &Value) -> bool {
    pod::is_ready(pod) && pod::is_active(pod)
}

/// The names to create now: all that are missing, or with `OrderedReady` the first, once all before it are ready.
fn missing(set: &Value, pods: &[Value], names: &[String]) -> Vec<String> {
    let absent = |name: &&String| find(pods, name).is_none();
    if read::text(set, "/spec/podManagementPolicy") == Some("Parallel") {
        return names.iter().filter(absent).cloned().collect();
    }
    let blocked = names.iter().find(|name| !find(pods, name).is_some_and(is_running_and_ready));
    blocked.filter(absent).cloned().into_iter().collect()
}

/// The pod with the highest ordinal beyond the wanted ones.
fn surplus(pods: &[Value], names: &[String]) -> Option<String> {
    let beyond = pods.iter().filter(|pod| !names.iter().any(|name| name == object::name(pod)));
    let last = beyond.max_by_key(|pod| ordinal(pod))?;
    (!object::is_deleting(last)).then(|| object::name(last).to_owned())
}

fn ordinal(pod: &Value) -> i64 {
    object::name(pod).rsplit('-').next().and_then(|ordinal| ordinal.parse().ok()).unwrap_or(-1)
}

/// The pod with the highest ordinal that an update has to replace.
fn outdated(set: &Value, pods: &[Value], names: &[String], revision: &str) -> Option<String> {
    if read::text(set, "/spec/updateStrategy/type") == Some("OnDelete") {
        return None;
    }
    let partition = read::count(set, "/spec/updateStrategy/rollingUpdate/partition");
    let old = |name: &&String| {
        find(pods, name).is_some_and(|pod| ordinal(pod) >= partition && object::label(pod, REVISION) != Some(revision))
    };
    names.iter().rfind(old).cloned()
}

fn claim_name(template: &Value, pod: &str) -> String {
    format!("{}-{pod}", object::name(template))
}

fn claims(set: &Value, pod: &str) -> Vec<Value> {
    let templates = read::items(set, "/spec/volumeClaimTemplates");
    templates
        .map(|template| {
            json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": {
                    "name": claim_name(template, pod), "namespace": object::namespace(set),
                    "labels": set.pointer("/spec/selector/matchLabels"),
                },
                "spec": template.get("spec"),
            })
        })
        .collect()
}

fn new_pod(set: &Value, name: &str, revision: &str) -> Value {
    let mut pod = pod::from_template(set);
    object::metadata_mut(&mut pod).insert("name".to_owned(), json!(name));
    object::set_label(&mut pod, REVISION, revision);
    object::set_label(&mut pod, "statefulset.kubernetes.io/pod-name", name);
    object::set_label(&mut pod, "apps.kubernetes.io/pod-index", name.rsplit('-').next().unwrap_or_default());
    pod["spec"]["hostname"] = json!(name);
    if let Some(service) = read::text(set, "/spec/serviceName") {
        pod["spec"]["subdomain"] = json!(service);
    }
    mount_claims(set, name, &mut pod);
    debug_assert!(owner::controls(set, &pod));
    pod
}

/// Points the volumes named like a claim template to the pod's own claims.
fn mount_claims(set: &Value, name: &str, pod: &mut Value) {
    let mut volumes: Vec<Value> = read::items(pod, "/spec/volumes").cloned().collect();
    for template in read::items(set, "/spec/volumeClaimTemplates") {
        let volume = object::name(template);
        volumes.retain(|known| read::text(known, "/name") != Some(volume));
        let claim = claim_name(template, name);
        volumes.push(json!({"name": volume, "persistentVolumeClaim": {"claimName": claim}}));
    }
    if !volumes.is_empty() {
        pod["spec"]["volumes"] = Value::from(volumes);
    }
}

fn status(set: &Value, pods: &[Value], revision: &str) -> Value {
    let count = |test: &dyn Fn(&Value) -> bool| {
        i64::try_from(pods.iter().filter(|pod| pod::is_active(pod) && test(pod)).count()).unwrap_or(i64::MAX)
    };
    let replicas = count(&|_| true);
    let updated = count(&|pod| object::label(pod, REVISION) == Some(revision));
    let ready = count(&is_running_and_ready);
    let done = updated == replicas && ready == replicas;
    let before = read::text(set, "/status/currentRevision").unwrap_or(revision);
    let current = if done { revision } else { before };
    let mut status = read::without_zeros(&[
        ("observedGeneration", object::generation(set)),
        ("readyReplicas", ready),
        ("currentReplicas", count(&|pod| object::label(pod, REVISION) == Some(current))),
        ("updatedReplicas", updated),
    ]);
    for (field, value) in [
        ("replicas", json!(replicas)),
        ("availableReplicas", json!(ready)),
        ("collisionCount", json!(0)),
        ("currentRevision", json!(current)),
        ("updateRevision", json!(revision)),
    ] {
        status.insert(field.to_owned(), value);
    }
    Value::Object(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(image: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": "db", "namespace": "n", "uid": "u", "generation": 1},
            "spec": {"replicas": 2, "serviceName": "db", "template": {"spec": {"image": image}},
                     "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]}})
    }

    fn ready(mut pod: Value) -> Value {
        pod["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        pod
    }

    #[test]
    fn pods_come_one_after_the_other_with_their_claims() {
        let first = plan(&set("a"), &[]);
        assert_eq!(first.create.iter().map(object::name).collect::<Vec<_>>(), ["db-0"]);
        assert_eq!(object::name(&first.claims[0]), "data-db-0");
        assert_eq!(first.create[0]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"], "data-db-0");
        assert!(plan(&set("a"), &first.create).create.is_empty());
        let second = plan(&set("a"), &[ready(first.create[0].clone())]);
        assert_eq!(object::name(&second.create[0]), "db-1");
    }

    #[test]
    fn an_update_replaces_from_the_highest_ordinal_and_scaling_down_too() {
        let mut parallel = set("a");
        parallel["spec"]["podManagementPolicy"] = json!("Parallel");
        let pods: Vec<Value> = plan(&parallel, &[]).create.into_iter().map(ready).collect();
        assert_eq!(plan(&set("a"), &pods).delete, None);
        assert_eq!(plan(&set("b"), &pods).delete.as_deref(), Some("db-1"));
        let mut fewer = set("a");
        fewer["spec"]["replicas"] = json!(1);
        assert_eq!(plan(&fewer, &pods).delete.as_deref(), Some("db-1"));
        let status = plan(&set("a"), &pods).status;
        assert_eq!((&status["readyReplicas"], &status["currentRevision"]), (&json!(2), &status["updateRevision"]));
    }
}
