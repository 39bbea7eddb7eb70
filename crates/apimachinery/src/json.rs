//! Reads JSON as the API server does: keeping a list of duplicate fields, and numbers as Go prints them.
//! It must not know any kind.

mod order;
mod syntax;

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::FieldPath;

pub use order::order;
pub use syntax::syntax_error;

/// A parsed document and what was odd in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The value; of duplicate fields the last one counts.
    pub value: Value,
    /// Fields that stand twice in one object, in the order they were met.
    pub duplicates: Vec<FieldPath>,
}

/// Parses one JSON document.
///
/// # Errors
/// If it is not JSON, is nested deeper than 128 levels, or something follows it.
pub fn decode(bytes: &[u8]) -> Result<Decoded, serde_json::Error> {
    let mut duplicates = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Node { place: &Place::Root, duplicates: &mut duplicates }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(Decoded { value, duplicates })
}

/// As [`decode`].
///
/// # Errors
/// In the words of Go's decoder, where it refuses the same.
pub fn decode_as_go(bytes: &[u8]) -> Result<Decoded, String> {
    decode(bytes).map_err(|error| syntax_error(bytes).unwrap_or_else(|| error.to_string()))
}

/// A scalar's JSON as Go's encoder writes it: what HTML would read is escaped.
#[must_use]
pub fn scalar_as_go(scalar: &Value) -> String {
    scalar.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// A key as part of a JSON pointer (RFC 6901).
#[must_use]
pub fn pointer_token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Turns floats without a fraction into integers, at every depth: Go prints `1.0` as `1`.
pub fn normalise_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|_| number.is_f64()).and_then(as_integer) {
                *number = whole;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(normalise_numbers),
        Value::Object(map) => map.values_mut().for_each(normalise_numbers),
        _ => {}
    }
}

/// The integer a float stands for. From 1e21 on, Go prints floats with an exponent, so they stay floats.
fn as_integer(number: f64) -> Option<Number> {
    // 2^53: up to here every whole float is one integer only.
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then(|| Number::from(number as i64))
}

struct Node<'a> {
    place: &'a Place<'a>,
    duplicates: &'a mut Vec<FieldPath>,
}

/// Where in the document a value is. It becomes a path only where there is something to tell.
enum Place<'a> {
    Root,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    fn path(&self) -> FieldPath {
        match self {
            Self::Root => FieldPath::root(),
            Self::Field(parent, name) => parent.path().child(name),
            Self::Item(parent, index) => parent.path().index(*index),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(as_integer(value).map_or_else(|| value.into(), Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let place = Place::Item(self.place, list.len());
            let Some(item) = access.next_element_seed(Node { place: &place, duplicates: self.duplicates })? else {
                return Ok(Value::Array(list));
            };
            list.push(item);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(Key(name)) = access.next_key()? {
            let place = Place::Field(self.place, &name);
            let value = access.next_value_seed(Node { place: &place, duplicates: self.duplicates })?;
            match map.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                Entry::Occupied(mut entry) => {
                    self.duplicates.push(Place::Field(self.place, entry.key()).path());
                    entry.insert(value);
                }
            }
        }
        Ok(Value::Object(map))
    }
}

struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn duplicates_are_listed_and_the_last_counts() {
        let decoded = decode(br#"{"a": {"b": 1, "b": 2}, "l": [{"c": 1, "c": 1}], "a": {"b": 3}}"#).unwrap();
        assert_eq!(decoded.value, json!({"a": {"b": 3}, "l": [{"c": 1}]}));
        let paths: Vec<&str> = decoded.duplicates.iter().map(FieldPath::as_str).collect();
        assert_eq!(paths, ["a.b", "l[0].c", "a"]);
    }

    #[test]
    fn numbers_are_as_go_prints_them() {
        let decoded = decode(br#"[1.0, 1.5, 1e3, -0.0, 9223372036854775807, 1e300]"#).unwrap();
        assert_eq!(decoded.value.to_string(), "[1,1.5,1000,0,9223372036854775807,1e+300]");
        assert!(decode(b"{} {}").is_err());
        assert!(decode("[".repeat(200).as_bytes()).is_err());
    }
}
