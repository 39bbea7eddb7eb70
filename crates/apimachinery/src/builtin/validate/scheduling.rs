//! The parts of pod specs that say where pods run: tolerations, affinity, topology spread, node selectors; and taints,
//! their other side. It must not know containers.

use serde_json::Value;

use super::{Errors, is_empty, list, metadata, text, workloads};
use crate::{FieldPath, names};

const EFFECTS: [&str; 3] = ["NoExecute", "NoSchedule", "PreferNoSchedule"];
const NODE_OPERATORS: [&str; 6] = ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];

pub(super) fn check(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    if let Some(labels) = spec.get("nodeSelector").and_then(Value::as_object) {
        metadata::labels(errors, labels, &path.child("nodeSelector"));
    }
    for (index, toleration) in list(spec, "tolerations") {
        self::toleration(errors, toleration, &path.child("tolerations").index(index));
    }
    for (index, constraint) in list(spec, "topologySpreadConstraints") {
        spread(errors, constraint, &path.child("topologySpreadConstraints").index(index));
    }
    if let Some(affinity) = spec.get("affinity") {
        self::affinity(errors, affinity, &path.child("affinity"));
    }
}

/// `ValidateTolerations`.
fn toleration(errors: &mut Errors, toleration: &Value, path: &FieldPath) {
    let (key, operator, effect) = (text(toleration, "key"), text(toleration, "operator"), text(toleration, "effect"));
    if !key.is_empty() {
        errors.grammar(&path.child("key"), key, names::check_qualified_name(key));
    } else if operator != "Exists" {
        let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        errors.invalid(path.child("operator"), operator, detail);
    }
    if toleration.get("tolerationSeconds").is_some() && effect != "NoExecute" {
        let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        errors.invalid(path.child("effect"), effect, detail);
    }
    let value = text(toleration, "value");
    match operator {
        "Equal" | "" => errors.grammar(&path.child("operator"), value, names::check_label_value(value)),
        "Exists" if !value.is_empty() => {
            errors.invalid(path.child("operator"), value, "value must be empty when `operator` is 'Exists'");
        }
        "Exists" => {}
        other => errors.not_supported(path.child("operator"), other, &["Equal", "Exists"]),
    }
    if !effect.is_empty() && !EFFECTS.contains(&effect) {
        errors.not_supported(path.child("effect"), effect, &EFFECTS);
    }
}

/// Taints of a node, each key and effect once.
pub(super) fn taints(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    let mut seen = Vec::new();
    for (index, taint) in list(spec, "taints") {
        let at = path.index(index);
        let (key, value, effect) = (text(taint, "key"), text(taint, "value"), text(taint, "effect"));
        errors.grammar(&at.child("key"), key, names::check_qualified_name(key));
        errors.grammar(&at.child("value"), value, names::check_label_value(value));
        match effect {
            "" => errors.required(at.child("effect"), ""),
            effect if !EFFECTS.contains(&effect) => errors.not_supported(at.child("effect"), effect, &EFFECTS),
            _ => {}
        }
        if seen.contains(&(key, effect)) {
            errors.duplicate(at.child("effect"), taint.clone());
        }
        seen.push((key, effect));
    }
}

/// `validateTopologySpreadConstraints`.
fn spread(errors: &mut Errors, constraint: &Value, path: &FieldPath) {
    let skew = constraint.get("maxSkew").and_then(Value::as_i64).unwrap_or(0);
    if skew <= 0 {
        errors.invalid(path.child("maxSkew"), skew, "must be greater than zero");
    }
    match text(constraint, "topologyKey") {
        "" => errors.required(path.child("topologyKey"), "can not be empty"),
        key => errors.grammar(&path.child("topologyKey"), key, names::check_qualified_name(key)),
    }
    let action = text(constraint, "whenUnsatisfiable");
    if !matches!(action, "DoNotSchedule" | "ScheduleAnyway") {
        errors.not_supported(path.child("whenUnsatisfiable"), action, &["DoNotSchedule", "ScheduleAnyway"]);
    }
    if let Some(least) = constraint.get("minDomains").and_then(Value::as_i64) {
        if least <= 0 {
            errors.invalid(path.child("minDomains"), least, "must be greater than zero");
        }
        if action == "ScheduleAnyway" {
            let detail = "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway";
            errors.invalid(path.child("minDomains"), least, detail);
        }
    }
    if let Some(selector) = constraint.get("labelSelector") {
        workloads::label_selector(errors, selector, &path.child("labelSelector"));
    }
}

