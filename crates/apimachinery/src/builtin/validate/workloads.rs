//! The rules of kinds that make pods. It must not know the rules of pods themselves.

use serde_json::{Value, json};

use super::super::go_print;
use super::{Errors, field, is_empty, metadata, pods, text};
use crate::selector::LabelSelector;
use crate::{FieldPath, GroupVersionKind};

/// Most characters in the name of a cron job: its jobs' names add eleven.
const CRON_JOB_NAME_MAX: usize = 52;

/// What may change in the spec of a stateful set.
const STATEFUL_SET_MUTABLE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// `Deployment`, `ReplicaSet`, `DaemonSet`, `StatefulSet` and `ReplicationController`.
pub(super) fn workload(errors: &mut Errors, gvk: &GroupVersionKind, new: &Value, old: Option<&Value>) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    let path = field("spec");
    errors.non_negative(path.child("replicas"), spec.get("replicas"));
    selector(errors, gvk, spec, &path);
    let template_path = path.child("template");
    template(errors, spec.get("template"), &template_path);
    let policy = spec.pointer("/template/spec/restartPolicy").and_then(Value::as_str).unwrap_or("Always");
    if policy != "Always" {
        errors.not_supported(template_path.child("spec").child("restartPolicy"), policy, &["Always"]);
    }
    if gvk.kind == "Deployment" {
        strategy(errors, spec, &path);
        progress_deadline(errors, spec, &path);
    }
    let Some(old) = old.and_then(|old| old.get("spec")) else { return };
    match gvk.kind.as_str() {
        "Deployment" | "ReplicaSet" | "DaemonSet" => {
            errors.immutable(path.child("selector"), spec.get("selector"), old.get("selector"));
        }
        "StatefulSet" => stateful_set_stays(errors, spec, old, path),
        _ => {}
    }
}

fn selector(errors: &mut Errors, gvk: &GroupVersionKind, spec: &Value, path: &FieldPath) {
    let at = path.child("selector");
    let labels = spec.pointer("/template/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default();
    let found = spec.get("selector").unwrap_or(&Value::Null);
    let is_plain = gvk.kind == "ReplicationController";
    if found.is_null() {
        errors.required(at, "");
    } else if is_empty(Some(found)) {
        let kind = gvk.kind.to_lowercase();
        errors.invalid(at, found.clone(), format!("empty selector is invalid for {kind}"));
    } else if !is_plain {
        label_selector(errors, found, &at);
    }
    let wrapped = if is_plain { json!({"matchLabels": found}) } else { found.clone() };
    let matches =
        !is_empty(Some(found)) && LabelSelector::from_object(&wrapped).is_ok_and(|selector| selector.matches(&labels));
    if !matches {
        let value = if labels.is_empty() { Value::Null } else { Value::Object(labels) };
        let at = path.child("template").child("metadata").child("labels");
        errors.invalid(at, value, "`selector` does not match template `labels`");
    }
}

/// `ValidateLabelSelector`.
pub(super) fn label_selector(errors: &mut Errors, selector: &Value, path: &FieldPath) {
    if let Some(labels) = selector.get("matchLabels").and_then(Value::as_object) {
        metadata::labels(errors, labels, &path.child("matchLabels"));
    }
    for (index, rule) in super::list(selector, "matchExpressions") {
        let at = path.child("matchExpressions").index(index);
        let has_values = !is_empty(rule.get("values"));
        match text(rule, "operator") {
            "In" | "NotIn" if !has_values => {
                errors.required(at.child("values"), "must be specified when `operator` is 'In' or 'NotIn'");
            }
            "Exists" | "DoesNotExist" if has_values => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.forbidden(at.child("values"), detail);
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            operator => errors.invalid(at.child("operator"), operator, "not a valid selector operator"),
        }
        let key = text(rule, "key");
        errors.grammar(&at.child("key"), key, crate::names::check_qualified_name(key));
    }
}

pub(super) fn template(errors: &mut Errors, template: Option<&Value>, path: &FieldPath) {
    let empty = json!({});
    let template = template.unwrap_or(&empty);
    metadata::labels(errors, crate::object::labels(template), &path.child("labels"));
    pods::pod_spec(errors, template.get("spec").unwrap_or(&empty), &path.child("spec"));
}

fn strategy(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    let at = path.child("strategy").child("rollingUpdate");
    let Some(strategy) = spec.get("strategy") else { return };
    let rolling = strategy.get("rollingUpdate");
    if text(strategy, "type") == "Recreate" && rolling.is_some() {
        errors.forbidden(at, "may not be specified when strategy `type` is 'Recreate'");
        return;
    }
    let is_zero = |name: &str| matches!(rolling.and_then(|rolling| rolling.get(name)), Some(value) if *value == json!(0) || *value == json!("0%"));
    for name in ["maxUnavailable", "maxSurge"] {
        share(errors, rolling.and_then(|rolling| rolling.get(name)), at.child(name), name == "maxUnavailable");
    }
    if is_zero("maxUnavailable") && is_zero("maxSurge") {
        let value = rolling.and_then(|rolling| rolling.get("maxUnavailable")).cloned().unwrap_or_default();
        errors.invalid(at.child("maxUnavailable"), value, "may not be 0 when `maxSurge` is 0");
    }
}

/// A number or a share of pods, never negative; of some no more than all.
pub(super) fn share(errors: &mut Errors, value: Option<&Value>, path: FieldPath, at_most_all: bool) {
    errors.non_negative(path.clone(), value);
    let Some(text) = value.and_then(Value::as_str) else { return };
    match text.strip_suffix('%').and_then(|digits| digits.parse::<u32>().ok()) {
        None => {
            let detail = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or \
                          '93%', regex used for validation is '[0-9]+%')";
            errors.invalid(path, text, detail);
        }
        Some(101..) if at_most_all => errors.invalid(path, text, "must not be greater than 100%"),
        Some(_) => {}
    }
}

