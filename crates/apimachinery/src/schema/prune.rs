//! Drops the fields a schema does not know, as `apiextensions-apiserver/pkg/apiserver/schema/pruning` and `objectmeta`.
//! It must not know any kind but `ObjectMeta`.

use serde_json::{Map, Value};

use super::Schema;
use crate::FieldPath;

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// Drops unknown fields and says which: those of the schema first, then those of `metadata`, as upstream reports them.
pub(super) fn prune(schema: &Schema, value: &mut Value) -> Vec<FieldPath> {
    let mut pruner = Pruner::default();
    // The root of a custom resource has apiVersion, kind and metadata whether its schema says so or not.
    let is_resource = schema.definition.is_none();
    pruner.node(schema, value, &FieldPath::root(), is_resource);
    pruner.dropped.append(&mut pruner.dropped_metadata);
    pruner.dropped
}

#[derive(Default)]
struct Pruner {
    dropped: Vec<FieldPath>,
    dropped_metadata: Vec<FieldPath>,
}

impl Pruner {
    fn node(&mut self, schema: &Schema, value: &mut Value, path: &FieldPath, is_resource: bool) {
        match value {
            Value::Object(map) => self.map(schema, map, path, is_resource || schema.embedded_resource),
            Value::Array(list) => {
                let Some(items) = &schema.items else { return };
                for (index, value) in list.iter_mut().enumerate() {
                    self.node(items, value, &path.index(index), false);
                }
            }
            _ => {}
        }
    }

    fn map(&mut self, schema: &Schema, map: &mut Map<String, Value>, path: &FieldPath, is_resource: bool) {
        map.retain(|name, value| {
            if is_resource && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                if name == "metadata" {
                    self.metadata(value, &path.child(name));
                }
                return true;
            }
            let Some(child) = schema.field(name) else {
                if !schema.preserve_unknown_fields {
                    self.dropped.push(path.child(name));
                }
                return schema.preserve_unknown_fields;
            };
            self.node(child, value, &path.child(name), false);
            true
        });
    }

    fn metadata(&mut self, value: &mut Value, path: &FieldPath) {
        let Some(schema) = crate::builtin::definition(OBJECT_META) else { return };
        let mut inner = Self::default();
        inner.node(&schema, value, path, false);
        self.dropped_metadata.append(&mut inner.dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn drops_what_it_does_not_know_and_says_so() {
        let schema = Schema::from_openapi(&json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
            "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
            "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
                "known": {"type": "object", "properties": {"b": {"type": "string"}}}
            }},
            "part": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}
        }}}}))
        .unwrap();
        let mut value = json!({
            "apiVersion": "g/v1", "kind": "Toy", "metadata": {"name": "x", "odd": 1}, "top": 1,
            "spec": {
                "list": [{"a": "1", "z": 2}], "open": {"any": 1, "known": {"z": 1}},
                "part": {"kind": "Pod", "metadata": {"name": "p", "odd": 1}, "spec": {"x": 1}}
            }
        });
        let dropped = schema.prune(&mut value);
        let dropped: Vec<&str> = dropped.iter().map(FieldPath::as_str).collect();
        let expected = ["spec.list[0].z", "spec.open.known.z", "top", "metadata.odd", "spec.part.metadata.odd"];
        assert_eq!(dropped, expected);
        assert_eq!(value["spec"]["open"], json!({"any": 1, "known": {}}));
        assert_eq!(value["spec"]["part"], json!({"kind": "Pod", "metadata": {"name": "p"}, "spec": {"x": 1}}));
        assert!(schema.prune(&mut value).is_empty(), "pruning twice drops nothing");
    }
}
