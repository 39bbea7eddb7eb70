//! The first sentence of what upstream says of each built-in kind and field, for `kubectl explain`.
//! It must not know schemas. Unlike them, it is unpacked where it is needed and not kept.

use std::io::Read;

use serde_json::{Map, Value};

static PACKED: &[u8] = include_bytes!("../../data/builtin-descriptions.zlib");

/// All descriptions, unpacked.
#[derive(Debug)]
pub struct Descriptions {
    text: String,
}

impl Descriptions {
    /// Unpacks them: a third of a megabyte.
    ///
    /// # Panics
    /// Never: the table is part of the program.
    #[must_use]
    pub fn read() -> Self {
        let mut text = String::new();
        flate2::read::ZlibDecoder::new(PACKED).read_to_string(&mut text).expect("the committed table unpacks");
        Self { text }
    }

    /// Describes a definition, as `OpenAPI`, and its fields.
    pub fn add_to(&self, name: &str, definition: &mut Value) {
        let Some(mut described) = self.of(name) else { return };
        let Some(map) = definition.as_object_mut() else { return };
        if let Some(own) = described.remove("") {
            map.insert("description".to_owned(), own);
        }
        let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) else { return };
        for (field, text) in described {
            if let Some(property) = properties.get_mut(&field).and_then(Value::as_object_mut) {
                property.insert("description".to_owned(), text);
            }
        }
    }

    /// By field; the definition's own stands under the empty name.
    fn of(&self, name: &str) -> Option<Map<String, Value>> {
        let line = self.line(name)?;
        serde_json::from_str(line).ok()
    }

    /// Lines are sorted by name, so the wanted one is found by halves.
    fn line(&self, name: &str) -> Option<&str> {
        let (mut low, mut high) = (0, self.text.len());
        while low < high {
            let before = &self.text.as_bytes()[..usize::midpoint(low, high)];
            let middle = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1).max(low);
            let line = self.text[middle..].lines().next()?;
            let (found, rest) = line.split_once(' ')?;
            match found.cmp(name) {
                std::cmp::Ordering::Equal => return Some(rest),
                std::cmp::Ordering::Less => low = middle + line.len() + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;

    #[test]
    fn kinds_and_fields_are_described() {
        let descriptions = Descriptions::read();
        let name = "io.k8s.api.core.v1.ContainerPort";
        let mut port = builtin::definition_openapi(name).unwrap();
        descriptions.add_to(name, &mut port);
        assert_eq!(port["description"], "ContainerPort represents a network port in a single container.");
        let field = port["properties"]["hostIP"]["description"].as_str().unwrap();
        assert_eq!(field, "What host IP to bind the external port to.");
        for line in descriptions.text.lines() {
            let (name, rest) = line.split_once(' ').unwrap();
            assert_eq!(descriptions.line(name), Some(rest));
            assert!(builtin::definition_openapi(name).is_some(), "{name}");
        }
        assert_eq!(descriptions.line("io.k8s.api.core.v1.None"), None);
    }
}
