//! The rules of autoscalers, disruption budgets, roles and bindings. It must not know workloads.

use serde_json::Value;

use super::{Errors, field, is_empty, list, text, workloads};
use crate::GroupVersionKind;

pub(super) fn autoscaler(errors: &mut Errors, new: &Value) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    let path = field("spec");
    let least = spec.get("minReplicas").and_then(Value::as_i64);
    let most = spec.get("maxReplicas").and_then(Value::as_i64).unwrap_or(0);
    if let Some(least) = least.filter(|least| *least < 1) {
        errors.invalid(path.child("minReplicas"), least, "must be greater than or equal to 1");
    }
    if most < 1 {
        errors.invalid(path.child("maxReplicas"), most, "must be greater than 0");
    } else if least.is_some_and(|least| most < least) {
        errors.invalid(path.child("maxReplicas"), most, "must be greater than or equal to `minReplicas`");
    }
    if let Some(share) = spec.get("targetCPUUtilizationPercentage").and_then(Value::as_i64).filter(|share| *share < 1) {
        errors.invalid(path.child("targetCPUUtilizationPercentage"), share, "must be greater than 0");
    }
    metrics(errors, spec);
    let target = spec.get("scaleTargetRef").unwrap_or(&Value::Null);
    for name in ["kind", "name"].iter().filter(|name| text(target, name).is_empty()) {
        errors.required(path.child("scaleTargetRef").child(name), "");
    }
}

/// Each metric has one source, of its type.
fn metrics(errors: &mut Errors, spec: &Value) {
    const TYPES: [(&str, &str); 5] = [
        ("ContainerResource", "containerResource"),
        ("External", "external"),
        ("Object", "object"),
        ("Pods", "pods"),
        ("Resource", "resource"),
    ];
    for (index, metric) in list(spec, "metrics") {
        let (at, type_) = (field("spec").child("metrics").index(index), text(metric, "type"));
        let Some((_, source)) = TYPES.iter().find(|(name, _)| *name == type_) else {
            match type_ {
                "" => errors.required(at.child("type"), "must specify a metric source type"),
                other => errors.not_supported(at.child("type"), other, &TYPES.map(|(name, _)| name)),
            }
            continue;
        };
        if metric.get(*source).is_none() {
            errors.required(at.child(source), "must populate information for the given metric source");
        }
        for (_, other) in TYPES.iter().filter(|(_, other)| other != source && metric.get(*other).is_some()) {
            errors.forbidden(at.child(other), "must populate the given metric source only");
        }
    }
}

pub(super) fn disruption_budget(errors: &mut Errors, new: &Value) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    let path = field("spec");
    if spec.get("minAvailable").is_some() && spec.get("maxUnavailable").is_some() {
        errors.invalid(path.clone(), spec.clone(), "minAvailable and maxUnavailable cannot be both set");
    }
    for name in ["minAvailable", "maxUnavailable"] {
        workloads::share(errors, spec.get(name), path.child(name), true);
    }
    if let Some(selector) = spec.get("selector") {
        workloads::label_selector(errors, selector, &path.child("selector"));
    }
}

/// Roles and bindings.
pub(super) fn rbac(errors: &mut Errors, gvk: &GroupVersionKind, new: &Value, old: Option<&Value>) {
    let is_cluster_wide = gvk.kind.starts_with("Cluster");
    if gvk.kind.ends_with("Binding") {
        binding(errors, new, old, is_cluster_wide);
        return;
    }
    for (index, rule) in list(new, "rules") {
        let path = field("rules").index(index);
        if is_empty(rule.get("verbs")) {
            errors.required(path.child("verbs"), "verbs must contain at least one value");
        }
        if !is_empty(rule.get("nonResourceURLs")) {
            if !is_cluster_wide {
                let detail = "namespaced rules cannot apply to non-resource URLs";
                errors.invalid(path.child("nonResourceURLs"), rule["nonResourceURLs"].clone(), detail);
            }
            continue;
        }
        if is_empty(rule.get("apiGroups")) {
            errors.required(path.child("apiGroups"), "resource rules must supply at least one api group");
        }
        if is_empty(rule.get("resources")) {
            errors.required(path.child("resources"), "resource rules must supply at least one resource");
        }
    }
}

fn binding(errors: &mut Errors, new: &Value, old: Option<&Value>, is_cluster_wide: bool) {
    let role = new.get("roleRef").unwrap_or(&Value::Null);
    let path = field("roleRef");
    let kinds: &[&str] = if is_cluster_wide { &["ClusterRole"] } else { &["Role", "ClusterRole"] };
    if !kinds.contains(&text(role, "kind")) {
        errors.not_supported(path.child("kind"), text(role, "kind"), kinds);
    }
    if text(role, "name").is_empty() {
        errors.required(path.child("name"), "");
    }
    for (index, subject) in list(new, "subjects") {
        let at = field("subjects").index(index);
        if text(subject, "name").is_empty() {
            errors.required(at.child("name"), "");
        }
        match text(subject, "kind") {
            "ServiceAccount" if is_cluster_wide && text(subject, "namespace").is_empty() => {
                errors.required(at.child("namespace"), "");
            }
            "ServiceAccount" | "User" | "Group" => {}
            kind => errors.not_supported(at.child("kind"), kind, &["ServiceAccount", "User", "Group"]),
        }
    }
    if old.and_then(|old| old.get("roleRef")).is_some_and(|old| old != role) {
        // Upstream shows its internal type here, whose fields have Go's names.
        let shown = [("APIGroup", "apiGroup"), ("Kind", "kind"), ("Name", "name")];
        let shown = shown.map(|(name, field)| (name.to_owned(), role.get(field).cloned().unwrap_or_default()));
        errors.invalid(path, Value::Object(shown.into_iter().collect()), "cannot change roleRef");
    }
}
