//! Turns the definitions of `kubernetes-validate` into the compact table: what to keep, and in which form.
//! It must not know where the definitions came from or where the table goes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

const JSON_SCHEMA_PROPS: &str = "JSONSchemaProps";

/// Fields of a schema that the table keeps as they are.
const KEPT: [&str; 10] = [
    "default",
    "enum",
    "format",
    "required",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-patch-merge-key",
    "x-kubernetes-patch-strategy",
    "x-kubernetes-preserve-unknown-fields",
];

/// The table's text: a line for each definition that a stable kind needs, sorted by name.
///
/// # Errors
/// If the document has no `$defs`, or refers to a definition that is not there.
pub(super) fn table(document: &Value) -> Result<String, String> {
    let all = document.get("$defs").and_then(Value::as_object).ok_or("no `$defs`")?;
    let mut kept = BTreeMap::new();
    let mut pending: Vec<String> = all.iter().filter(|(_, d)| !kinds(d).is_empty()).map(|(n, _)| n.clone()).collect();
    while let Some(name) = pending.pop() {
        if kept.contains_key(&name) {
            continue;
        }
        let source = all.get(&name).ok_or_else(|| format!("no definition {name}"))?;
        let definition = definition(&name, source);
        references(&definition, &mut pending);
        kept.insert(name, definition);
    }
    Ok(kept.iter().map(|(name, definition)| format!("{name} {definition}\n")).collect())
}

/// The stable kinds a definition stands for.
fn kinds(definition: &Value) -> Vec<Value> {
    let all = definition.get("x-kubernetes-group-version-kind").and_then(Value::as_array).into_iter().flatten();
    let all: Vec<&Value> = all.filter(|gvk| is_stable(gvk)).collect();
    // metav1 kinds such as DeleteOptions stand for every group; the first, the core group, is enough.
    let keep = if all.len() > 3 { 1 } else { all.len() };
    all.into_iter().take(keep).cloned().collect()
}

fn is_stable(gvk: &Value) -> bool {
    let text = |field: &str| gvk.get(field).and_then(Value::as_str).unwrap_or_default();
    let unstable = text("version").contains("alpha") || text("version").contains("beta");
    !unstable && text("group") != "internal.apiserver.k8s.io" && text("kind") != "WatchEvent"
}

fn definition(name: &str, source: &Value) -> Value {
    let short = name.rsplit('.').next().unwrap_or(name);
    match short {
        "Quantity" => json!({"format": "quantity", "x-kubernetes-int-or-string": true}),
        "IntOrString" => json!({"format": "int-or-string", "x-kubernetes-int-or-string": true}),
        "JSON" => json!({"x-kubernetes-preserve-unknown-fields": true}),
        // Recursive; custom resources' schemas are read from the object itself.
        JSON_SCHEMA_PROPS | "RawExtension" | "FieldsV1" => {
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
        }
        _ => {
            let mut node = schema(source);
            add(&mut node, "x-kubernetes-group-version-kind", Value::from(kinds(source)));
            node.as_object_mut().expect("a schema is a map").remove("description");
            node
        }
    }
}

fn schema(source: &Value) -> Value {
    let mut node = Map::new();
    for field in KEPT {
        if let Some(value) = source.get(field) {
            node.insert(field.to_owned(), value.clone());
        }
    }
    if let Some(name) = source.get("$ref").and_then(Value::as_str) {
        node.insert("$ref".to_owned(), Value::from(name.trim_start_matches("#/$defs/")));
    } else if let Some(type_) = type_name(source) {
        node.insert("type".to_owned(), Value::from(type_));
    }
    for field in ["items", "additionalProperties"] {
        if let Some(child) = source.get(field).filter(|child| child.is_object()) {
            node.insert(field.to_owned(), schema(child));
        }
    }
    if let Some(properties) = source.get("properties").and_then(Value::as_object) {
        let properties: Map<String, Value> =
            properties.iter().map(|(name, child)| (name.clone(), property(name, child))).collect();
        node.insert("properties".to_owned(), Value::Object(properties));
    }
    Value::Object(node)
}

/// `apiVersion` and `kind` lose their enumerations: the caller checks them before it has the schema.
fn property(name: &str, source: &Value) -> Value {
    let mut node = schema(source);
    if matches!(name, "apiVersion" | "kind") && source["enum"].as_array().is_some_and(|values| values.len() == 1) {
        node.as_object_mut().expect("a schema is a map").remove("enum");
    }
    node
}

fn type_name(source: &Value) -> Option<&str> {
    match source.get("type")? {
        Value::String(name) => Some(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

fn add(node: &mut Value, field: &str, value: Value) {
    if value.as_array().is_some_and(|values| !values.is_empty()) {
        node.as_object_mut().expect("a schema is a map").insert(field.to_owned(), value);
    }
}

fn references(node: &Value, found: &mut Vec<String>) {
    match node {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|child| references(child, found));
        }
        Value::Array(items) => items.iter().for_each(|child| references(child, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_a_stable_kind_needs() {
        let document = json!({"$defs": {
            "v1.Toy": {
                "description": "gone", "type": ["object", "null"],
                "properties": {"kind": {"type": ["string", "null"], "enum": ["Toy"]}, "spec": {"$ref": "#/$defs/v1.ToySpec"}},
                "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Toy"}]
            },
            "v1.ToySpec": {"type": "object", "properties": {"size": {"type": ["integer", "null"], "format": "int32"}}},
            "v1alpha1.Game": {"x-kubernetes-group-version-kind": [{"group": "", "version": "v1alpha1", "kind": "Game"}]},
            "v1.Unused": {"type": "string"}
        }});
        let lines: Vec<(String, Value)> = table(&document)
            .unwrap()
            .lines()
            .map(|line| line.split_once(' ').unwrap())
            .map(|(name, json)| (name.to_owned(), serde_json::from_str(json).unwrap()))
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].1["properties"]["kind"], json!({"type": "string"}));
        assert_eq!(lines[0].1["properties"]["spec"], json!({"$ref": "v1.ToySpec"}));
        assert_eq!(lines[1].1["properties"]["size"], json!({"type": "integer", "format": "int32"}));
    }
}
