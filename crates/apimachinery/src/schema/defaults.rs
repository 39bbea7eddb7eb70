//! Fills in the defaults of a schema, as `apiextensions-apiserver/pkg/apiserver/schema/defaulting`.
//! It must not know the defaults of built-in kinds, which depend on other fields.

use serde_json::Value;

use super::Schema;

/// Sets absent fields, and nulls that may not be null, to their defaults; drops the nulls that are left and may not be.
pub(super) fn apply(schema: &Schema, value: &mut Value) {
    fill(schema, value);
    drop_nulls(schema, value);
}

fn is_bad_null(value: &Value, schema: &Schema) -> bool {
    value.is_null() && !schema.nullable && !schema.preserve_unknown_fields
}

fn fill(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, property) in &schema.properties {
                let Some(default) = &property.default else { continue };
                if map.get(name).is_none_or(|value| is_bad_null(value, property)) {
                    map.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in map.iter_mut() {
                if let Some(child) = schema.field(name) {
                    fill_item(child, value);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = &schema.items {
                list.iter_mut().for_each(|value| fill_item(items, value));
            }
        }
        _ => {}
    }
}

fn fill_item(schema: &Schema, value: &mut Value) {
    if let Some(default) = schema.default.as_ref().filter(|_| is_bad_null(value, schema)) {
        *value = default.clone();
    }
    fill(schema, value);
}

/// Go's decoder and upstream's defaulting read `null` as absent, unless the schema says `nullable`.
pub(crate) fn drop_nulls(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|name, value| !schema.field(name).is_some_and(|child| is_bad_null(value, child)));
            for (name, value) in map.iter_mut() {
                if let Some(child) = schema.field(name) {
                    drop_nulls(child, value);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = &schema.items {
                list.iter_mut().for_each(|value| drop_nulls(items, value));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Schema {
        Schema::from_openapi(&json!({"type": "object", "properties": {
            "color": {"type": "string", "default": "red"},
            "size": {"type": "integer"},
            "note": {"type": "string", "nullable": true},
            "box": {"type": "object", "default": {}, "properties": {"lid": {"type": "boolean", "default": true}}},
            "parts": {"type": "array", "items": {"type": "object", "properties": {
                "kind": {"type": "string", "default": "bolt"}, "count": {"type": "integer"}
            }}},
            "by": {"type": "object", "additionalProperties": {"type": "object", "properties": {
                "n": {"type": "integer", "default": 1}
            }}}
        }}))
        .unwrap()
    }

    #[test]
    fn fills_at_every_depth_and_drops_bad_nulls() {
        let mut value = json!({"color": null, "size": null, "note": null, "parts": [{"count": 2}], "by": {"x": {}}});
        apply(&schema(), &mut value);
        let full = json!({
            "color": "red", "note": null, "box": {"lid": true},
            "parts": [{"count": 2, "kind": "bolt"}], "by": {"x": {"n": 1}}
        });
        assert_eq!(value, full);
        apply(&schema(), &mut value);
        assert_eq!(value, full, "defaulting twice changes nothing");
    }
}