fn affinity(errors: &mut Errors, affinity: &Value, path: &FieldPath) {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
    if let Some(node) = affinity.get("nodeAffinity") {
        let at = path.child("nodeAffinity");
        if let Some(selector) = node.get(REQUIRED) {
            node_selector(errors, selector, &at.child(REQUIRED));
        }
        for (index, term) in list(node, PREFERRED) {
            let at = at.child(PREFERRED).index(index);
            weight(errors, term, &at);
            node_term(errors, term.get("preference").unwrap_or(&Value::Null), &at.child("preference"));
        }
    }
    for name in ["podAffinity", "podAntiAffinity"] {
        let Some(of_pods) = affinity.get(name) else { continue };
        let at = path.child(name);
        for (index, term) in list(of_pods, REQUIRED) {
            pod_term(errors, term, &at.child(REQUIRED).index(index));
        }
        for (index, term) in list(of_pods, PREFERRED) {
            let at = at.child(PREFERRED).index(index);
            weight(errors, term, &at);
            pod_term(errors, term.get("podAffinityTerm").unwrap_or(&Value::Null), &at.child("podAffinityTerm"));
        }
    }
}

fn weight(errors: &mut Errors, term: &Value, path: &FieldPath) {
    let weight = term.get("weight").and_then(Value::as_i64).unwrap_or(0);
    if !(1..=100).contains(&weight) {
        errors.invalid(path.child("weight"), weight, "must be in the range 1-100");
    }
}

/// `ValidateNodeSelector`.
pub(super) fn node_selector(errors: &mut Errors, selector: &Value, path: &FieldPath) {
    let at = path.child("nodeSelectorTerms");
    if is_empty(selector.get("nodeSelectorTerms")) {
        errors.required(at, "must have at least one node selector term");
        return;
    }
    for (index, term) in list(selector, "nodeSelectorTerms") {
        node_term(errors, term, &at.index(index));
    }
}

fn node_term(errors: &mut Errors, term: &Value, path: &FieldPath) {
    for (index, rule) in list(term, "matchExpressions") {
        let at = path.child("matchExpressions").index(index);
        let values = rule.get("values").and_then(Value::as_array).map_or(0, Vec::len);
        match text(rule, "operator") {
            "In" | "NotIn" if values == 0 => {
                errors.required(at.child("values"), "must be specified when `operator` is 'In' or 'NotIn'");
            }
            "Exists" | "DoesNotExist" if values > 0 => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.forbidden(at.child("values"), detail);
            }
            "Gt" | "Lt" if values != 1 => {
                let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
                errors.required(at.child("values"), detail);
            }
            operator if NODE_OPERATORS.contains(&operator) => {}
            operator => errors.invalid(at.child("operator"), operator, "not a valid selector operator"),
        }
        let key = text(rule, "key");
        errors.grammar(&at.child("key"), key, names::check_qualified_name(key));
    }
}

fn pod_term(errors: &mut Errors, term: &Value, path: &FieldPath) {
    for name in ["labelSelector", "namespaceSelector"] {
        if let Some(selector) = term.get(name) {
            workloads::label_selector(errors, selector, &path.child(name));
        }
    }
    for (index, name) in list(term, "namespaces") {
        let name = name.as_str().unwrap_or_default();
        errors.grammar(&path.child("namespaces").index(index), name, names::check_dns1123_label(name));
    }
    match text(term, "topologyKey") {
        "" => errors.required(path.child("topologyKey"), "can not be empty"),
        key => errors.grammar(&path.child("topologyKey"), key, names::check_qualified_name(key)),
    }
}
