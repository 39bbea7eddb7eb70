//! The rules of one container: its security, probes, hooks and mounts. It must not know the pod around it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Errors, is_empty, list, text, volumes};
use crate::{FieldPath, names};

const HANDLERS: [&str; 4] = ["exec", "httpGet", "tcpSocket", "grpc"];

/// `validateProbe`, with more for a liveness or startup probe.
pub(super) fn probe(errors: &mut Errors, probe: &Value, path: &FieldPath, is_readiness: bool) {
    handler(errors, probe, path);
    let successes = probe.get("successThreshold").and_then(Value::as_i64).unwrap_or(1);
    if !is_readiness && successes != 1 {
        errors.invalid(path.child("successThreshold"), successes, "must be 1");
    }
    let grace = probe.get("terminationGracePeriodSeconds").and_then(Value::as_i64);
    match grace {
        Some(seconds) if is_readiness => {
            let detail = "must not be set for readinessProbes";
            errors.invalid(path.child("terminationGracePeriodSeconds"), seconds, detail);
        }
        Some(seconds) if seconds <= 0 => {
            errors.invalid(path.child("terminationGracePeriodSeconds"), seconds, "must be greater than 0");
        }
        _ => {}
    }
}

/// What a probe or a hook does: one thing.
fn handler(errors: &mut Errors, owner: &Value, path: &FieldPath) {
    let found: Vec<&str> = HANDLERS.into_iter().chain(["sleep"]).filter(|name| owner.get(*name).is_some()).collect();
    for name in found.iter().skip(1) {
        errors.forbidden(path.child(name), "may not specify more than 1 handler type");
    }
    let Some(name) = found.first() else {
        errors.required(path.clone(), "must specify a handler type");
        return;
    };
    let (action, at) = (&owner[*name], path.child(name));
    match *name {
        "exec" if is_empty(action.get("command")) => errors.required(at.child("command"), ""),
        "httpGet" => http(errors, action, &at),
        "tcpSocket" => port(errors, action, &at),
        "grpc" => errors.port(at.child("port"), action.get("port").unwrap_or(&Value::from(0))),
        _ => {}
    }
}

fn http(errors: &mut Errors, action: &Value, path: &FieldPath) {
    if text(action, "path").is_empty() {
        errors.required(path.child("path"), "");
    }
    port(errors, action, path);
    let scheme = text(action, "scheme");
    if !scheme.is_empty() && !matches!(scheme, "HTTP" | "HTTPS") {
        errors.not_supported(path.child("scheme"), scheme, &["HTTP", "HTTPS"]);
    }
    for (_, header) in list(action, "httpHeaders") {
        let name = text(header, "name");
        let fits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !fits {
            let detail = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
            errors.invalid(path.child("httpHeaders"), name, detail);
        }
    }
}

fn port(errors: &mut Errors, action: &Value, path: &FieldPath) {
    errors.port_or_name(path.child("port"), action.get("port").unwrap_or(&Value::from(0)));
}

/// Hooks after the start and before the end.
pub(super) fn lifecycle(errors: &mut Errors, container: &Value, path: &FieldPath) {
    for name in ["postStart", "preStop"] {
        if let Some(hook) = container.get("lifecycle").and_then(|lifecycle| lifecycle.get(name)) {
            handler(errors, hook, &path.child("lifecycle").child(name));
        }
    }
}

/// `ValidateSecurityContext`.
pub(super) fn security(errors: &mut Errors, container: &Value, path: &FieldPath) {
    let Some(context) = container.get("securityContext") else { return };
    let at = path.child("securityContext");
    users(errors, context, &at);
    let is = |name: &str| context.get(name).and_then(Value::as_bool);
    if is("allowPrivilegeEscalation") == Some(false) {
        if is("privileged") == Some(true) {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            errors.invalid(at.clone(), context.clone(), detail);
        }
        let added = context.pointer("/capabilities/add").and_then(Value::as_array).into_iter().flatten();
        if added.into_iter().any(|name| name == "CAP_SYS_ADMIN") {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            errors.invalid(at, context.clone(), detail);
        }
    }
}

/// Ids of users and groups, of a container or of a pod.
pub(super) fn users(errors: &mut Errors, context: &Value, path: &FieldPath) {
    for name in ["runAsUser", "runAsGroup", "fsGroup"] {
        if let Some(id) = context.get(name).and_then(Value::as_i64).filter(|id| !(0..=i64::from(i32::MAX)).contains(id))
        {
            errors.invalid(path.child(name), id, "must be between 0 and 2147483647, inclusive");
        }
    }
}

/// Where a volume is seen from within: `seen` are the places taken.
pub(super) fn mounts(errors: &mut Errors, container: &Value, path: &FieldPath, known: &BTreeSet<&str>) {
    let mut seen = BTreeSet::new();
    for (index, mount) in list(container, "volumeMounts") {
        let at = path.index(index);
        match text(mount, "name") {
            "" => errors.required(at.child("name"), ""),
            name if !known.contains(name) => errors.not_found(at.child("name"), name),
            _ => {}
        }
        match text(mount, "mountPath") {
            "" => errors.required(at.child("mountPath"), ""),
            place if !seen.insert(place) => errors.invalid(at.child("mountPath"), place, "must be unique"),
            _ => {}
        }
        for name in ["subPath", "subPathExpr"].iter().filter(|name| !text(mount, name).is_empty()) {
            volumes::local_path(errors, text(mount, name), &at.child(name));
        }
        if !text(mount, "subPath").is_empty() && !text(mount, "subPathExpr").is_empty() {
            let detail = "subPathExpr and subPath are mutually exclusive";
            errors.invalid(at.child("subPathExpr"), text(mount, "subPathExpr"), detail);
        }
    }
}

/// Where variables come from in whole: a config map or a secret.
pub(super) fn env_from(errors: &mut Errors, container: &Value, path: &FieldPath) {
    for (index, source) in list(container, "envFrom") {
        let at = path.child("envFrom").index(index);
        let prefix = text(source, "prefix");
        if !prefix.is_empty() {
            errors.grammar(&at.child("prefix"), prefix, names::check_env_name(prefix));
        }
        let found: Vec<&str> =
            ["configMapRef", "secretRef"].into_iter().filter(|name| source.get(*name).is_some()).collect();
        match found.as_slice() {
            [] => errors.invalid(at.clone(), "", "must specify one of: `configMapRef` or `secretRef`"),
            [name] => {
                if text(&source[*name], "name").is_empty() {
                    errors.required(at.child(name).child("name"), "");
                }
            }
            _ => errors.invalid(at.clone(), "", "may not have more than one field specified at a time"),
        }
    }
}
