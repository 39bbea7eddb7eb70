//! Reads the table of built-in schemas, one definition at a time, when it is first asked for.
//! It must not know what any definition means.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use serde_json::Value;

use crate::schema::openapi::Reader;
use crate::{GroupVersionKind, Schema};

static PACKED: &[u8] = include_bytes!("../../data/builtin-schemas.zlib");

/// Defaults that the table does not carry and that decide the identity of list items: upstream's `+default` markers on
/// the keys of list maps. All other defaults are applied by kind.
const KEY_DEFAULTS: [(&str, &str, &str); 3] = [
    ("io.k8s.api.core.v1.ContainerPort", "protocol", "TCP"),
    ("io.k8s.api.core.v1.ServicePort", "protocol", "TCP"),
    ("io.k8s.api.core.v1.EndpointPort", "protocol", "TCP"),
];

/// Enumerations, which the table does not carry either; see `data/ATTRIBUTION.md`.
static ENUMS: &str = include_str!("../../data/builtin-enums.txt");

struct Table {
    lines: HashMap<&'static str, &'static str>,
    kinds: HashMap<GroupVersionKind, &'static str>,
    built: RwLock<HashMap<&'static str, Arc<Schema>>>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut text = String::new();
    flate2::read::ZlibDecoder::new(PACKED).read_to_string(&mut text).expect("the committed table unpacks");
    // It lives as long as the process, as the index into it does.
    let text: &'static str = Box::leak(text.into_boxed_str());
    let lines: HashMap<_, _> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    let kinds = lines.iter().flat_map(|(name, line)| kinds(line).into_iter().map(|gvk| (gvk, *name))).collect();
    Table { lines, kinds, built: RwLock::default() }
});

/// The name of the definition of a kind, such as `io.k8s.api.apps.v1.Deployment`.
#[must_use]
pub fn definition_name(gvk: &GroupVersionKind) -> Option<&'static str> {
    TABLE.kinds.get(gvk).copied()
}

/// A definition as `OpenAPI`, with `$ref`s that are bare definition names.
#[must_use]
pub fn definition_openapi(name: &str) -> Option<Value> {
    let mut definition: Value = serde_json::from_str(TABLE.lines.get(name)?).expect("the committed table parses");
    for (_, field, default) in KEY_DEFAULTS.iter().filter(|(owner, _, _)| *owner == name) {
        definition["properties"][field]["default"] = Value::from(*default);
    }
    for (field, values) in enums(name) {
        let (field, is_list) = field.strip_suffix("[]").map_or((field, false), |field| (field, true));
        let property = &mut definition["properties"][field];
        let owner = if is_list { &mut property["items"] } else { property };
        owner["enum"] = values.split(' ').map(|value| value.trim_matches('"')).collect();
    }
    Some(definition)
}

/// Fields of a definition that have enumerations, with their values.
fn enums(name: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = ENUMS.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' '));
    lines.filter_map(|line| line.split_once(' '))
}

/// The schema of a definition, with all it refers to.
#[must_use]
pub fn definition(name: &str) -> Option<Arc<Schema>> {
    if let Some(built) = TABLE.built.read().unwrap_or_else(PoisonError::into_inner).get(name) {
        return Some(built.clone());
    }
    let (name, _) = TABLE.lines.get_key_value(name)?;
    // No lock is held while building: building asks for other definitions. Two threads may build the same one; the
    // first to be kept wins.
    let schema = Arc::new(build(name));
    let mut built = TABLE.built.write().unwrap_or_else(PoisonError::into_inner);
    Some(built.entry(name).or_insert(schema).clone())
}

fn build(name: &str) -> Schema {
    let openapi = definition_openapi(name).unwrap_or_default();
    let mut schema = Reader::with_definitions(&definition).read(&openapi);
    schema.definition = Some(name.into());
    schema
}

fn kinds(line: &str) -> Vec<GroupVersionKind> {
    const FIELD: &str = "\"x-kubernetes-group-version-kind\":";
    let Some(start) = line.find(FIELD) else { return Vec::new() };
    let mut values = serde_json::Deserializer::from_str(&line[start + FIELD.len()..]).into_iter::<Value>();
    let list = values.next().and_then(Result::ok).unwrap_or_default();
    list.as_array().into_iter().flatten().filter_map(crate::schema::openapi::group_version_kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_kept_rows_fit_the_table() {
        for line in ENUMS.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let (name, field) = (words.next().unwrap(), words.next().unwrap());
            let line: Value = serde_json::from_str(TABLE.lines.get(name).unwrap_or_else(|| panic!("{name}"))).unwrap();
            let property = &line["properties"][field.trim_end_matches("[]")];
            let type_ = if field.ends_with("[]") { &property["items"]["type"] } else { &property["type"] };
            assert_eq!(type_, "string", "{name} {field}");
        }
        for (name, field, _) in KEY_DEFAULTS {
            let line: Value = serde_json::from_str(TABLE.lines.get(name).unwrap_or_else(|| panic!("{name}"))).unwrap();
            assert_eq!(line["properties"][field]["type"], "string", "{name} {field}");
        }
    }
}
