//! The rules of `ResourceQuota`, `LimitRange` and of resources' names and amounts.
//! It must not know who is held to them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Errors, Object, field, list, text};
use crate::quantity::Quantity;
use crate::{FieldPath, names};

/// What a container may ask for without a prefix.
const OF_CONTAINERS: [&str; 3] = ["cpu", "ephemeral-storage", "memory"];

/// What a quota may count without a prefix.
const OF_QUOTAS: [&str; 19] = [
    "configmaps",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];

const SCOPES: [&str; 7] = [
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
];

fn amounts<'a>(owner: &'a Value, side: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    owner.get(side).and_then(Value::as_object).into_iter().flatten()
}

/// Amounts below a container's or a pod's resources: known names, nothing negative, no request above its limit.
pub(super) fn resources(errors: &mut Errors, resources: &Value, path: &FieldPath) {
    for side in ["limits", "requests"] {
        for (name, amount) in amounts(resources, side) {
            let at = path.child(side).key(name);
            errors.grammar(&at, name, names::check_qualified_name(name));
            let is_standard = OF_CONTAINERS.contains(&name.as_str()) || name.starts_with("hugepages-");
            if !name.contains('/') && !is_standard {
                errors.invalid(at.clone(), name.as_str(), "must be a standard resource type or fully qualified");
                errors.invalid(at.clone(), name.as_str(), "must be a standard resource for containers");
            }
            not_negative(errors, amount, &at);
            if name.contains('/') {
                whole(errors, amount, &at);
            }
        }
    }
    for (name, request) in amounts(resources, "requests") {
        let Some(limit) = resources.get("limits").and_then(|limits| limits.get(name)) else { continue };
        let (Ok(asked), Ok(most)) = (Quantity::from_value(request), Quantity::from_value(limit)) else { continue };
        if asked > most {
            let detail = format!("must be less than or equal to {name} limit of {most}");
            errors.invalid(path.child("requests"), request.clone(), detail);
        }
    }
}

fn not_negative(errors: &mut Errors, amount: &Value, path: &FieldPath) {
    if Quantity::from_value(amount).is_ok_and(|amount| amount.is_negative()) {
        errors.invalid(path.clone(), amount.clone(), "must be greater than or equal to 0");
    }
}

fn whole(errors: &mut Errors, amount: &Value, path: &FieldPath) {
    if Quantity::from_value(amount).is_ok_and(|amount| amount.milli_value() % 1000 != 0) {
        errors.invalid(path.clone(), amount.clone(), "must be an integer");
    }
}

/// Whether amounts of a resource are counts of things.
fn is_count(name: &str) -> bool {
    let measured = ["cpu", "memory", "storage"];
    !name.contains('/') && !measured.iter().any(|what| name.ends_with(what)) || name.starts_with("count/")
}

pub(super) fn quota(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    let path = field("spec").child("hard");
    for (name, amount) in amounts(spec, "hard") {
        let at = path.key(name);
        errors.grammar(&at, name, names::check_qualified_name(name));
        if !name.contains('/') && !OF_QUOTAS.contains(&name.as_str()) && !name.contains("hugepages-") {
            errors.invalid(at.clone(), name.as_str(), "must be a standard resource for quota");
        }
        not_negative(errors, amount, &at);
        if is_count(name) {
            whole(errors, amount, &at);
        }
    }
    let scopes = spec.get("scopes").and_then(Value::as_array);
    for scope in scopes.into_iter().flatten().filter_map(Value::as_str).filter(|scope| !SCOPES.contains(scope)) {
        errors.invalid(field("spec").child("scopes"), spec["scopes"].clone(), format!("unsupported scope {scope}"));
    }
    if let Some(old) = old.and_then(|old| old.get("spec")) {
        errors.immutable(field("spec").child("scopes"), spec.get("scopes"), old.get("scopes"));
    }
}

pub(super) fn limit_range(errors: &mut Errors, new: &Value) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    let path = field("spec").child("limits");
    let mut seen = BTreeSet::new();
    for (index, limit) in list(spec, "limits") {
        let (at, type_) = (path.index(index), text(limit, "type"));
        if !matches!(type_, "Container" | "Pod" | "PersistentVolumeClaim") && !type_.contains('/') {
            errors.invalid(at.child("type"), type_, "must be a standard limit type or fully qualified");
        }
        if !seen.insert(type_) {
            errors.duplicate(at.child("type"), type_);
        }
        if type_ == "Pod" {
            for name in ["default", "defaultRequest"].iter().filter(|name| amounts(limit, name).next().is_some()) {
                errors.forbidden(at.child(name), "may not be specified when `type` is 'Pod'");
            }
        }
        if type_ == "PersistentVolumeClaim" && limit.pointer("/min/storage").or(limit.pointer("/max/storage")).is_none()
        {
            errors.required(
                at.child("limits"),
                "either minimum or maximum storage value is required, but neither was provided",
            );
        }
        order(errors, limit, &at);
    }
}

/// Each of these is at most the next: the least, the default request, the default limit, the most.
fn order(errors: &mut Errors, limit: &Value, path: &FieldPath) {
    const PAIRS: [(&str, &str, &str, &str); 5] = [
        ("min", "max", "min value", "max value"),
        ("min", "defaultRequest", "min value", "default request value"),
        ("defaultRequest", "max", "default request value", "max value"),
        ("defaultRequest", "default", "default request value", "default limit value"),
        ("default", "max", "default value", "max value"),
    ];
    let names: BTreeSet<&String> = ["min", "max", "default", "defaultRequest"]
        .iter()
        .flat_map(|side| amounts(limit, side).map(|(name, _)| name))
        .collect();
    for name in names {
        let amount = |side: &str| limit.get(side).and_then(Value::as_object).and_then(|map: &Object| map.get(name));
        for (low, high, low_word, high_word) in PAIRS {
            let (Some(least), Some(most)) = (amount(low), amount(high)) else { continue };
            let (Ok(a), Ok(b)) = (Quantity::from_value(least), Quantity::from_value(most)) else { continue };
            if a > b {
                let detail = format!("{low_word} {a} is greater than {high_word} {b}");
                errors.invalid(path.child(low).key(name), least.clone(), detail);
            }
        }
    }
}
