//! Values as JSON and YAML, written byte for byte as Go's libraries write them: charts put such texts into ConfigMaps
//! and hash them.

mod json;
mod resolve;
mod scalar;
mod yaml;

use mainstay_apimachinery::yaml as reader;
use serde_json::Value as Json;

pub(crate) use json::write as write_json;
pub use yaml::Style;

use crate::error::Fault;
use crate::format::display;
use crate::value::Value;

/// Any value as a string; Sprig's `strval`.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => display(other),
    }
}

/// As `encoding/json` writes it: keys sorted, and `<`, `>` and `&` escaped if that is asked for.
///
/// # Errors
/// When it is nested without end.
pub fn to_go_json(value: &Value, escape_html: bool) -> Result<String, Fault> {
    Ok(write_json(&value.to_json()?, escape_html, None))
}

/// As `sigs.k8s.io/yaml` writes it, without the newline at the end.
///
/// # Errors
/// When it is nested without end.
pub fn to_go_yaml(value: &Value, style: Style) -> Result<String, Fault> {
    let mut text = yaml::write(&value.to_json()?, style);
    text.truncate(text.strip_suffix('\n').map_or(text.len(), str::len));
    Ok(text)
}

/// Reads one YAML document as `sigs.k8s.io/yaml` does; nothing is `nil`.
///
/// # Errors
/// When it is not YAML, or holds several documents.
pub fn from_yaml(text: &str) -> Result<Value, Fault> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#') || line == "---") {
        return Ok(Value::Nil);
    }
    let document = reader::parse_one_lenient(text).map_err(|error| Fault::new(error.to_string()))?;
    Ok(Value::from(&document.0.value))
}

/// Reads JSON.
///
/// # Errors
/// When it is none.
pub(crate) fn from_json(text: &str) -> Result<Value, Fault> {
    let json: Json = serde_json::from_str(text).map_err(|error| Fault::new(error.to_string()))?;
    Ok(Value::from(&json))
}
