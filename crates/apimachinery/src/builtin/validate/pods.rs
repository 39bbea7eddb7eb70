//! The rules of pods and of the pod specs that other kinds carry. It must not know those kinds.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Errors, field, is_empty, list, text};
use crate::quantity::Quantity;
use crate::{FieldPath, names};

const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];

pub(super) fn pod(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    pod_spec(errors, spec, &field("spec"));
    if let Some(old) = old.and_then(|old| old.get("spec")) {
        stays(errors, spec, old);
    }
}

/// What may change in a pod that exists: images, the deadline, more tolerations. The node may be set once.
fn stays(errors: &mut Errors, new: &Value, old: &Value) {
    let mut comparable = new.clone();
    let target = comparable.as_object_mut();
    if let Some(target) = target {
        for name in ["activeDeadlineSeconds", "tolerations", "ephemeralContainers", "schedulingGates"] {
            match old.get(name) {
                Some(value) => target.insert(name.to_owned(), value.clone()),
                None => target.remove(name),
            };
        }
        if old.get("nodeName").is_none() {
            target.remove("nodeName");
        }
    }
    for containers in ["containers", "initContainers"] {
        for (index, container) in list(old, containers) {
            let image = container.get("image").cloned();
            let found = comparable.pointer_mut(&format!("/{containers}/{index}")).and_then(Value::as_object_mut);
            if let (Some(found), Some(image)) = (found, image) {
                found.insert("image".to_owned(), image);
            }
        }
    }
    if comparable != *old {
        let detail = "pod updates may not change fields other than `spec.containers[*].image`,\
                      `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to \
                      existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
                      previously negative)";
        errors.forbidden(field("spec"), detail);
    }
}

/// `ValidatePodSpec`.
pub(super) fn pod_spec(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    let volumes = volumes(errors, spec, &path.child("volumes"));
    if is_empty(spec.get("containers")) {
        errors.required(path.child("containers"), "");
    }
    let mut seen = BTreeSet::new();
    for kind in ["containers", "initContainers"] {
        for (index, container) in list(spec, kind) {
            let at = path.child(kind).index(index);
            self::container(errors, container, &at, &volumes);
            let name = text(container, "name");
            if !name.is_empty() && !seen.insert(name) {
                errors.duplicate(at.child("name"), name);
            }
        }
    }
    if let Some(seconds) = spec.get("activeDeadlineSeconds").filter(|seconds| seconds.as_i64().is_some_and(|s| s < 1)) {
        let detail = "must be between 1 and 2147483647, inclusive";
        errors.invalid(path.child("activeDeadlineSeconds"), seconds.clone(), detail);
    }
    for name in ["hostname", "subdomain"].iter().filter(|name| !text(spec, name).is_empty()) {
        errors.grammar(&path.child(name), text(spec, name), names::check_dns1123_label(text(spec, name)));
    }
    let account = text(spec, "serviceAccountName");
    if !account.is_empty() {
        errors.grammar(&path.child("serviceAccountName"), account, names::check_dns1123_subdomain(account));
    }
}

fn volumes<'a>(errors: &mut Errors, spec: &'a Value, path: &FieldPath) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    for (index, volume) in list(spec, "volumes") {
        let at = path.index(index).child("name");
        let name = text(volume, "name");
        if name.is_empty() {
            errors.required(at, "");
            continue;
        }
        errors.grammar(&at, name, names::check_dns1123_label(name));
        if !seen.insert(name) {
            errors.duplicate(at, name);
        }
        let sources: Vec<&String> = volume.as_object().into_iter().flatten().map(|(key, _)| key).collect();
        if sources.len() > 2 {
            let extra = sources.iter().filter(|key| **key != "name").nth(1).map_or("", |key| key.as_str());
            errors.forbidden(path.index(index).child(extra), "may not specify more than 1 volume type");
        }
    }
    seen
}

