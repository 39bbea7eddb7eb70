//! Strategic merge as kustomize does it (`kyaml/yaml/merge2`): by the schemas of built-in kinds; lists of other kinds are
//! replaced. Unlike an API server's, what a patch names in a list comes first.
//! It must not know which object a patch is for.

use mainstay_apimachinery::schema::{ListType, Schema};
use serde_json::{Map, Value};

const DIRECTIVE: &str = "$patch";

/// Lays a patch over an object. `None` if the patch deletes it.
pub(crate) fn merge(schema: Option<&Schema>, original: Value, patch: &Value) -> Option<Value> {
    match (original, patch) {
        (Value::Object(original), Value::Object(patch)) => maps(schema, original, patch).map(Value::Object),
        // Where there was no map, the patch is all there is; its directives are none of it.
        (_, Value::Object(patch)) => maps(schema, Map::new(), patch).map(Value::Object),
        (Value::Array(original), Value::Array(patch)) => Some(Value::Array(lists(schema, original, patch))),
        (_, Value::Array(patch)) => Some(Value::Array(lists(schema, Vec::new(), patch))),
        (_, patch) => Some(patch.clone()),
    }
}

fn maps(
    schema: Option<&Schema>,
    mut original: Map<String, Value>,
    patch: &Map<String, Value>,
) -> Option<Map<String, Value>> {
    match patch.get(DIRECTIVE).and_then(Value::as_str) {
        Some("delete") => return None,
        Some("replace") => original.clear(),
        _ => {}
    }
    for (name, value) in patch.iter().filter(|(name, _)| *name != DIRECTIVE) {
        let old = original.remove(name).unwrap_or(Value::Null);
        let field = schema.and_then(|schema| {
            schema.properties.get(name).or(schema.additional_properties.as_ref()).map(AsRef::as_ref)
        });
        if let Some(merged) = merge(field, old, value).filter(|_| !value.is_null()) {
            original.insert(name.clone(), merged);
        }
    }
    Some(original)
}

/// The keys by which the items of a list are told apart, if the list merges.
fn keys(schema: &Schema) -> Option<Vec<&str>> {
    let merges = schema.patch_strategy.as_deref().is_some_and(|strategy| strategy.split(',').any(|s| s == "merge"));
    let key = schema.patch_merge_key.as_deref().filter(|_| merges)?;
    Some(match &schema.list_type {
        ListType::Map(keys) => keys.iter().map(String::as_str).collect(),
        _ => vec![key],
    })
}

fn lists(schema: Option<&Schema>, mut original: Vec<Value>, patch: &[Value]) -> Vec<Value> {
    let items = schema.and_then(|schema| schema.items.as_deref());
    let fresh = |patch: &[Value]| patch.iter().filter_map(|item| merge(items, Value::Null, item)).collect::<Vec<_>>();
    let replaces = |item: &Value| {
        item.get(DIRECTIVE).is_some_and(|directive| directive == "replace")
            && item.as_object().is_some_and(|map| map.len() == 1)
    };
    if patch.iter().any(replaces) {
        let rest: Vec<Value> = patch.iter().filter(|item| !replaces(item)).cloned().collect();
        return fresh(&rest);
    }
    let Some(keys) = schema.and_then(keys) else {
        return if is_set(schema) { union(original, patch) } else { fresh(patch) };
    };
    let identity = |item: &Value| keys.iter().map(|key| item.get(*key).cloned()).collect::<Vec<_>>();
    let mut merged = Vec::new();
    for item in patch {
        let at = original.iter().position(|old| identity(old) == identity(item));
        let old = at.map_or(Value::Null, |at| original.remove(at));
        merged.extend(merge(items, old, item));
    }
    merged.extend(original);
    merged
}

/// Whether a list of scalars merges.
fn is_set(schema: Option<&Schema>) -> bool {
    schema.is_some_and(|schema| {
        schema.patch_merge_key.is_none() && schema.patch_strategy.as_deref().is_some_and(|strategy| strategy == "merge")
    })
}

fn union(original: Vec<Value>, patch: &[Value]) -> Vec<Value> {
    let mut all = patch.to_vec();
    all.extend(original.into_iter().filter(|item| !patch.contains(item)));
    all
}
