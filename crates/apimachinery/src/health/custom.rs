//! Custom resources: those Argo CD has checks for, and any other by its `Ready` condition, as kstatus reads it.
//! It must not know built-in kinds.

use serde_json::Value;

use super::{Condition, Health, Status, condition, conditions, number, text};
use crate::object;

pub(super) fn application(object: &Value) -> Health {
    match text(object, "/status/health/status") {
        "" => Health::progressing(""),
        status => Health::new(status.parse().unwrap_or_default(), text(object, "/status/health/message")),
    }
}

pub(super) fn workflow(object: &Value) -> Health {
    let message = text(object, "/status/message");
    match text(object, "/status/phase") {
        "" | "Pending" | "Running" => Health::progressing(message),
        "Succeeded" => Health::healthy(message),
        "Failed" | "Error" => Health::degraded(message),
        _ => Health::new(Status::Unknown, message),
    }
}

/// A certificate being issued is on its way, even if the one before it expired.
pub(super) fn certificate(object: &Value) -> Health {
    if let Some(issuing) = conditions(object).find(|condition| condition.is("Issuing", "True")) {
        return Health::progressing(issuing.get("message"));
    }
    match condition(object, "Ready") {
        Some(ready) if ready.get("status") == "True" => Health::healthy(ready.get("message")),
        Some(ready) if ready.get("status") == "False" => Health::degraded(ready.get("message")),
        _ => Health::progressing("Waiting for certificate"),
    }
}

/// Any custom resource that says something of itself: `Stalled`, `Ready`, or the `state` of an instance of kro.
pub(super) fn resource(object: &Value) -> Option<Health> {
    let generation = object::generation(object);
    let observed = object.pointer("/status/observedGeneration").and_then(Value::as_i64);
    if observed.is_some_and(|observed| observed < generation) {
        let observed = number(object, "/status/observedGeneration");
        return Some(Health::progressing(format!("Waiting for generation {generation} to be observed, {observed} is")));
    }
    if let Some(stalled) = conditions(object).find(|condition| condition.is("Stalled", "True")) {
        return Some(Health::degraded(stalled.get("message")));
    }
    match condition(object, "Ready") {
        Some(condition) => Some(ready(&condition, object)),
        None => instance_state(object),
    }
}

fn ready(condition: &Condition<'_>, object: &Value) -> Health {
    let seen = condition.0.get("observedGeneration").and_then(Value::as_i64);
    if seen.is_some_and(|seen| seen < object::generation(object)) {
        return Health::progressing(condition.get("message"));
    }
    let failed =
        is_failure(condition.get("reason")) || instance_state(object).is_some_and(|s| s.status == Status::Degraded);
    match condition.get("status") {
        "True" => Health::healthy(condition.get("message")),
        "False" if failed => Health::degraded(condition.get("message")),
        _ => Health::progressing(condition.get("message")),
    }
}

/// `Ready=False` is progress, unless its reason names a failure.
fn is_failure(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    ["fail", "error", "invalid", "denied", "degraded", "refused"].iter().any(|word| reason.contains(word))
}

/// `status.state` of an instance of a kro ResourceGraphDefinition, and of the definition itself.
fn instance_state(object: &Value) -> Option<Health> {
    let state = text(object, "/status/state");
    match state.to_ascii_uppercase().as_str() {
        "ACTIVE" => Some(Health::healthy("")),
        "IN_PROGRESS" | "DELETING" => Some(Health::progressing("")),
        "ERROR" | "FAILED" | "INACTIVE" => Some(Health::degraded(format!("state is {state}"))),
        _ => None,
    }
}