/// A deployment that is given up must first have had time for its pods to be available.
fn progress_deadline(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    let number = |name: &str| spec.get(name).and_then(Value::as_i64);
    let Some(deadline) = number("progressDeadlineSeconds") else { return };
    if deadline <= number("minReadySeconds").unwrap_or(0) {
        errors.invalid(path.child("progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds");
    }
}

fn stateful_set_stays(errors: &mut Errors, new: &Value, old: &Value, path: FieldPath) {
    let fixed = |spec: &Value| {
        let mut spec = spec.clone();
        if let Some(spec) = spec.as_object_mut() {
            spec.retain(|name, _| !STATEFUL_SET_MUTABLE.contains(&name.as_str()));
        }
        spec
    };
    if fixed(new) != fixed(old) {
        let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                      'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
                      'minReadySeconds' are forbidden";
        errors.forbidden(path, detail);
    }
}

pub(super) fn job(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    let path = field("spec");
    job_spec(errors, spec, &path);
    let Some(old) = old.and_then(|old| old.get("spec")) else { return };
    let is_indexed = text(spec, "completionMode") == "Indexed";
    if !is_indexed {
        errors.immutable(path.child("completions"), spec.get("completions"), old.get("completions"));
    }
    for name in ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex"] {
        errors.immutable(path.child(name), spec.get(name), old.get(name));
    }
    // While suspended, a queueing controller may still place the pods.
    if old.get("suspend") != Some(&Value::Bool(true)) && spec.get("template") != old.get("template") {
        let shown = go_print::template(spec.get("template").unwrap_or(&Value::Null)).compact();
        errors.invalid_shown(path.child("template"), &shown, "field is immutable");
    }
}

fn job_spec(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    let template_path = path.child("template");
    template(errors, spec.get("template"), &template_path);
    let at = template_path.child("spec").child("restartPolicy");
    match spec.pointer("/template/spec/restartPolicy").and_then(Value::as_str) {
        Some("OnFailure" | "Never") => {}
        Some("Always") | None => errors.required(at, "valid values: \"OnFailure\", \"Never\""),
        Some(other) => errors.not_supported(at, other, &["Never", "OnFailure"]),
    }
}

pub(super) fn cron_job(errors: &mut Errors, new: &Value) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    let path = field("spec");
    let name = crate::object::name(new);
    if name.len() > CRON_JOB_NAME_MAX {
        let detail = format!("must be no more than {CRON_JOB_NAME_MAX} characters");
        errors.invalid(field("metadata").child("name"), name, detail);
    }
    schedule(errors, text(spec, "schedule"), path.child("schedule"));
    let inner = spec.pointer("/jobTemplate/spec").cloned().unwrap_or_default();
    job_spec(errors, &inner, &path.child("jobTemplate").child("spec"));
}

fn schedule(errors: &mut Errors, schedule: &str, path: FieldPath) {
    let words: Vec<&str> = schedule.split_whitespace().collect();
    if schedule.is_empty() {
        errors.required(path, "");
    } else if schedule.contains("TZ") {
        errors.invalid(path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
    } else if !schedule.starts_with('@') && words.len() != 5 {
        let detail = format!("expected exactly 5 fields, found {}: [{}]", words.len(), words.join(" "));
        errors.invalid(path, schedule, detail);
    }
}
