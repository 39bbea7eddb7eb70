//! Accessors for the metadata of an untyped object.
//! It must not know any kind's spec or status.

use serde_json::{Map, Value};

static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

fn meta_str<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object.get("metadata")?.get(field)?.as_str()
}

fn meta_map<'a>(object: &'a Value, field: &str) -> &'a Map<String, Value> {
    object.get("metadata").and_then(|m| m.get(field)).and_then(Value::as_object).unwrap_or(&EMPTY)
}

/// `metadata.name`, or the empty string.
#[must_use]
pub fn name(object: &Value) -> &str {
    meta_str(object, "name").unwrap_or_default()
}

/// `metadata.namespace`; `None` where it is missing or empty.
#[must_use]
pub fn namespace(object: &Value) -> Option<&str> {
    meta_str(object, "namespace").filter(|ns| !ns.is_empty())
}

/// `metadata.uid`, or the empty string.
#[must_use]
pub fn uid(object: &Value) -> &str {
    meta_str(object, "uid").unwrap_or_default()
}

/// `metadata.resourceVersion`; `None` where it is missing or empty.
#[must_use]
pub fn resource_version(object: &Value) -> Option<&str> {
    meta_str(object, "resourceVersion").filter(|rv| !rv.is_empty())
}

/// `metadata.generation`, or 0.
#[must_use]
pub fn generation(object: &Value) -> i64 {
    object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0)
}

/// `kind`, or the empty string.
#[must_use]
pub fn kind(object: &Value) -> &str {
    object.get("kind").and_then(Value::as_str).unwrap_or_default()
}

/// `apiVersion`, or the empty string.
#[must_use]
pub fn api_version(object: &Value) -> &str {
    object.get("apiVersion").and_then(Value::as_str).unwrap_or_default()
}

/// `metadata.labels`, empty where missing.
#[must_use]
pub fn labels(object: &Value) -> &Map<String, Value> {
    meta_map(object, "labels")
}

/// `metadata.annotations`, empty where missing.
#[must_use]
pub fn annotations(object: &Value) -> &Map<String, Value> {
    meta_map(object, "annotations")
}

/// One label's value.
#[must_use]
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    labels(object).get(key)?.as_str()
}

/// One annotation's value.
#[must_use]
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    annotations(object).get(key)?.as_str()
}

/// Whether `metadata.deletionTimestamp` is set.
#[must_use]
pub fn is_deleting(object: &Value) -> bool {
    meta_str(object, "deletionTimestamp").is_some()
}

/// `metadata.finalizers` in order.
pub fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    object.pointer("/metadata/finalizers").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Adds a finalizer, unless it is there.
pub fn add_finalizer(object: &mut Value, finalizer: &str) {
    if finalizers(object).any(|known| known == finalizer) {
        return;
    }
    match metadata_mut(object).entry("finalizers").or_insert(Value::Null) {
        Value::Array(list) => list.push(Value::from(finalizer)),
        other => *other = Value::from(vec![finalizer]),
    }
}

/// `metadata.ownerReferences` as raw objects.
pub fn owner_references(object: &Value) -> impl Iterator<Item = &Value> {
    object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten()
}

/// The owner reference with `controller: true`, as `metav1.GetControllerOf`.
#[must_use]
pub fn controller_of(object: &Value) -> Option<&Value> {
    owner_references(object).find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))
}

/// The map at `metadata`, made if it is missing.
///
/// # Panics
/// Never: a `metadata` or an object that is not a map is replaced by an empty one.
pub fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    child_map(as_map(object), "metadata")
}

/// Sets one label.
pub fn set_label(object: &mut Value, key: &str, value: &str) {
    child_map(metadata_mut(object), "labels").insert(key.to_owned(), Value::from(value));
}

/// Sets one annotation.
pub fn set_annotation(object: &mut Value, key: &str, value: &str) {
    child_map(metadata_mut(object), "annotations").insert(key.to_owned(), Value::from(value));
}

/// Sets `metadata.namespace`.
pub fn set_namespace(object: &mut Value, namespace: &str) {
    metadata_mut(object).insert("namespace".to_owned(), Value::from(namespace));
}

/// `kind/namespace/name`, or `kind/name` without a namespace, for messages.
#[must_use]
pub fn describe(object: &Value) -> String {
    match namespace(object) {
        Some(ns) => format!("{}/{}/{}", kind(object), ns, name(object)),
        None => format!("{}/{}", kind(object), name(object)),
    }
}

fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was just made a map")
}

fn child_map<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    as_map(map.entry(key).or_insert_with(|| Value::Object(Map::new())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn setters_make_what_is_missing() {
        let mut object = json!({"kind": "ConfigMap"});
        set_label(&mut object, "a", "1");
        set_annotation(&mut object, "b", "2");
        set_namespace(&mut object, "ns");
        assert_eq!(label(&object, "a"), Some("1"));
        assert_eq!(annotation(&object, "b"), Some("2"));
        assert_eq!(namespace(&object), Some("ns"));
    }

    #[test]
    fn missing_metadata_reads_as_empty() {
        let object = json!({});
        assert_eq!((name(&object), namespace(&object), generation(&object)), ("", None, 0));
        assert!(labels(&object).is_empty() && finalizers(&object).next().is_none());
    }
}
