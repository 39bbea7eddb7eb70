//! The hash of its content that a generated object's name ends with. As kustomize's `api/hasher`, to the byte.
//! It must not know who refers to the name; see `references.rs`.

use mainstay_apimachinery::object;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::resource::Resource;

/// Letters of the hash.
const LENGTH: usize = 10;

/// Adds hashes to the names that need one.
pub(crate) fn add(resources: &mut [Resource]) {
    for resource in resources.iter_mut().filter(|resource| resource.needs_hash) {
        let hash = hash(&resource.object);
        resource.change(|object| {
            let name = format!("{}-{hash}", object::name(object));
            object::metadata_mut(object).insert("name".to_owned(), name.into());
        });
    }
}

fn hash(value: &Value) -> String {
    let digest = Sha256::digest(encoded(value));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.chars().take(LENGTH).map(mangled).collect()
}

/// No vowels, and nothing that is mistaken for one, so that no words come about.
fn mangled(letter: char) -> char {
    match letter {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        letter => letter,
    }
}

fn encoded(value: &Value) -> String {
    let kind = object::kind(value);
    let field = |name: &str| value.get(name).cloned().unwrap_or_else(|| "".into());
    let mut parts: Map<String, Value> = Map::new();
    parts.insert("kind".to_owned(), kind.into());
    // Upstream leaves the name out of what it hashes, but not its field.
    parts.insert("name".to_owned(), "".into());
    parts.insert("data".to_owned(), field("data"));
    match kind {
        "ConfigMap" => parts.extend(value.get("binaryData").map(|data| ("binaryData".to_owned(), data.clone()))),
        "Secret" => {
            parts.insert("type".to_owned(), field("type"));
            parts.extend(value.get("stringData").map(|data| ("stringData".to_owned(), data.clone())));
        }
        _ => return escaped(&value.to_string()),
    }
    escaped(&json!(parts).to_string())
}

/// As Go writes JSON: what HTML would take for markup is written as numbers.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => escaped.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_kustomize() {
        let config = json!({"kind": "ConfigMap", "metadata": {"name": "p-cfg"}, "data": {"A": "1", "B": "two words"}});
        assert_eq!(hash(&config), "5gttg69dkf");
    }
}
