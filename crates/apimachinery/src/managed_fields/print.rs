//! Values as Go prints them in the errors of structured-merge-diff. It must not know schemas.

use serde_json::Value;

/// The Go type of a decoded value: `%T`.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// A value in a pointer to a struct: `%v`, such as `&{[a 1]}`.
pub(super) fn pointer(value: &Value) -> String {
    format!("&{{{}}}", plain(value))
}

/// A value in Go syntax: `%#v`.
pub(super) fn in_syntax(value: &Value) -> String {
    format!("&value.valueUnstructured{{Value:{}}}", syntax(value))
}

/// A value alone: `%v`, such as `map[a:1]`.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", joined(items.iter().map(plain), " ")),
        Value::Object(map) => {
            let fields = map.iter().map(|(name, value)| format!("{name}:{}", plain(value)));
            format!("map[{}]", joined(fields, " "))
        }
        other => other.to_string(),
    }
}

fn syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Array(items) => format!("[]interface {{}}{{{}}}", joined(items.iter().map(syntax), ", ")),
        Value::Object(map) => {
            let fields = map.iter().map(|(name, value)| format!("{name:?}:{}", syntax(value)));
            format!("map[string]interface {{}}{{{}}}", joined(fields, ", "))
        }
        other => other.to_string(),
    }
}

fn joined(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}
