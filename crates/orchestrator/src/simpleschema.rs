//! SimpleSchema, kro's short way to write a schema, turned into OpenAPI v3 (`pkg/simpleschema` upstream).
//! It must not know about resources or expressions.
//!
//! `field := type [ "|" markers ]`, split on the first bar; a nested map is a struct.

mod markers;
mod types;

use std::collections::BTreeMap;

use mainstay_apimachinery::FieldPath;
use serde_json::{Map, Value, json};

use markers::{Markers, apply};
use types::{FieldType, parse_type};

/// Deepest nesting of types, as upstream.
const MAX_DEPTH: usize = 16;

/// Something in a SimpleSchema that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, below `spec.schema`: `spec.…` or `types.…`.
    pub path: FieldPath,
    /// What, and what would be right.
    pub message: String,
}

/// A field's schema, and whether its parent must have it.
#[derive(Clone, Debug)]
struct Field {
    openapi: Value,
    required: bool,
}

/// Turns a map of fields into an object schema. `types` are the custom types of `schema.types`.
///
/// # Errors
/// Every field that is wrong.
pub fn to_openapi(fields: &Value, types: &Value) -> Result<Value, Vec<Problem>> {
    let mut reader = Reader { custom: BTreeMap::new(), sources: types, open: Vec::new(), problems: Vec::new() };
    let root = FieldPath::root().child("spec");
    if let Some(names) = types.as_object() {
        for name in names.keys() {
            reader.custom_type(name, &FieldPath::root().child("types"));
        }
    }
    let schema = reader.structure(fields, &root, 0);
    if reader.problems.is_empty() { Ok(schema) } else { Err(reader.problems) }
}

struct Reader<'a> {
    custom: BTreeMap<String, Option<Field>>,
    sources: &'a Value,
    open: Vec<String>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, path: &FieldPath, message: impl Into<String>) {
        self.problems.push(Problem { path: path.clone(), message: message.into() });
    }

    fn structure(&mut self, fields: &Value, path: &FieldPath, depth: usize) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        match fields {
            Value::Null => {}
            Value::Object(fields) => {
                for (name, source) in fields {
                    if let Some(field) = self.field(source, &path.child(name), depth) {
                        if field.required {
                            required.push(name.clone());
                        }
                        properties.insert(name.clone(), field.openapi);
                    }
                }
            }
            other => self.problem(path, format!("a map of fields is wanted, not {other}")),
        }
        required.sort();
        object_schema(properties, required)
    }

    fn field(&mut self, source: &Value, path: &FieldPath, depth: usize) -> Option<Field> {
        match source {
            Value::String(text) => self.text_field(text, path, depth),
            Value::Object(_) if depth >= MAX_DEPTH => {
                self.problem(path, format!("types are nested deeper than {MAX_DEPTH}"));
                None
            }
            Value::Object(_) => {
                Some(Field { openapi: with_object_default(self.structure(source, path, depth + 1)), required: false })
            }
            other => {
                self.problem(path, format!("a type such as `string` or a map of fields is wanted, not {other}"));
                None
            }
        }
    }

    fn text_field(&mut self, text: &str, path: &FieldPath, depth: usize) -> Option<Field> {
        let (type_text, marker_text) = text.split_once('|').unwrap_or((text, ""));
        let parsed = parse_type(type_text.trim());
        let markers = Markers::parse(marker_text);
        let (field_type, markers) = match (parsed, markers) {
            (Ok(field_type), Ok(markers)) => (field_type, markers),
            (parsed, markers) => {
                for message in parsed.err().into_iter().chain(markers.err()) {
                    self.problem(path, message);
                }
                return None;
            }
        };
        let mut field = self.typed(&field_type, path, depth)?;
        field.required |= markers.required;
        match apply(&markers, &mut field.openapi) {
            Ok(()) => Some(field),
            Err(message) => {
                self.problem(path, message);
                None
            }
        }
    }

    fn typed(&mut self, field_type: &FieldType, path: &FieldPath, depth: usize) -> Option<Field> {
        if depth > MAX_DEPTH {
            self.problem(path, format!("types are nested deeper than {MAX_DEPTH}"));
            return None;
        }
        let openapi = match field_type {
            FieldType::Atomic(name) => json!({"type": name}),
            FieldType::Object => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
            FieldType::List(item) => json!({"type": "array", "items": self.typed(item, path, depth + 1)?.openapi}),
            FieldType::Map(value) => {
                json!({"type": "object", "additionalProperties": self.typed(value, path, depth + 1)?.openapi})
            }
            FieldType::Custom(name) => return self.custom_type(name, path),
        };
        Some(Field { openapi, required: false })
    }

    fn custom_type(&mut self, name: &str, path: &FieldPath) -> Option<Field> {
        if let Some(known) = self.custom.get(name) {
            return known.clone();
        }
        if self.open.iter().any(|open| open == name) {
            let cycle = self.open.join(" → ");
            self.problem(path, format!("the types refer to each other in a circle: {cycle} → {name}"));
            return None;
        }
        let Some(source) = self.sources.get(name).cloned() else {
            self.problem(path, unknown_type(name, self.sources));
            return None;
        };
        self.open.push(name.to_owned());
        let field = self.field(&source, &FieldPath::root().child("types").child(name), self.open.len());
        self.open.pop();
        self.custom.insert(name.to_owned(), field.clone());
        field
    }
}

fn unknown_type(name: &str, types: &Value) -> String {
    let custom: Vec<&str> = types.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let hint = match name {
        "array" | "list" => "; write `[]string` for a list of strings".to_owned(),
        "map" => "; write `map[string]string` for a map of strings".to_owned(),
        "int" | "number" => "; write `integer` or `float`".to_owned(),
        "bool" => "; write `boolean`".to_owned(),
        _ if custom.is_empty() => "; there are no custom types in schema.types".to_owned(),
        _ => format!("; schema.types has {}", custom.join(", ")),
    };
    format!("there is no type `{name}`{hint}")
}

fn object_schema(properties: Map<String, Value>, required: Vec<String>) -> Value {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), Value::from("object"));
    if !properties.is_empty() {
        schema.insert("properties".to_owned(), Value::Object(properties));
    }
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    Value::Object(schema)
}

/// Gives an object `default: {}`, so that the defaults inside it come true, where nothing in it is required.
fn with_object_default(mut schema: Value) -> Value {
    let defaults = |schema: &Value| {
        let properties = schema.get("properties").and_then(Value::as_object);
        properties.is_some_and(|properties| properties.values().any(|field| field.get("default").is_some()))
    };
    if schema.get("required").is_none() && defaults(&schema) {
        schema["default"] = json!({});
    }
    schema
}

#[cfg(test)]
mod tests;