fn container(errors: &mut Errors, container: &Value, path: &FieldPath, volumes: &BTreeSet<&str>) {
    match text(container, "name") {
        "" => errors.required(path.child("name"), ""),
        name => errors.grammar(&path.child("name"), name, names::check_dns1123_label(name)),
    }
    let image = text(container, "image");
    if image.is_empty() {
        errors.required(path.child("image"), "");
    } else if image != image.trim() {
        errors.invalid(path.child("image"), image, "must not have leading or trailing whitespace");
    }
    let policy = text(container, "imagePullPolicy");
    if !policy.is_empty() && !PULL_POLICIES.contains(&policy) {
        errors.not_supported(path.child("imagePullPolicy"), policy, &PULL_POLICIES);
    }
    ports(errors, container, &path.child("ports"));
    for (index, variable) in list(container, "env") {
        environment(errors, variable, &path.child("env").index(index));
    }
    mounts(errors, container, &path.child("volumeMounts"), volumes);
    if let Some(found) = container.get("resources") {
        resources(errors, found, &path.child("resources"));
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(found) = container.get(name) {
            probe(errors, found, &path.child(name));
        }
    }
}

fn ports(errors: &mut Errors, container: &Value, path: &FieldPath) {
    let mut seen = BTreeSet::new();
    for (index, port) in list(container, "ports") {
        let at = path.index(index);
        match port.get("containerPort") {
            None => errors.required(at.child("containerPort"), ""),
            Some(number) => errors.port(at.child("containerPort"), number),
        }
        if let Some(number) = port.get("hostPort").filter(|number| number.as_i64() != Some(0)) {
            errors.port(at.child("hostPort"), number);
        }
        let name = text(port, "name");
        if !name.is_empty() {
            errors.grammar(&at.child("name"), name, names::check_port_name(name));
            if !seen.insert(name) {
                errors.duplicate(at.child("name"), name);
            }
        }
    }
}

fn environment(errors: &mut Errors, variable: &Value, path: &FieldPath) {
    match text(variable, "name") {
        "" => errors.required(path.child("name"), ""),
        name => errors.grammar(&path.child("name"), name, names::check_env_name(name)),
    }
    let Some(source) = variable.get("valueFrom").and_then(Value::as_object) else { return };
    let at = path.child("valueFrom");
    if !text(variable, "value").is_empty() {
        errors.invalid(at, "", "may not be specified when `value` is not empty");
    } else if source.is_empty() {
        let detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`";
        errors.invalid(at, "", detail);
    } else if source.len() > 1 {
        errors.invalid(at, "", "may not have more than one field specified at a time");
    }
}

fn mounts(errors: &mut Errors, container: &Value, path: &FieldPath, volumes: &BTreeSet<&str>) {
    let mut seen = BTreeSet::new();
    for (index, mount) in list(container, "volumeMounts") {
        let at = path.index(index);
        match text(mount, "name") {
            "" => errors.required(at.child("name"), ""),
            name if !volumes.contains(name) => errors.not_found(at.child("name"), name),
            _ => {}
        }
        match text(mount, "mountPath") {
            "" => errors.required(at.child("mountPath"), ""),
            place if !seen.insert(place) => errors.invalid(at.child("mountPath"), place, "must be unique"),
            _ => {}
        }
    }
}

fn resources(errors: &mut Errors, resources: &Value, path: &FieldPath) {
    for side in ["limits", "requests"] {
        for (name, amount) in resources.get(side).and_then(Value::as_object).into_iter().flatten() {
            let at = path.child(side).key(name);
            errors.grammar(&at, name, names::check_qualified_name(name));
            if Quantity::from_value(amount).is_ok_and(|amount| amount.is_negative()) {
                errors.invalid(at, amount.clone(), "must be greater than or equal to 0");
            }
        }
    }
    for (name, request) in resources.get("requests").and_then(Value::as_object).into_iter().flatten() {
        let Some(limit) = resources.get("limits").and_then(|limits| limits.get(name)) else { continue };
        let (Ok(asked), Ok(most)) = (Quantity::from_value(request), Quantity::from_value(limit)) else { continue };
        if asked > most {
            let detail = format!("must be less than or equal to {name} limit of {most}");
            errors.invalid(path.child("requests"), request.clone(), detail);
        }
    }
}

fn probe(errors: &mut Errors, probe: &Value, path: &FieldPath) {
    let actions = ["exec", "httpGet", "tcpSocket", "grpc"];
    match actions.iter().filter(|action| probe.get(**action).is_some()).count() {
        0 => errors.required(path.clone(), "must specify a handler type"),
        1 => {}
        _ => errors.forbidden(path.clone(), "may not specify more than 1 handler type"),
    }
    for action in ["httpGet", "tcpSocket"] {
        if let Some(port) = probe.get(action).and_then(|action| action.get("port")) {
            errors.port_or_name(path.child(action).child("port"), port);
        }
    }
}
