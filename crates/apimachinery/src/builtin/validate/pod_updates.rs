//! What may change in a pod that exists: by an update, as ephemeral containers, by a resize.
//! It must not know what a pod spec must be like.

use serde_json::{Map, Value};

use super::super::go_diff::diff;
use super::super::go_print;
use super::{Errors, field, list, text};

/// `ValidatePodUpdate`: images, the deadline, more tolerations, fewer scheduling gates. The node may be set once.
pub(super) fn update(errors: &mut Errors, new: &Value, old: &Value) {
    let path = field("spec");
    for containers in ["containers", "initContainers"] {
        if list(new, containers).count() != list(old, containers).count() {
            errors.forbidden(path.child(containers), "pod updates may not add or remove containers");
            return;
        }
    }
    deadline(errors, new, old);
    tolerations(errors, new, old);
    gates(errors, new, old);
    let expected = with_old(new, old);
    if expected != *old {
        let changed = diff(&go_print::pod_spec(old), &go_print::pod_spec(&expected));
        let detail = "pod updates may not change fields other than `spec.containers[*].image`,\
                      `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to \
                      existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
                      previously negative)";
        errors.forbidden(path, &format!("{detail}\n{changed}"));
    }
}

/// The new spec with what may change as it was.
fn with_old(new: &Value, old: &Value) -> Value {
    let mut spec = new.clone();
    let Some(target) = spec.as_object_mut() else { return spec };
    for name in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        restore(target, name, old);
    }
    if old.get("nodeName").is_none() {
        target.remove("nodeName");
    }
    let number = |spec: &Value| spec.get("terminationGracePeriodSeconds").and_then(Value::as_i64);
    if number(old).is_some_and(|seconds| seconds < 0) && number(new) == Some(1) {
        restore(target, "terminationGracePeriodSeconds", old);
    }
    // A pod that is not to be scheduled yet may still be told where.
    if super::list(old, "schedulingGates").next().is_some() && old.get("nodeSelector").is_none() {
        restore(target, "nodeSelector", old);
    }
    for containers in ["containers", "initContainers"] {
        for (index, container) in list(old, containers) {
            let found = spec.pointer_mut(&format!("/{containers}/{index}")).and_then(Value::as_object_mut);
            if let Some(found) = found {
                restore(found, "image", container);
            }
        }
    }
    spec
}

fn restore(target: &mut Map<String, Value>, name: &str, old: &Value) {
    match old.get(name) {
        Some(value) => drop(target.insert(name.to_owned(), value.clone())),
        None => drop(target.remove(name)),
    }
}

fn deadline(errors: &mut Errors, new: &Value, old: &Value) {
    let seconds = |spec: &Value| spec.get("activeDeadlineSeconds").and_then(Value::as_i64);
    let at = field("spec").child("activeDeadlineSeconds");
    match (seconds(new), seconds(old)) {
        (Some(now), Some(before)) if now > before => {
            errors.invalid(at, now, "must be less than or equal to previous value");
        }
        (None, Some(_)) => errors.invalid(at, Value::Null, "must not update from a positive integer to nil value"),
        _ => {}
    }
}

/// Tolerations are only added; how long they hold may change.
fn tolerations(errors: &mut Errors, new: &Value, old: &Value) {
    let timeless = |toleration: &Value| {
        let mut toleration = toleration.clone();
        toleration.as_object_mut().and_then(|fields| fields.remove("tolerationSeconds"));
        toleration
    };
    let kept: Vec<Value> = list(new, "tolerations").map(|(_, toleration)| timeless(toleration)).collect();
    if list(old, "tolerations").any(|(_, toleration)| !kept.contains(&timeless(toleration))) {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        errors.forbidden(field("spec").child("tolerations"), detail);
    }
}

fn gates(errors: &mut Errors, new: &Value, old: &Value) {
    let known: Vec<&str> = list(old, "schedulingGates").map(|(_, gate)| text(gate, "name")).collect();
    for (index, gate) in list(new, "schedulingGates").filter(|(_, gate)| !known.contains(&text(gate, "name"))) {
        let detail = format!("only deletion is allowed, but found new scheduling gate '{}'", text(gate, "name"));
        errors.forbidden(field("spec").child("schedulingGates").index(index), &detail);
    }
}

/// `ValidatePodEphemeralContainersUpdate`: they are only added.
pub(super) fn ephemeral_containers(errors: &mut Errors, new: &Value, old: &Value) {
    let path = field("spec").child("ephemeralContainers");
    for (_, before) in list(old, "ephemeralContainers") {
        let name = text(before, "name");
        match list(new, "ephemeralContainers").find(|(_, container)| text(container, "name") == name) {
            None => {
                let detail = format!("existing ephemeral containers \"{name}\" may not be removed\n");
                errors.forbidden(path.clone(), &detail);
            }
            Some((_, now)) if now != before => {
                let print = go_print::ephemeral_container;
                let changed = diff(&print(before), &print(now));
                let detail = format!("existing ephemeral containers \"{name}\" may not be changed\n{changed}");
                errors.forbidden(path.clone(), &detail);
            }
            Some(_) => {}
        }
    }
}

/// `ValidatePodResize`: a pod keeps its quality of service.
pub(super) fn resize(errors: &mut Errors, new: &Value, old: &Value) {
    let class = old.pointer("/status/qosClass").and_then(Value::as_str).unwrap_or_default();
    let spec = new.get("spec").and_then(Value::as_object);
    if !class.is_empty() && spec.is_some_and(|spec| super::super::defaults::quality_of_service(spec) != class) {
        let detail = "Pod QOS Class may not change as a result of resizing";
        errors.invalid(field("spec"), class, detail);
    }
}
