//! The pods of a StatefulSet: their names, their states, and how one is made. It must not know what comes next.

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use super::claims;
use crate::{owner, pod, read, revision};

/// The name of the pod of an ordinal.
pub(super) fn name(set: &Value, ordinal: i64) -> String {
    format!("{}-{ordinal}", object::name(set))
}

/// The ordinal in a pod's name.
pub(super) fn ordinal(pod: &Value) -> i64 {
    object::name(pod).rsplit('-').next().and_then(|ordinal| ordinal.parse().ok()).unwrap_or(-1)
}

/// The revision that a pod was made from.
pub(super) fn revision_of(pod: &Value) -> Option<&str> {
    object::label(pod, revision::LABEL)
}

/// Whether it runs and is ready, be it on its way out or not.
pub(super) fn is_running_and_ready(pod: &Value) -> bool {
    pod::phase(pod) == "Running" && pod::is_ready(pod)
}

/// Whether it has been ready for `minReadySeconds`.
pub(super) fn is_available(set: &Value, pod: &Value, now: Timestamp) -> bool {
    let at = pod::available_at(pod, read::count(set, "/spec/minReadySeconds"));
    is_running_and_ready(pod) && at.is_some_and(|at| at <= now)
}

/// A healthy pod serves and is to stay.
pub(super) fn is_healthy(pod: &Value) -> bool {
    is_running_and_ready(pod) && !object::is_deleting(pod)
}

/// The pod of an ordinal, from a set whose template is that of the revision.
pub(super) fn new(set: &Value, ordinal: i64, revision: &str) -> Value {
    let name = name(set, ordinal);
    let mut pod = pod::from_template(set);
    object::metadata_mut(&mut pod).insert("name".to_owned(), json!(name));
    object::set_label(&mut pod, revision::LABEL, revision);
    object::set_label(&mut pod, "statefulset.kubernetes.io/pod-name", &name);
    object::set_label(&mut pod, "apps.kubernetes.io/pod-index", &ordinal.to_string());
    pod["spec"]["hostname"] = json!(name);
    if let Some(service) = read::text(set, "/spec/serviceName") {
        pod["spec"]["subdomain"] = json!(service);
    }
    claims::mount(set, &mut pod);
    debug_assert!(owner::controls(set, &pod));
    pod
}
