//! Deployments, StatefulSets and DaemonSets. It must not know other kinds.

use serde_json::Value;

use super::{Request, action, flag, refused, rfc3339, set, with};
use crate::Error;
use crate::action::{Action, Parameter};

/// The annotation that `kubectl rollout restart` sets too.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Pausing is offered for every Deployment; upstream offers it only where `spec.paused` is written out.
pub(super) fn deployment(object: &Value) -> Vec<Action> {
    let paused = flag(object, "/spec/paused");
    vec![action("pause", paused), action("restart", false), action("resume", !paused), scalable(object)]
}

pub(super) fn stateful_set(object: &Value) -> Vec<Action> {
    vec![action("restart", false), scalable(object)]
}

fn scalable(object: &Value) -> Action {
    let default = object.pointer("/spec/replicas").map_or_else(|| "1".to_owned(), Value::to_string);
    let replicas = Parameter { name: "replicas".to_owned(), default, ..Parameter::default() };
    Action { params: vec![replicas], ..action("scale", false) }
}

pub(super) fn restart(request: &Request<'_>) -> Result<Value, Error> {
    if request.object.pointer("/spec/template").is_none() {
        return Err(refused(request, "the object has no spec.template"));
    }
    Ok(with(request.object, "/spec/template/metadata/annotations", RESTARTED_AT, rfc3339(request.now)))
}

pub(super) fn scale(request: &Request<'_>) -> Result<Value, Error> {
    let asked = request.params.get("replicas").ok_or_else(|| refused(request, "replicas parameter is required"))?;
    let replicas: Option<u32> = asked.trim().parse().ok().filter(|replicas| i32::try_from(*replicas).is_ok());
    let replicas = replicas.ok_or_else(|| refused(request, format!("invalid number: {asked} (must be >= 0)")))?;
    let mut object = request.object.clone();
    set(&mut object, "/spec", "replicas", replicas);
    Ok(object)
}
