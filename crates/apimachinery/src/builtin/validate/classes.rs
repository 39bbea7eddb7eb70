//! The rules of classes and other small kinds of whole clusters: priorities, runtimes, ingress, nodes, leases, signing
//! requests, revisions. It must not know pods.

use serde_json::Value;

use super::{Errors, field, is_empty, scheduling, text};
use crate::names;

/// Highest priority that users may give.
const HIGHEST_USER_PRIORITY: i64 = 1_000_000_000;

pub(super) fn priority(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let name = crate::object::name(new);
    let value = new.get("value").and_then(Value::as_i64).unwrap_or(0);
    let is_system = matches!(name, "system-cluster-critical" | "system-node-critical");
    if name.starts_with("system-") && !is_system {
        let detail = "priority class names with 'system-' prefix are reserved for system use only. error: \
                      only system-node-critical and system-cluster-critical are allowed";
        errors.forbidden(field("metadata").child("name"), detail);
    } else if value > HIGHEST_USER_PRIORITY && !is_system {
        let detail = format!("maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}");
        errors.forbidden(field("value"), &detail);
    }
    let Some(old) = old else { return };
    if new.get("value") != old.get("value") {
        errors.forbidden(field("value"), "may not be changed in an update.");
    }
    errors.immutable(field("preemptionPolicy"), new.get("preemptionPolicy"), old.get("preemptionPolicy"));
}

pub(super) fn runtime(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let handler = text(new, "handler");
    errors.grammar(&field("handler"), handler, names::check_dns1123_label(handler));
    if let Some(old) = old {
        errors.immutable(field("handler"), new.get("handler"), old.get("handler"));
    }
}

pub(super) fn ingress(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let path = field("spec").child("controller");
    let controller = new.get("spec").map_or("", |spec| text(spec, "controller"));
    let (domain, rest) = controller.split_once('/').unwrap_or((controller, ""));
    if controller.len() > 250 {
        errors.too_long(path.clone(), 250);
    }
    if controller.is_empty() {
        errors.required(path.clone(), "");
    } else if domain.is_empty() || rest.is_empty() {
        errors.invalid(path.clone(), controller, "must be a domain-prefixed path (such as \"acme.io/foo\")");
    } else {
        errors.grammar(&path, domain, names::check_dns1123_subdomain(domain));
    }
    if let Some(old) = old.and_then(|old| old.get("spec")) {
        errors.immutable(path, new.pointer("/spec/controller"), old.get("controller"));
    }
}

pub(super) fn node(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let path = field("spec");
    let spec = new.get("spec").unwrap_or(&Value::Null);
    scheduling::taints(errors, spec, &path.child("taints"));
    let Some(before) = old.and_then(|old| old.get("spec")) else { return };
    for (name, what) in [("podCIDRs", "podCIDR"), ("providerID", "providerID")] {
        if !is_empty(before.get(name)) && spec.get(name) != before.get(name) {
            let detail = format!("node updates may not change {what} except from \"\" to valid");
            errors.forbidden(path.child(name), &detail);
        }
    }
}

pub(super) fn lease(errors: &mut Errors, new: &Value) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    let path = field("spec");
    if spec.get("holderIdentity").is_some_and(|holder| holder == "") {
        errors.invalid(path.child("holderIdentity"), "", "must not be empty");
    }
    if let Some(seconds) = spec.get("leaseDurationSeconds").and_then(Value::as_i64).filter(|seconds| *seconds <= 0) {
        errors.invalid(path.child("leaseDurationSeconds"), seconds, "must be greater than 0");
    }
    errors.non_negative(path.child("leaseTransitions"), spec.get("leaseTransitions"));
}

pub(super) fn signing_request(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    let path = field("spec");
    if is_empty(spec.get("usages")) {
        errors.required(path.child("usages"), "usages must contain at least one value");
    }
    match text(spec, "signerName") {
        "" => errors.required(path.child("signerName"), ""),
        name if !name.contains('/') => {
            errors.invalid(
                path.child("signerName"),
                name,
                "must be a fully qualified domain and path of the form 'example.com/signer-name'",
            );
        }
        _ => {}
    }
    if let Some(seconds) = spec.get("expirationSeconds").and_then(Value::as_i64).filter(|seconds| *seconds < 600) {
        errors.invalid(
            path.child("expirationSeconds"),
            seconds,
            "may not specify a duration less than 600 seconds (10 minutes)",
        );
    }
    if let Some(before) = old.and_then(|old| old.get("spec")) {
        errors.immutable(path, Some(spec), Some(before));
    }
}

pub(super) fn revision(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    errors.non_negative(field("revision"), new.get("revision"));
    if is_empty(new.get("data")) {
        errors.required(field("data"), "data is mandatory");
    }
    if let Some(old) = old {
        errors.immutable(field("data"), new.get("data"), old.get("data"));
    }
}
