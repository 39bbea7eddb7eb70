//! Whether a kind may change: what would break objects that exist is refused, as kro's `pkg/graph/crd/compat`.
//! It must not know where the schemas come from.

use std::collections::BTreeSet;

use mainstay_apimachinery::FieldPath;
use serde_json::{Map, Value};

/// What the new CustomResourceDefinition of a kind breaks for objects of the old one. Descriptions, defaults and
/// looser rules break nothing. `status` is ours and may change.
#[must_use]
pub fn breaking_changes(old: &Value, new: &Value) -> Vec<String> {
    let spec = |definition: &Value| {
        definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec").cloned().unwrap_or_default()
    };
    let mut found = Vec::new();
    let name = |definition: &Value| definition.pointer("/spec/versions/0/name").cloned();
    if name(old) != name(new) {
        found.push("apiVersion: the version cannot change while objects are stored in the old one".to_owned());
    }
    compare(&spec(old), &spec(new), &FieldPath::root().child("spec"), &mut found);
    found
}

fn compare(old: &Value, new: &Value, path: &FieldPath, found: &mut Vec<String>) {
    if old.get("type") != new.get("type") {
        found.push(format!("{path}: its type changes from {} to {}", text(old, "type"), text(new, "type")));
        return;
    }
    let (had, has) = (properties(old), properties(new));
    let (must_before, must_now) = (names(old, "required"), names(new, "required"));
    for (name, field) in had {
        match has.get(name) {
            Some(now) => compare(field, now, &path.child(name), found),
            None if new.get("x-kubernetes-preserve-unknown-fields").is_none() => {
                found.push(format!("{}: the field is removed", path.child(name)));
            }
            None => {}
        }
    }
    for name in
        must_now.difference(&must_before).filter(|name| has.get(**name).is_some_and(|f| f.get("default").is_none()))
    {
        found.push(format!("{}: the field becomes required", path.child(name)));
    }
    let allowed = |schema: &Value| schema.get("enum").and_then(Value::as_array).cloned();
    if let Some(now) = allowed(new)
        && allowed(old).is_none_or(|before| before.iter().any(|value| !now.contains(value)))
    {
        found.push(format!("{path}: fewer values are allowed"));
    }
    if new.get("pattern").is_some() && new.get("pattern") != old.get("pattern") {
        found.push(format!("{path}: its pattern changes"));
    }
    for (inner, path) in [("items", path.key("*")), ("additionalProperties", path.key("*"))] {
        if let (Some(old), Some(new)) = (old.get(inner), new.get(inner)) {
            compare(old, new, &path, found);
        }
    }
}

fn properties(schema: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    schema.get("properties").and_then(Value::as_object).unwrap_or(&NONE)
}

fn names<'s>(schema: &'s Value, field: &str) -> BTreeSet<&'s str> {
    schema.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn text(schema: &Value, field: &str) -> String {
    schema.get(field).and_then(Value::as_str).unwrap_or("any").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn crd(spec: Value) -> Value {
        json!({"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"properties": {"spec": spec}}}}]}})
    }

    #[test]
    fn only_what_breaks_objects_is_breaking() {
        let old = crd(json!({"type": "object", "properties": {
            "a": {"type": "string", "enum": ["x", "y"]}, "b": {"type": "array", "items": {"type": "string"}}, "c": {"type": "string"}}}));
        let looser = crd(json!({"type": "object", "properties": {
            "a": {"type": "string", "default": "x"}, "b": {"type": "array", "items": {"type": "string"}}, "c": {"type": "string"},
            "d": {"type": "integer"}}}));
        assert_eq!(breaking_changes(&old, &looser), Vec::<String>::new());
        let tighter = crd(json!({"type": "object", "required": ["d"], "properties": {
            "a": {"type": "string", "enum": ["x"]}, "b": {"type": "array", "items": {"type": "integer"}}, "d": {"type": "string"}}}));
        assert_eq!(
            breaking_changes(&old, &tighter),
            [
                "spec.a: fewer values are allowed",
                "spec.b[*]: its type changes from string to integer",
                "spec.c: the field is removed",
                "spec.d: the field becomes required",
            ]
        );
    }
}
