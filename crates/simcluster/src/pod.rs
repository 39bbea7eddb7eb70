//! What every controller asks of a pod, and how a pod is made from a template.
//! It must not know who asks.

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use serde_json::{Map, Value, json};

use crate::{condition, hash, owner, read};

/// Longest prefix of a generated name, as `names.maxGeneratedNameLength`.
const MAX_GENERATED_PREFIX: usize = 58;

/// Whether the pod counts as one of its controller's: not finished and not being deleted.
/// Upstream: `controller.IsPodActive`.
pub(crate) fn is_active(pod: &Value) -> bool {
    !is_finished(pod) && !object::is_deleting(pod)
}

/// Whether all containers of the pod have ended for good.
pub(crate) fn is_finished(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// `status.phase`; `Pending` where nothing is said yet.
pub(crate) fn phase(pod: &Value) -> &str {
    read::text(pod, "/status/phase").unwrap_or("Pending")
}

/// Whether the pod's Ready condition is true.
pub(crate) fn is_ready(pod: &Value) -> bool {
    condition::is_true(pod, "Ready")
}

/// Since when the pod has been ready.
pub(crate) fn ready_since(pod: &Value) -> Option<Timestamp> {
    let ready = condition::find(pod, "Ready").filter(|_| is_ready(pod))?;
    read::time(ready, "/lastTransitionTime")
}

/// When a ready pod becomes available after `min_ready_seconds`; `None` while it is not ready.
pub(crate) fn available_at(pod: &Value, min_ready_seconds: i64) -> Option<Timestamp> {
    ready_since(pod)?.checked_add(SignedDuration::from_secs(min_ready_seconds)).ok()
}

/// A pod as kubelet names it in messages. Upstream: `format.Pod`.
pub(crate) fn full_name(pod: &Value) -> String {
    format!("{}_{}({})", object::name(pod), object::namespace(pod).unwrap_or_default(), object::uid(pod))
}

/// The node the pod is bound to.
pub(crate) fn node(pod: &Value) -> Option<&str> {
    read::text(pod, "/spec/nodeName")
}

/// The pod that `parent` makes from its `spec.template`, without a name; the causal thread goes with it.
/// Upstream: `controller.GetPodFromTemplate`.
pub(crate) fn from_template(parent: &Value) -> Value {
    let template = parent.pointer("/spec/template").cloned().unwrap_or_else(|| json!({}));
    let mut metadata = Map::new();
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.pointer(&format!("/metadata/{field}")) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    if let Some(namespace) = object::namespace(parent) {
        metadata.insert("namespace".to_owned(), Value::from(namespace));
    }
    metadata.insert("ownerReferences".to_owned(), json!([owner::reference(parent)]));
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template.get("spec")});
    object::set_annotation(&mut pod, crate::SIMULATED, "true");
    owner::copy_thread(parent, &mut pod);
    pod
}

/// Pods like `template` under the names of a parent that are not taken, one after the other.
///
/// Upstream draws suffixes at random; ours follow from parent and ordinal, so that creating twice from a stale cache
/// meets the same name, and so that a plan names the very pods that the real run will make.
pub(crate) fn named<'a>(
    template: &'a Value,
    parent: &'a str,
    taken: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = Value> + 'a {
    let prefix = format!("{parent}-");
    let cut = prefix[..prefix.len().min(MAX_GENERATED_PREFIX)].to_owned();
    let namespace = object::namespace(template).unwrap_or_default().to_owned();
    (0_u32..)
        .map(move |ordinal| format!("{cut}{}", hash::suffix(&format!("{namespace}/{parent}/{ordinal}"))))
        .filter(move |name| !taken(name))
        .map(move |name| {
            let mut pod = template.clone();
            let metadata = object::metadata_mut(&mut pod);
            metadata.insert("name".to_owned(), Value::from(name));
            metadata.insert("generateName".to_owned(), Value::from(prefix.as_str()));
            pod
        })
}

/// What failure the pod was asked to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The image cannot be pulled.
    ImagePull,
    /// The containers exit with code 1 soon after each start.
    CrashLoop,
    /// The readiness probe never succeeds.
    NeverReady,
    /// The containers exit with this code soon after their start.
    Exit(i32),
}

/// Reads [`crate::FAIL`] of a pod; an unknown value asks for nothing. Pods of an indexed Job fail only if their index
/// is among those of [`crate::FAIL_INDEXES`], where that is given.
pub(crate) fn requested_failure(pod: &Value) -> Option<Failure> {
    let asked = object::annotation(pod, crate::FAIL)?;
    if let Some(only) = object::annotation(pod, crate::FAIL_INDEXES) {
        let index = object::annotation(pod, "batch.kubernetes.io/job-completion-index");
        if !only.split(',').any(|one| Some(one) == index) {
            return None;
        }
    }
    match asked {
        "image-pull" => Some(Failure::ImagePull),
        "crash-loop" => Some(Failure::CrashLoop),
        "never-ready" => Some(Failure::NeverReady),
        other => other.strip_prefix("exit-")?.parse().ok().filter(|code| *code != 0).map(Failure::Exit),
    }
}

/// Orders pods by how little is lost when they go, the first to be deleted first: unassigned, pending, not ready,
/// cheap by annotation, ready for a shorter time, newer. Upstream: `controller.ActivePodsWithRanks`.
pub(crate) fn deletion_rank(pod: &Value) -> impl Ord + use<> {
    let phase_rank = match phase(pod) {
        "Pending" => 0,
        "Running" => 2,
        _ => 1,
    };
    let cost: i64 = object::annotation(pod, "controller.kubernetes.io/pod-deletion-cost")
        .and_then(|cost| cost.parse().ok())
        .unwrap_or(0);
    let since = ready_since(pod).unwrap_or(Timestamp::MIN);
    let created = read::time(pod, "/metadata/creationTimestamp").unwrap_or(Timestamp::MIN);
    let tie = hash::fnv(object::name(pod).as_bytes());
    (node(pod).is_some(), phase_rank, is_ready(pod), cost, std::cmp::Reverse(since), std::cmp::Reverse(created), tie)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_from_a_template_carries_owner_thread_and_mark() {
        let parent = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": "web-1", "namespace": "n", "uid": "u", "annotations": {crate::THREAD: "apps@1"}},
            "spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}},
        });
        let template = from_template(&parent);
        let names: Vec<_> = named(&template, "web-1", |_| false).take(2).map(|p| object::name(&p).to_owned()).collect();
        let pod = named(&template, "web-1", |name| name == names[0]).next().unwrap();
        assert_eq!(object::name(&pod), names[1]);
        assert!(names[0].starts_with("web-1-") && names[0] != names[1]);
        assert_eq!(object::annotation(&pod, crate::THREAD), Some("apps@1"));
        assert_eq!(object::annotation(&pod, crate::SIMULATED), Some("true"));
        assert!(owner::controls(&parent, &pod));
        assert_eq!(object::label(&pod, "app"), Some("web"));
    }

    #[test]
    fn unready_pods_go_first() {
        let pod = |name: &str, ready: &str| {
            json!({"metadata": {"name": name}, "spec": {"nodeName": "n"},
                   "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}})
        };
        assert!(deletion_rank(&pod("a", "False")) < deletion_rank(&pod("b", "True")));
        assert!(deletion_rank(&json!({"metadata": {"name": "c"}})) < deletion_rank(&pod("a", "False")));
    }
}
