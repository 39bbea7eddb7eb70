//! The rules of events of both groups. It must not know who reports them.

use serde_json::Value;

use super::{Errors, field, is_empty, text};
use crate::{GroupVersionKind, object};

/// Events of both groups; only those of `events.k8s.io` must say who reports what.
pub(super) fn event(errors: &mut Errors, gvk: &GroupVersionKind, new: &Value, old: Option<&Value>) {
    let own = object::namespace(new).unwrap_or_default();
    if gvk.group.is_empty() {
        let about = new.pointer("/involvedObject/namespace").and_then(Value::as_str).unwrap_or_default();
        if about != own && !(about.is_empty() && own == "default") {
            errors.invalid(field("involvedObject").child("namespace"), about, "does not match event.namespace");
        }
        return;
    }
    if old.is_some() {
        return;
    }
    let about = new.pointer("/regarding/namespace").and_then(Value::as_str).unwrap_or_default();
    if about != own && !(about.is_empty() && own == "default") {
        errors.invalid(field("regarding").child("namespace"), about, "does not match event.namespace");
    }
    if is_empty(new.get("eventTime")) {
        errors.required(field("eventTime"), "");
    }
    for (name, most) in [("reportingController", 0), ("reportingInstance", 128), ("action", 128), ("reason", 128)] {
        let value = text(new, name);
        match value.len() {
            0 => errors.required(field(name), ""),
            length if most > 0 && length > most => {
                errors.invalid(field(name), value, format!("can have at most {most} characters"));
            }
            _ => {}
        }
    }
    let type_ = text(new, "type");
    if !matches!(type_, "Normal" | "Warning") {
        errors.invalid(field("type"), type_, format!("has invalid value: {type_}"));
    }
}
