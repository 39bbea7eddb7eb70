//! Markers of SimpleSchema: `required=true default=3 enum=a,b …`.
//! It must not know about nested structs or custom types.

use serde_json::{Map, Number, Value, json};

/// The markers of one field, in the order written.
#[derive(Clone, Debug, Default)]
pub(super) struct Markers {
    /// Whether the parent must have the field.
    pub(super) required: bool,
    entries: Vec<(String, String)>,
}

/// All names a marker can have.
const NAMES: &[&str] = &[
    "required",
    "default",
    "description",
    "minimum",
    "maximum",
    "validation",
    "enum",
    "immutable",
    "pattern",
    "uniqueItems",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "listType",
    "listMapKey",
];

impl Markers {
    /// Parses the text after the bar.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut markers = Self::default();
        for word in words(text)? {
            let (name, value) =
                word.split_once('=').ok_or_else(|| format!("marker `{word}` must be of the form name=value"))?;
            if !NAMES.contains(&name) {
                return Err(format!("there is no marker `{name}`; the markers are {}", NAMES.join(", ")));
            }
            let value = unquote(value);
            match name {
                "required" => markers.required = boolean(name, &value)?,
                _ => markers.entries.push((name.to_owned(), value)),
            }
        }
        Ok(markers)
    }
}

/// Splits on spaces outside of quotes, braces and brackets.
fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let (mut quoted, mut depth) = (false, 0i32);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => {
                word.push(c);
                word.extend(chars.next());
                continue;
            }
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted => depth -= 1,
            c if c.is_whitespace() && !quoted && depth <= 0 => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
                continue;
            }
            _ => {}
        }
        word.push(c);
    }
    if quoted {
        return Err(format!("a quote is not closed in `{}`", text.trim()));
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    Ok(words)
}

/// Takes the quotes off; only `\"` and `\\` are escapes.
fn unquote(value: &str) -> String {
    match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => value.to_owned(),
    }
}

fn boolean(name: &str, value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| format!("marker `{name}` must be true or false, not `{value}`"))
}

fn count(name: &str, value: &str) -> Result<Value, String> {
    let count: u64 = value.parse().map_err(|_| format!("marker `{name}` must be a whole number, not `{value}`"))?;
    Ok(Value::from(count))
}

fn number(name: &str, value: &str) -> Result<Value, String> {
    if let Ok(int) = value.parse::<i64>() {
        return Ok(Value::from(int));
    }
    let float = value.parse::<f64>().ok().and_then(Number::from_f64);
    float.map(Value::Number).ok_or_else(|| format!("marker `{name}` must be a number, not `{value}`"))
}

/// Writes the markers into a schema.
pub(super) fn apply(markers: &Markers, schema: &mut Value) -> Result<(), String> {
    let type_name = schema.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let map = schema.as_object_mut().ok_or("the schema is not an object")?;
    for (name, value) in &markers.entries {
        allowed(name, &type_name)?;
        set(map, &type_name, name, value)?;
    }
    if map.contains_key("x-kubernetes-list-map-keys") && map.get("x-kubernetes-list-type") != Some(&json!("map")) {
        return Err("marker `listMapKey` needs `listType=map`".to_owned());
    }
    Ok(())
}

/// Which markers go with which types.
fn allowed(name: &str, type_name: &str) -> Result<(), String> {
    let wanted: &[&str] = match name {
        "minimum" | "maximum" => &["integer", "number"],
        "pattern" | "minLength" | "maxLength" => &["string"],
        "enum" => &["string", "integer"],
        "minItems" | "maxItems" | "uniqueItems" | "listType" | "listMapKey" => &["array"],
        _ => return Ok(()),
    };
    if wanted.contains(&type_name) {
        return Ok(());
    }
    Err(format!("marker `{name}` goes with {}, not with {type_name}", wanted.join(" and ")))
}

fn set(map: &mut Map<String, Value>, type_name: &str, name: &str, value: &str) -> Result<(), String> {
    let mut put = |key: &str, value: Value| drop(map.insert(key.to_owned(), value));
    match name {
        "default" => put(name, literal(name, type_name, value)?),
        "description" | "pattern" => put(name, Value::from(value)),
        "minimum" | "maximum" => put(name, number(name, value)?),
        "minLength" | "maxLength" | "minItems" | "maxItems" => put(name, count(name, value)?),
        "enum" => put(name, values(type_name, value)?),
        "listType" => put("x-kubernetes-list-type", list_type(value)?),
        "listMapKey" => push(map, "x-kubernetes-list-map-keys", Value::from(value)),
        "uniqueItems" if boolean(name, value)? => put("x-kubernetes-list-type", Value::from("set")),
        "immutable" if boolean(name, value)? => {
            push(map, "x-kubernetes-validations", json!({"rule": "self == oldSelf", "message": "field is immutable"}));
        }
        "validation" => {
            push(map, "x-kubernetes-validations", json!({"rule": value, "message": "validation failed"}));
        }
        _ => {}
    }
    Ok(())
}

fn push(map: &mut Map<String, Value>, key: &str, value: Value) {
    if let Some(list) = map.entry(key).or_insert_with(|| json!([])).as_array_mut() {
        list.push(value);
    }
}

fn list_type(value: &str) -> Result<Value, String> {
    match value {
        "atomic" | "set" | "map" => Ok(Value::from(value)),
        other => Err(format!("marker `listType` must be atomic, set or map, not `{other}`")),
    }
}

fn values(type_name: &str, text: &str) -> Result<Value, String> {
    let values = text.split(',').map(str::trim).map(|value| literal("enum", type_name, value));
    values.collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// A value of the field's type. Strings stand for themselves; objects and lists are JSON.
fn literal(name: &str, type_name: &str, value: &str) -> Result<Value, String> {
    let wrong = || format!("marker `{name}` must be of type {type_name}, not `{value}`");
    match type_name {
        "string" => Ok(Value::from(value)),
        "integer" => value.parse::<i64>().map(Value::from).map_err(|_| wrong()),
        "number" => number(name, value).map_err(|_| wrong()),
        "boolean" => value.parse::<bool>().map(Value::from).map_err(|_| wrong()),
        "array" => serde_json::from_str(value).ok().filter(Value::is_array).ok_or_else(wrong),
        _ => serde_json::from_str(value).ok().filter(Value::is_object).ok_or_else(wrong),
    }
}
