//! Short ways to read an object by JSON pointer.
//! It must not know any kind.

use serde_json::Value;

/// Text at a pointer, empty where missing.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A whole number at a pointer, 0 where missing.
pub(super) fn int(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// A list at a pointer, empty where missing.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// How many entries the map or list at a pointer has.
pub(super) fn count(object: &Value, pointer: &str) -> usize {
    match object.pointer(pointer) {
        Some(Value::Object(map)) => map.len(),
        Some(Value::Array(list)) => list.len(),
        _ => 0,
    }
}

/// The status of a condition, such as `True`.
pub(super) fn condition<'a>(object: &'a Value, type_: &str) -> Option<&'a str> {
    list(object, "/status/conditions").iter().find(|c| c["type"] == type_)?.get("status")?.as_str()
}

/// The text, or what upstream shows where it is empty.
pub(super) fn or<'a>(text: &'a str, empty: &'a str) -> &'a str {
    if text.is_empty() { empty } else { text }
}
