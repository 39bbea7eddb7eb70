//! What a mutation evaluated to, put into the object.
//! It must not know policies. Upstream: `plugin/policy/mutating/patch`.

use mainstay_apimachinery::schema::{ListType, Type};
use mainstay_apimachinery::{FieldPath, Schema, managed_fields};
use serde_json::Value;

/// Fields a mutation may not touch.
const SERVER_FIELDS: [&str; 6] = ["uid", "name", "namespace", "resourceVersion", "creationTimestamp", "managedFields"];

/// As server-side apply would merge it, without ownership.
pub(super) fn apply(schema: Option<&Schema>, object: &Value, applied: &Value) -> Result<Value, String> {
    for field in ["apiVersion", "kind"] {
        if applied.get(field).is_some_and(|given| given != &object[field]) {
            return Err(format!("error applying patch: may not change {field}"));
        }
    }
    let metadata = applied.get("metadata").and_then(Value::as_object);
    if let Some(field) = SERVER_FIELDS.iter().find(|field| metadata.is_some_and(|given| given.contains_key(**field))) {
        return Err(format!("error applying patch: may not change metadata.{field}"));
    }
    let Some(schema) = schema else { return Ok(mainstay_apimachinery::patch::merge_patch(object, applied)) };
    let mut atomic = Vec::new();
    find_atomic(schema, applied, &FieldPath::root(), &mut atomic);
    if !atomic.is_empty() {
        return Err(format!(
            "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {}",
            atomic.join(", ")
        ));
    }
    Ok(managed_fields::merged(schema, object, applied))
}

/// A mutation that replaces a whole list or map would take away what others put there.
fn find_atomic(schema: &Schema, value: &Value, path: &FieldPath, found: &mut Vec<String>) {
    match value {
        Value::Object(_) if schema.map_atomic => found.push(format!(".{path}")),
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Some(schema) = schema.field(name) {
                    find_atomic(schema, value, &path.child(name), found);
                }
            }
        }
        Value::Array(_) if schema.type_ == Some(Type::Array) && schema.list_type == ListType::Atomic => {
            found.push(format!(".{path}"));
        }
        Value::Array(items) => {
            let Some(schema) = &schema.items else { return };
            for (index, item) in items.iter().enumerate() {
                find_atomic(schema, item, &path.index(index), found);
            }
        }
        _ => {}
    }
}

/// A JSON patch.
pub(super) fn json(object: &Value, patch: &Value) -> Result<Value, String> {
    let changed = mainstay_apimachinery::patch::json_patch(object, patch);
    let changed = changed.map_err(|error| format!("error applying JSON Patch: {error}"))?;
    let server_owned = |object: &Value| {
        let of_metadata = SERVER_FIELDS.iter().map(|field| object["metadata"].get(*field).cloned());
        of_metadata.chain([object.get("kind").cloned()]).collect::<Vec<_>>()
    };
    if server_owned(&changed) != server_owned(object) {
        return Err("error applying JSON Patch: may not change the identity of the object".to_owned());
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_merge_by_their_keys_and_atomic_ones_are_left_alone() {
        let schema = Schema::from_openapi(&json!({"type": "object", "properties": {
            "env": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "value": {"type": "string"}}}},
            "args": {"type": "array", "items": {"type": "string"}}}}));
        let schema = schema.unwrap();
        let object = json!({"env": [{"name": "a", "value": "1"}]});
        let merged = apply(Some(&schema), &object, &json!({"env": [{"name": "b", "value": "2"}]})).unwrap();
        assert_eq!(merged, json!({"env": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]}));
        let why = apply(Some(&schema), &object, &json!({"args": ["x"]})).unwrap_err();
        assert!(why.ends_with("may not mutate atomic arrays, maps or structs: .args"), "{why}");
    }

    #[test]
    fn the_identity_of_an_object_stays() {
        let object = json!({"kind": "Pod", "metadata": {"name": "a", "labels": {}}});
        let rename = json!([{"op": "replace", "path": "/metadata/name", "value": "b"}]);
        assert!(json(&object, &rename).is_err());
        let label = json!([{"op": "add", "path": "/metadata/labels/x", "value": "y"}]);
        assert_eq!(json(&object, &label).unwrap()["metadata"]["labels"], json!({"x": "y"}));
        assert!(apply(None, &object, &json!({"metadata": {"name": "b"}})).is_err());
    }
}
