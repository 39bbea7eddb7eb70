//! Whether a live object already is what is desired of it.
//! It must not know who owns fields.

use base64::Engine as _;
use serde_json::{Map, Value};

use crate::Schema;
use crate::managed_fields::{Shape, Typed};
use crate::object;

/// Whether every field of `desired` is in `live` with the same value; `live` may hold more, as defaults do.
///
/// Items of keyed lists are looked up by key and items of sets anywhere; other lists must have the same length.
/// Quantities are compared by size. `null` and empty lists ask for nothing, and `status` is not desired but reported.
#[must_use]
pub fn covers(live: &Value, desired: &Value, schema: Option<&Schema>) -> bool {
    let typed = schema.map_or_else(Typed::unknown, Typed::root);
    let (Value::Object(live_fields), Value::Object(fields)) = (live, desired) else { return live == desired };
    fields.iter().all(|(name, desired)| match name.as_str() {
        "status" => true,
        "metadata" => covers_metadata(typed.field(name).typed, live_fields.get(name), desired),
        "stringData" if object::kind(live) == "Secret" => covers_secret(live, desired),
        _ => covers_field(typed.field(name).typed, live_fields.get(name), desired),
    })
}

/// Empty labels and annotations ask for nothing.
fn covers_metadata(typed: Typed<'_>, live: Option<&Value>, desired: &Value) -> bool {
    let (Some(live), Some(desired)) = (live, desired.as_object()) else { return desired.is_null() };
    desired.iter().all(|(name, desired)| {
        desired.as_object().is_some_and(Map::is_empty) || covers_field(typed.field(name).typed, live.get(name), desired)
    })
}

/// `stringData` is written in plain text and read back as base64 in `data`.
fn covers_secret(live: &Value, desired: &Value) -> bool {
    desired.as_object().into_iter().flatten().all(|(key, value)| {
        let encoded = value.as_str().map(|text| base64::engine::general_purpose::STANDARD.encode(text));
        live.get("data").and_then(|data| data.get(key)).and_then(Value::as_str) == encoded.as_deref()
    })
}

fn covers_field(typed: Typed<'_>, live: Option<&Value>, desired: &Value) -> bool {
    match (live, desired) {
        (live, Value::Null) => live.is_none_or(Value::is_null),
        (None, Value::Array(items)) => items.is_empty(),
        (None, _) => false,
        (Some(live), desired) => covers_value(typed, live, desired),
    }
}

fn covers_value(typed: Typed<'_>, live: &Value, desired: &Value) -> bool {
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => {
            // A map that is one value may not hold more keys; a struct that is one value may still get defaults.
            let closed = typed.schema().is_some_and(|schema| schema.map_atomic && schema.properties.is_empty());
            let complete = !closed || live.len() == desired.len();
            complete && desired.iter().all(|(name, value)| covers_field(typed.field(name).typed, live.get(name), value))
        }
        (Value::Array(live), Value::Array(desired)) => covers_list(typed, live, desired),
        (live, desired) => typed.same(live, desired),
    }
}

fn covers_list(typed: Typed<'_>, live: &[Value], desired: &[Value]) -> bool {
    let items = typed.items();
    if !matches!(typed.shape(&Value::Array(Vec::new())), Shape::List(_)) {
        return live.len() == desired.len() && live.iter().zip(desired).all(|(l, d)| covers_value(items, l, d));
    }
    desired.iter().all(|item| {
        let Ok(element) = typed.element(item) else { return false };
        live.iter().any(|live| typed.element(live).is_ok_and(|e| e == element) && covers_value(items, live, item))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GroupVersionKind, builtin};
    use serde_json::json;

    fn deployment(containers: Value) -> Value {
        json!({"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": {"spec": {"containers": containers}}}})
    }

    #[test]
    fn live_may_hold_more() {
        let schema = builtin::schema(&GroupVersionKind::new("apps", "v1", "Deployment")).unwrap();
        let live = deployment(json!([
            {"name": "sidecar"},
            {"name": "c", "image": "i", "args": ["x"], "ports": [{"containerPort": 80, "protocol": "TCP"}], "resources": {"limits": {"cpu": "500m"}}},
        ]));
        for (containers, expected) in [
            (json!([{"name": "c", "ports": [{"containerPort": 80}]}]), true),
            (json!([{"name": "c", "resources": {"limits": {"cpu": 0.5}}}]), true),
            (json!([{"name": "c", "command": null, "env": []}]), true),
            (json!([{"name": "c", "args": ["x", "y"]}]), false),
            (json!([{"name": "c", "image": "j"}]), false),
            (json!([{"name": "new"}]), false),
            (json!([{"name": "c", "ports": [{"containerPort": 80, "protocol": "UDP"}]}]), false),
        ] {
            assert_eq!(covers(&live, &deployment(containers.clone()), Some(&schema)), expected, "{containers}");
        }
    }

    #[test]
    fn without_a_schema_lists_are_whole() {
        let live = json!({"kind": "Thing", "spec": {"list": [{"a": 1, "b": 2}], "sub": {"x": {}}}});
        assert!(covers(&live, &json!({"kind": "Thing", "status": {"x": 1}, "spec": {"list": [{"a": 1}]}}), None));
        assert!(!covers(&live, &json!({"spec": {"list": []}}), None));
        assert!(!covers(&live, &json!({"spec": {"sub": {"x": {}, "y": {}}}}), None));
    }

    #[test]
    fn maps_that_are_one_value_are_whole() {
        let schema = builtin::schema(&GroupVersionKind::new("", "v1", "Service")).unwrap();
        let live = json!({"spec": {"selector": {"app": "a", "more": "b"}}});
        assert!(!covers(&live, &json!({"spec": {"selector": {"app": "a"}}}), Some(&schema)));
    }

    #[test]
    fn secrets_may_be_written_in_plain_text() {
        let live = json!({"kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "dg=="}});
        let desired = |value: &str| json!({"kind": "Secret", "metadata": {"name": "s", "labels": {}}, "stringData": {"k": value}});
        assert!(covers(&live, &desired("v"), None) && !covers(&live, &desired("w"), None));
    }
}
