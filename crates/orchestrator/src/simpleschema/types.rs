//! Types of SimpleSchema: `string`, `[]T`, `map[string]T`, custom names.
//! It must not know about markers.

/// A parsed type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FieldType {
    /// The OpenAPI name of a scalar.
    Atomic(&'static str),
    /// Any object.
    Object,
    /// A list.
    List(Box<FieldType>),
    /// A map with string keys.
    Map(Box<FieldType>),
    /// A name from `schema.types`.
    Custom(String),
}

/// Parses the text before the bar.
pub(super) fn parse_type(text: &str) -> Result<FieldType, String> {
    if let Some(item) = text.strip_prefix("[]") {
        return Ok(FieldType::List(Box::new(parse_type(item)?)));
    }
    if let Some(rest) = text.strip_prefix("map[") {
        return map_type(text, rest);
    }
    match text {
        "string" => Ok(FieldType::Atomic("string")),
        "integer" => Ok(FieldType::Atomic("integer")),
        "boolean" => Ok(FieldType::Atomic("boolean")),
        "float" => Ok(FieldType::Atomic("number")),
        "object" => Ok(FieldType::Object),
        "" => Err("the type is missing; write `string`, `integer`, `boolean`, `float`, `object`, `[]T`, \
                   `map[string]T` or the name of a custom type"
            .to_owned()),
        name if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => Ok(FieldType::Custom(name.to_owned())),
        other => Err(format!("`{other}` is not a type")),
    }
}

fn map_type(text: &str, rest: &str) -> Result<FieldType, String> {
    let (key, value) = rest.split_once(']').ok_or_else(|| format!("`{text}` lacks a `]`"))?;
    if key != "string" {
        return Err(format!("the keys of a map must be `string`, not `{key}`"));
    }
    Ok(FieldType::Map(Box::new(parse_type(value)?)))
}
