//! What the schema of a built-in kind demands and no rule has spoken of yet: required fields and enumerations.
//! It must not know kinds.

use serde_json::Value;

use super::{Errors, is_empty};
use crate::{FieldPath, Schema};

/// Required by the schema, since Go always prints them, but not by upstream's validation.
const OPTIONAL: [(&str, &str); 6] = [
    ("EndpointSlice", "endpoints"),
    ("Event", "metadata"),
    ("CSINodeSpec", "drivers"),
    ("PodTemplateSpec", "metadata"),
    ("APIGroup", "versions"),
    ("Container", "image"),
];

/// Counts of things and of seconds, by any name they go by: never negative.
const COUNTS: [&str; 17] = [
    "backoffLimit",
    "completions",
    "failedJobsHistoryLimit",
    "failureThreshold",
    "initialDelaySeconds",
    "minReadySeconds",
    "parallelism",
    "partition",
    "periodSeconds",
    "progressDeadlineSeconds",
    "replicas",
    "revisionHistoryLimit",
    "startingDeadlineSeconds",
    "successThreshold",
    "successfulJobsHistoryLimit",
    "terminationGracePeriodSeconds",
    "ttlSecondsAfterFinished",
];

/// Checks all but `metadata`, which has rules of its own, and `status`, which users do not write.
pub(super) fn check(errors: &mut Errors, schema: &Schema, object: &Value) {
    let Some(map) = object.as_object() else { return };
    required(errors, schema, object, &FieldPath::root());
    for (name, value) in map.iter().filter(|(name, _)| !matches!(name.as_str(), "metadata" | "status")) {
        if let Some(child) = schema.field(name) {
            node(errors, child, value, &super::field(name));
        }
    }
}

fn node(errors: &mut Errors, schema: &Schema, value: &Value, path: &FieldPath) {
    if schema.preserve_unknown_fields {
        return;
    }
    enumeration(errors, schema, value, path);
    match value {
        Value::Object(map) => {
            required(errors, schema, value, path);
            for (name, value) in map {
                let Some(child) = schema.field(name) else { continue };
                let is_field = schema.properties.contains_key(name);
                let at = if is_field { path.child(name) } else { path.key(name) };
                if is_field && COUNTS.contains(&name.as_str()) && !errors.has(&at) {
                    errors.non_negative(at.clone(), Some(value));
                }
                node(errors, child, value, &at);
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return };
            for (index, value) in list.iter().enumerate() {
                node(errors, items, value, &path.index(index));
            }
        }
        _ => {}
    }
}

fn enumeration(errors: &mut Errors, schema: &Schema, value: &Value, path: &FieldPath) {
    if schema.enum_.is_empty() || is_empty(Some(value)) || schema.enum_.contains(value) || errors.has_around(path) {
        return;
    }
    let supported: Vec<&str> = schema.enum_.iter().filter_map(Value::as_str).filter(|name| !name.is_empty()).collect();
    errors.not_supported(path.clone(), value.clone(), &supported);
}

fn required(errors: &mut Errors, schema: &Schema, value: &Value, path: &FieldPath) {
    let owner = schema.definition.as_deref().and_then(|name| name.rsplit('.').next()).unwrap_or_default();
    for name in schema.required.iter().filter(|name| value.get(name.as_str()).is_none()) {
        let at = path.child(name);
        if !OPTIONAL.contains(&(owner, name.as_str())) && !errors.has(&at) {
            errors.required(at, "");
        }
    }
}
