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

/// Two sides of a limit of which the first may not be above the second: their words in the message, the side at which
/// it is reported, and the side whose amount is shown there.
struct Pair {
    sides: (&'static str, &'static str),
    words: (&'static str, &'static str),
    at: &'static str,
    shown: &'static str,
}

const fn pair(
    sides: (&'static str, &'static str),
    words: (&'static str, &'static str),
    (at, shown): (&'static str, &'static str),
) -> Pair {
    Pair { sides, words, at, shown }
}

/// In upstream's order. What is shown of a default limit is the other side.
const PAIRS: [Pair; 6] = [
    pair(("min", "max"), ("min value", "max value"), ("min", "min")),
    pair(("min", "defaultRequest"), ("min value", "default request value"), ("defaultRequest", "defaultRequest")),
    pair(("defaultRequest", "max"), ("default request value", "max value"), ("defaultRequest", "defaultRequest")),
    pair(
        ("defaultRequest", "default"),
        ("default request value", "default limit value"),
        ("defaultRequest", "defaultRequest"),
    ),
    pair(("min", "default"), ("min value", "default value"), ("default", "min")),
    pair(("default", "max"), ("default value", "max value"), ("default", "max")),
];

/// The least, the default request, the default limit and the most, each at most the next; a ratio that they leave room
/// for.
fn order(errors: &mut Errors, limit: &Value, path: &FieldPath) {
    let names: BTreeSet<&String> = ["min", "max", "default", "defaultRequest", "maxLimitRequestRatio"]
        .iter()
        .flat_map(|side| amounts(limit, side).map(|(name, _)| name))
        .collect();
    for name in names {
        let amount = |side: &str| {
            let found = limit.get(side).and_then(Value::as_object).and_then(|map: &Object| map.get(name))?;
            Quantity::from_value(found).ok()
        };
        for Pair { sides, words, at, shown } in &PAIRS {
            let (Some(low), Some(high)) = (amount(sides.0), amount(sides.1)) else { continue };
            if low > high {
                let shown = if *shown == sides.0 { low } else { high };
                let detail = format!("{} {low} is greater than {} {high}", words.0, words.1);
                errors.invalid(path.child(at).key(name), shown.to_string(), detail);
            }
        }
        let Some(ratio) = amount("maxLimitRequestRatio") else { continue };
        let between = amount("min").zip(amount("max"));
        check_ratio(errors, ratio, between, &path.child("maxLimitRequestRatio").key(name));
    }
}

fn check_ratio(errors: &mut Errors, ratio: Quantity, between: Option<(Quantity, Quantity)>, path: &FieldPath) {
    if ratio.milli_value() < 1000 {
        errors.invalid(path.clone(), ratio.to_string(), format!("ratio {ratio} is less than 1"));
    }
    let Some((least, most)) = between else { return };
    #[allow(clippy::cast_precision_loss, reason = "upstream compares floats")]
    let (wanted, room) = (ratio.milli_value() as f64 / 1000.0, most.milli_value() as f64 / least.milli_value() as f64);
    if wanted > room {
        let detail = format!("ratio {ratio} is greater than max/min = {room:.6}");
        errors.invalid(path.clone(), ratio.to_string(), detail);
    }
}
