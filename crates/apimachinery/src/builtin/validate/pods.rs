//! The rules of pods and of the pod specs that other kinds carry. It must not know those kinds.

use std::collections::BTreeSet;

use serde_json::Value;

use super::volumes::source;
use super::{Errors, containers, field, is_empty, limits, list, pod_updates, scheduling, text};
use crate::{FieldPath, names};

const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];

pub(super) fn pod(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    pod_spec(errors, spec, &field("spec"));
    if let Some(old) = old.and_then(|old| old.get("spec")) {
        pod_updates::update(errors, spec, old);
    }
}

/// A pod written through `ephemeralcontainers` or `resize`.
pub(super) fn pod_subresource(errors: &mut Errors, subresource: &str, new: &Value, old: &Value) {
    let (empty, path) = (Value::Null, field("spec"));
    let (spec, before) = (new.get("spec").unwrap_or(&empty), old.get("spec").unwrap_or(&empty));
    pod_spec(errors, spec, &path);
    match subresource {
        "resize" => pod_updates::resize(errors, new, old),
        _ => pod_updates::ephemeral_containers(errors, spec, before),
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
    ephemeral_containers(errors, spec, &path.child("ephemeralContainers"), (&volumes, &mut seen));
    scheduling::check(errors, spec, path);
    if let Some(context) = spec.get("securityContext") {
        containers::users(errors, context, &path.child("securityContext"));
    }
    for (index, alias) in list(spec, "hostAliases") {
        let (at, ip) = (path.child("hostAliases").index(index).child("ip"), text(alias, "ip"));
        if ip.parse::<std::net::IpAddr>().is_err() {
            errors.invalid(at, ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
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

/// Fields of a container that an ephemeral one does not have.
const NOT_EPHEMERAL: [&str; 8] = [
    "ports",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "resources",
    "resizePolicy",
    "restartPolicy",
];

fn ephemeral_containers<'a>(
    errors: &mut Errors,
    spec: &'a Value,
    path: &FieldPath,
    (volumes, seen): (&BTreeSet<&str>, &mut BTreeSet<&'a str>),
) {
    for (index, container) in list(spec, "ephemeralContainers") {
        let at = path.index(index);
        let mut plain = container.clone();
        for name in NOT_EPHEMERAL.iter().filter(|name| !is_empty(container.get(**name))) {
            plain.as_object_mut().and_then(|fields| fields.remove(*name));
            errors.forbidden(at.child(name), "cannot be set for an Ephemeral Container");
        }
        self::container(errors, &plain, &at, volumes);
        let name = text(container, "name");
        if !name.is_empty() && !seen.insert(name) {
            errors.duplicate(at.child("name"), name);
        }
        let target = text(container, "targetContainerName");
        let known =
            ["containers", "initContainers"].iter().any(|of| list(spec, of).any(|(_, c)| text(c, "name") == target));
        if !target.is_empty() && !known {
            errors.not_found(at.child("targetContainerName"), target);
        }
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
        source(errors, volume, &path.index(index));
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
    containers::env_from(errors, container, path);
    containers::mounts(errors, container, &path.child("volumeMounts"), volumes);
    if let Some(found) = container.get("resources") {
        limits::resources(errors, found, &path.child("resources"));
    }
    containers::lifecycle(errors, container, path);
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(found) = container.get(name) {
            containers::probe(errors, found, &path.child(name), name == "readinessProbe");
        }
    }
    containers::security(errors, container, path);
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
