//! Where fields stand in a document. It must not know any kind.

use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Key;
use crate::FieldPath;

/// The places at which each field of a JSON document stands, counted from its beginning. Nothing of what is no JSON.
#[must_use]
pub fn order(bytes: &[u8]) -> HashMap<String, Vec<usize>> {
    let mut found = HashMap::new();
    let mut count = 0;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let seed = Node { path: &FieldPath::root(), found: &mut found, count: &mut count };
    // Whoever asks has read the document before.
    let _ = seed.deserialize(&mut reader);
    found
}

struct Node<'a> {
    path: &'a FieldPath,
    found: &'a mut HashMap<String, Vec<usize>>,
    count: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        for index in 0.. {
            let path = self.path.index(index);
            let node = Node { path: &path, found: &mut *self.found, count: &mut *self.count };
            if access.next_element_seed(node)?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        while let Some(Key(name)) = access.next_key()? {
            let path = self.path.child(&name);
            *self.count += 1;
            self.found.entry(path.to_string()).or_default().push(*self.count);
            access.next_value_seed(Node { path: &path, found: &mut *self.found, count: &mut *self.count })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_where_they_stand() {
        let found = order(br#"{"z": {"y": 1}, "a": [{"b": 1}, {"b": 2, "b": 3}]}"#);
        assert_eq!(found["z"], [1]);
        assert_eq!(found["z.y"], [2]);
        assert_eq!(found["a[0].b"], [4]);
        assert_eq!(found["a[1].b"], [5, 6]);
    }
}
