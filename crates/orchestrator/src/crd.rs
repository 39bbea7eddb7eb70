//! The CustomResourceDefinition of a graph's instances, as kro's `pkg/graph/crd`.
//! It must not know about resources.

use mainstay_api::kro::DefinitionSchema;
use serde_json::{Map, Value, json};

use crate::graph::InstanceKind;

/// Puts the CRD together.
pub(crate) fn synthesise(
    kind: &InstanceKind,
    schema: &DefinitionSchema,
    spec: Value,
    status: Map<String, Value>,
) -> Value {
    let gvk = &kind.gvk;
    let mut names = json!({
        "kind": gvk.kind, "listKind": format!("{}List", gvk.kind), "plural": kind.plural,
        "singular": gvk.kind.to_lowercase(),
    });
    for (field, values) in [("shortNames", &schema.short_names), ("categories", &schema.categories)] {
        if !values.is_empty() {
            names[field] = json!(values);
        }
    }
    let mut metadata = json!({"name": format!("{}.{}", kind.plural, gvk.group)});
    for (field, values) in [("labels", &schema.metadata.labels), ("annotations", &schema.metadata.annotations)] {
        if !values.is_empty() {
            metadata[field] = json!(values);
        }
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": metadata,
        "spec": {
            "group": gvk.group, "scope": if kind.namespaced { "Namespaced" } else { "Cluster" }, "names": names,
            "versions": [{
                "name": gvk.version, "served": true, "storage": true, "subresources": {"status": {}},
                "additionalPrinterColumns": columns(&schema.additional_printer_columns),
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {
                        "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
                        "spec": with_default(spec), "status": status_schema(status),
                    },
                }},
            }],
        },
    })
}

/// An instance without a `spec` still gets the defaults of its fields, unless one of them is required.
fn with_default(mut spec: Value) -> Value {
    if spec.get("required").is_none() {
        spec["default"] = json!({});
    }
    spec
}

fn columns(own: &[Value]) -> Value {
    if !own.is_empty() {
        return Value::from(own);
    }
    json!([
        {"name": "State", "type": "string", "description": "The state of the instance", "jsonPath": ".status.state"},
        {"name": "Ready", "type": "string", "description": "Whether the instance is ready",
         "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ])
}

fn status_schema(mut fields: Map<String, Value>) -> Value {
    fields.entry("state").or_insert_with(|| json!({"type": "string"}));
    fields.entry("conditions").or_insert_with(conditions);
    json!({"type": "object", "properties": fields})
}

fn conditions() -> Value {
    json!({
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object", "required": ["status", "type"],
            "properties": {
                "type": {"type": "string"}, "status": {"type": "string"}, "reason": {"type": "string"},
                "message": {"type": "string"}, "lastTransitionTime": {"type": "string", "format": "date-time"},
                "observedGeneration": {"type": "integer", "format": "int64"},
            },
        },
    })
}
