//! The form in which definitions are kept: defaults filled in, and what Go leaves out left out.
//! It must not judge definitions.

use serde_json::{Map, Value, json};

/// The defaults of `apiextensions/v1.SetDefaults_CustomResourceDefinitionSpec`.
pub fn apply_defaults(crd: &mut Value) {
    let Some(spec) = crd.get_mut("spec").and_then(Value::as_object_mut) else { return };
    spec.entry("conversion").or_insert_with(|| json!({"strategy": "None"}));
    webhook_port(spec);
    let Some(names) = spec.get_mut("names").and_then(Value::as_object_mut) else { return };
    let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !kind.is_empty() {
        let missing = |value: Option<&Value>| value.and_then(Value::as_str).is_none_or(str::is_empty);
        if missing(names.get("singular")) {
            names.insert("singular".to_owned(), kind.to_lowercase().into());
        }
        if missing(names.get("listKind")) {
            names.insert("listKind".to_owned(), format!("{kind}List").into());
        }
    }
}

fn webhook_port(spec: &mut Map<String, Value>) {
    let service = spec.get_mut("conversion").and_then(|found| found.pointer_mut("/webhook/clientConfig/service"));
    if let Some(service) = service.and_then(Value::as_object_mut) {
        service.entry("port").or_insert_with(|| json!(443));
    }
}

/// Keywords of `JSONSchemaProps` that Go prints even where they are empty: pointers, and values of any JSON.
const KEPT: [&str; 6] =
    ["default", "example", "enum", "x-kubernetes-preserve-unknown-fields", "additionalProperties", "items"];

/// Leaves out what the Go types leave out: empty texts, lists and maps, and `false`.
pub fn drop_empty(crd: &mut Value) {
    let Some(spec) = crd.get_mut("spec").and_then(Value::as_object_mut) else { return };
    drop_fields(spec, &["preserveUnknownFields"]);
    if let Some(names) = spec.get_mut("names").and_then(Value::as_object_mut) {
        drop_fields(names, &["singular", "listKind", "shortNames", "categories"]);
    }
    for version in spec.get_mut("versions").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(fields) = version.as_object_mut() else { continue };
        drop_fields(fields, &["deprecated", "additionalPrinterColumns", "selectableFields"]);
        let columns = fields.get_mut("additionalPrinterColumns").and_then(Value::as_array_mut);
        for column in columns.into_iter().flatten().filter_map(Value::as_object_mut) {
            drop_fields(column, &["format", "description", "priority"]);
        }
        if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
            tidy(schema);
        }
    }
}

fn drop_fields(map: &mut Map<String, Value>, names: &[&str]) {
    map.retain(|name, value| !(names.contains(&name.as_str()) && is_empty(value)));
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// A schema and all schemas in it.
fn tidy(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    map.retain(|keyword, value| {
        let kept = KEPT.contains(&keyword.as_str()) && !(keyword == "enum" && is_empty(value));
        kept || value.is_number() || !is_empty(value)
    });
    for (keyword, value) in map {
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties" | "definitions", Value::Object(schemas)) => {
                schemas.values_mut().for_each(tidy);
            }
            ("allOf" | "anyOf" | "oneOf" | "items", Value::Array(schemas)) => schemas.iter_mut().for_each(tidy),
            ("items" | "additionalProperties" | "not", schema) => tidy(schema),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_parts_are_left_out_and_values_are_not() {
        let mut crd = json!({"spec": {
            "preserveUnknownFields": false, "names": {"plural": "x", "kind": "X", "shortNames": []},
            "versions": [{"name": "v1", "served": false, "storage": true, "deprecated": false, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"a": {"type": "integer", "minimum": 0, "default": 0, "nullable": false,
                    "enum": []}, "b": {"type": "array", "items": {"type": "object", "properties": {}}}}, "required": []}}}],
        }});
        drop_empty(&mut crd);
        assert_eq!(
            crd,
            json!({"spec": {
                "names": {"plural": "x", "kind": "X"},
                "versions": [{"name": "v1", "served": false, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"a": {"type": "integer", "minimum": 0, "default": 0},
                        "b": {"type": "array", "items": {"type": "object"}}}}}}],
            }})
        );
    }
}
