//! Strategic merge patch: lists merge by key as the schema says, and directives delete, replace and order.
//! Follows upstream's `strategicpatch.StrategicMergeMapPatch`. It must not know any kind.

use serde_json::{Map, Value};

use super::PatchError;
use super::order::{arrange, same};
use crate::schema::{ListType, Schema};

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ORDER: &str = "$setElementOrder/";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

/// Applies a strategic merge patch. How a list merges comes from `patchStrategy` and `patchMergeKey` of its schema, or,
/// where the schema has neither, from `x-kubernetes-list-type` and its keys; any other list is replaced.
///
/// # Errors
/// [`PatchError::Decode`] when the patch is not a map, [`PatchError::MissingMergeKey`] and [`PatchError::Directive`].
pub fn strategic_merge_patch(schema: &Schema, original: &Value, patch: &Value) -> Result<Value, PatchError> {
    let Value::Object(patch) = patch else {
        return Err(PatchError::Decode("a strategic merge patch must be an object".to_owned()));
    };
    let mut merged = original.as_object().cloned().unwrap_or_default();
    merge_map(&mut merged, patch, Some(schema))?;
    Ok(Value::Object(merged))
}

fn merge_map(
    original: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    schema: Option<&Schema>,
) -> Result<(), PatchError> {
    match patch.get(PATCH).map(|directive| directive.as_str().unwrap_or_default()) {
        None | Some("merge") => {}
        Some("replace") => {
            *original = without_directives(patch);
            return Ok(());
        }
        Some("delete") => {
            original.clear();
            return Ok(());
        }
        Some(other) => return Err(unknown_directive(other)),
    }
    retain_keys(original, patch)?;
    for (name, order) in patch.iter().filter_map(|(k, v)| Some((k.strip_prefix(SET_ORDER)?, v))) {
        merge_ordered(original, patch, name, (order, field(schema, name)))?;
    }
    for (name, value) in patch {
        if let Some(name) = name.strip_prefix(DELETE_FROM) {
            delete_items(original, name, value)?;
        } else if !name.starts_with('$') && !patch.contains_key(&format!("{SET_ORDER}{name}")) {
            merge_field(original, name, value, field(schema, name))?;
        }
    }
    Ok(())
}

fn merge_field(
    original: &mut Map<String, Value>,
    name: &str,
    patch: &Value,
    schema: Option<&Schema>,
) -> Result<(), PatchError> {
    match (original.get_mut(name), patch) {
        (_, Value::Null) => {
            original.remove(name);
        }
        (Some(Value::Object(live)), Value::Object(patch)) if !strategy(schema, "replace") => {
            merge_map(live, patch, schema)?
        }
        (Some(Value::Array(live)), Value::Array(patch)) => {
            if let Some(keys) = merge_keys(schema) {
                *live = merge_list(std::mem::take(live), patch, &keys, items(schema))?;
            } else {
                *live = clean_list(patch);
            }
        }
        // Where there is nothing to delete or to replace, upstream takes nothing from the patch either.
        (_, Value::Object(patch)) if matches!(patch.get(PATCH).and_then(Value::as_str), Some("delete" | "replace")) => {
            original.insert(name.to_owned(), Value::Object(Map::new()));
        }
        (_, patch) => {
            original.insert(name.to_owned(), clean(patch));
        }
    }
    Ok(())
}

/// Merges a field that has a `$setElementOrder` beside it, then puts the list into that order.
fn merge_ordered(
    original: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    name: &str,
    (order, schema): (&Value, Option<&Schema>),
) -> Result<(), PatchError> {
    let Value::Array(order) = order else {
        return Err(PatchError::Directive(format!("{SET_ORDER}{name} must be a list")));
    };
    let keys = merge_keys(schema).unwrap_or_default();
    let listed = |item: &Value| is_special(item) || order.iter().any(|o| same(o, item, &keys));
    if let Some(stray) = list(patch.get(name)).iter().find(|item| !listed(item)) {
        return Err(PatchError::Directive(format!(
            "The order in patch list: {stray} doesn't match {SET_ORDER}{name} list"
        )));
    }
    let live = list(original.get(name)).to_vec();
    if let Some(value) = patch.get(name) {
        merge_field(original, name, value, schema)?;
    }
    if let Some(Value::Array(merged)) = original.get_mut(name) {
        *merged = arrange(std::mem::take(merged), order, &live, &keys);
    }
    Ok(())
}

fn merge_list(
    live: Vec<Value>,
    patch: &[Value],
    keys: &[String],
    schema: Option<&Schema>,
) -> Result<Vec<Value>, PatchError> {
    if !live.iter().chain(patch).any(Value::is_object) {
        let mut merged = live.clone();
        for item in patch {
            if !merged.contains(item) {
                merged.push(item.clone());
            }
        }
        return Ok(arrange(merged, patch, &live, keys));
    }
    if keys.is_empty() {
        return Err(PatchError::Directive("cannot merge lists without merge key".to_owned()));
    }
    let live = apply_special(live, patch, keys)?;
    let mut merged = live.clone();
    let plain: Vec<Value> = patch.iter().filter(|item| !is_special(item)).cloned().collect();
    for item in &plain {
        check_keys(item, keys)?;
        match (merged.iter_mut().find(|m| same(m, item, keys)), item) {
            (Some(Value::Object(found)), Value::Object(item)) => merge_map(found, item, schema)?,
            _ => merged.push(clean(item)),
        }
    }
    Ok(arrange(merged, &plain, &live, keys))
}

/// What is left of the live list once the items of the patch that carry `$patch` have done their work.
fn apply_special(mut live: Vec<Value>, patch: &[Value], keys: &[String]) -> Result<Vec<Value>, PatchError> {
    for item in patch.iter().filter(|item| is_special(item)) {
        match item.get(PATCH).and_then(Value::as_str).unwrap_or_default() {
            "delete" => {
                check_keys(item, keys)?;
                live.retain(|l| !same(l, item, keys));
            }
            "replace" => return Ok(Vec::new()),
            "merge" => {
                return Err(PatchError::Directive("merging lists cannot yet be specified in the patch".to_owned()));
            }
            other => return Err(unknown_directive(other)),
        }
    }
    Ok(live)
}

fn check_keys(item: &Value, keys: &[String]) -> Result<(), PatchError> {
    // Of several keys only the first must be there; the others have defaults, as `protocol` has.
    match keys.first().filter(|key| item.get(key.as_str()).is_none()) {
        Some(key) => Err(PatchError::MissingMergeKey { item: item.clone(), key: key.clone() }),
        None => Ok(()),
    }
}

fn retain_keys(original: &mut Map<String, Value>, patch: &Map<String, Value>) -> Result<(), PatchError> {
    let Some(retained) = patch.get(RETAIN_KEYS) else { return Ok(()) };
    let kept = |name: &str| list(Some(retained)).iter().any(|k| k.as_str() == Some(name));
    if !retained.is_array() || patch.iter().any(|(k, v)| !v.is_null() && !k.starts_with('$') && !kept(k)) {
        return Err(PatchError::Directive("invalid patch format of retainKeys".to_owned()));
    }
    original.retain(|name, _| kept(name));
    Ok(())
}

fn delete_items(original: &mut Map<String, Value>, name: &str, deleted: &Value) -> Result<(), PatchError> {
    let Value::Array(deleted) = deleted else {
        return Err(PatchError::Directive(format!("{DELETE_FROM}{name} must be a list")));
    };
    if let Some(Value::Array(live)) = original.get_mut(name) {
        live.retain(|item| !deleted.contains(item));
    }
    Ok(())
}

fn field<'a>(schema: Option<&'a Schema>, name: &str) -> Option<&'a Schema> {
    schema?.field(name).map(AsRef::as_ref)
}

fn items(schema: Option<&Schema>) -> Option<&Schema> {
    schema?.items.as_deref()
}

fn strategy(schema: Option<&Schema>, wanted: &str) -> bool {
    let strategies = schema.and_then(|s| s.patch_strategy.as_deref()).unwrap_or_default();
    strategies.split(',').any(|strategy| strategy == wanted)
}

/// The keys a list merges by: none for scalars. `None` for a list that is replaced.
fn merge_keys(schema: Option<&Schema>) -> Option<Vec<String>> {
    let schema = schema?;
    if strategy(Some(schema), "merge") {
        return Some(schema.patch_merge_key.iter().cloned().collect());
    }
    match &schema.list_type {
        ListType::Map(keys) if schema.patch_strategy.is_none() => Some(keys.clone()),
        ListType::Set if schema.patch_strategy.is_none() => Some(Vec::new()),
        _ => None,
    }
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn is_special(item: &Value) -> bool {
    item.get(PATCH).is_some()
}

fn unknown_directive(directive: &str) -> PatchError {
    PatchError::Directive(format!("unknown patch directive {PATCH}: {directive:?}; use delete, replace or merge"))
}

/// A value taken over from the patch: directives and nulls are gone.
fn clean(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(without_directives(map)),
        Value::Array(items) => Value::Array(clean_list(items)),
        other => other.clone(),
    }
}

fn without_directives(map: &Map<String, Value>) -> Map<String, Value> {
    let fields = map.iter().filter(|(name, value)| !is_directive(name) && !value.is_null());
    fields.map(|(name, value)| (name.clone(), clean(value))).collect()
}

fn is_directive(name: &str) -> bool {
    name == PATCH || name == RETAIN_KEYS || name.starts_with(SET_ORDER) || name.starts_with(DELETE_FROM)
}

fn clean_list(items: &[Value]) -> Vec<Value> {
    items.iter().filter(|item| !is_special(item)).map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    fn object(fields: &[(&str, Schema)]) -> Schema {
        let properties = fields.iter().map(|(name, schema)| ((*name).to_owned(), Arc::new(schema.clone()))).collect();
        Schema { properties, ..Schema::default() }
    }

    fn merged_by(key: Option<&str>, items: Schema) -> Schema {
        Schema {
            patch_strategy: Some("merge".to_owned()),
            patch_merge_key: key.map(str::to_owned),
            items: Some(Arc::new(items)),
            ..Schema::default()
        }
    }

    fn schema() -> Schema {
        let env = merged_by(Some("name"), Schema::default());
        let container = object(&[("env", env), ("ports", by_list_type())]);
        object(&[
            ("containers", merged_by(Some("name"), container)),
            ("finalizers", merged_by(None, Schema::default())),
        ])
    }

    fn by_list_type() -> Schema {
        let keys = vec!["port".to_owned(), "protocol".to_owned()];
        Schema { list_type: ListType::Map(keys), items: Some(Arc::default()), ..Schema::default() }
    }

    fn patched(live: &Value, patch: Value) -> Value {
        strategic_merge_patch(&schema(), live, &patch).unwrap()
    }

    fn live() -> Value {
        json!({
            "containers": [
                {"name": "web", "image": "web:1", "args": ["a"], "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
                {"name": "log", "image": "log:1"},
            ],
            "finalizers": ["x/a", "x/b"],
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
        })
    }

    #[test]
    fn lists_merge_by_key_and_keep_their_order() {
        let patch = json!({"containers": [{"name": "web", "image": "web:2", "args": ["b"], "env": [{"name": "A", "value": "9"}]}, {"name": "new"}]});
        let result = patched(&live(), patch);
        let names: Vec<_> =
            result["containers"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["web", "new", "log"]);
        assert_eq!(result["containers"][0]["args"], json!(["b"]));
        assert_eq!(result["containers"][0]["env"], json!([{"name": "A", "value": "9"}, {"name": "B", "value": "2"}]));
    }

    #[test]
    fn directives_delete_replace_and_order() {
        let deleted = patched(&live(), json!({"containers": [{"name": "log", "$patch": "delete"}]}));
        assert_eq!(deleted["containers"].as_array().unwrap().len(), 1);
        let replaced = patched(&live(), json!({"containers": [{"$patch": "replace"}, {"name": "only"}]}));
        assert_eq!(replaced["containers"], json!([{"name": "only"}]));
        let ordered = patched(&live(), json!({"$setElementOrder/containers": [{"name": "log"}, {"name": "web"}]}));
        assert_eq!(ordered["containers"][0]["name"], "log");
        let order = json!({"$setElementOrder/finalizers": ["x/c", "x/b"], "finalizers": ["x/c"], "$deleteFromPrimitiveList/finalizers": ["x/a"]});
        assert_eq!(patched(&live(), order)["finalizers"], json!(["x/c", "x/b"]));
        let retained = patched(&live(), json!({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}));
        assert_eq!(retained["strategy"], json!({"type": "Recreate"}));
        let map =
            patched(&live(), json!({"strategy": {"$patch": "replace", "type": "Recreate", "rollingUpdate": null}}));
        assert_eq!(map["strategy"], json!({"type": "Recreate"}));
        assert_eq!(patched(&live(), json!({"strategy": {"$patch": "delete"}}))["strategy"], json!({}));
        assert_eq!(patched(&live(), json!({"strategy": null})).get("strategy"), None);
    }

    #[test]
    fn list_type_is_the_fallback() {
        let live = json!({"containers": [{"name": "web", "ports": [{"port": 53, "protocol": "TCP"}]}]});
        let patch = json!({"containers": [{"name": "web", "ports": [{"port": 53, "protocol": "UDP"}]}]});
        assert_eq!(patched(&live, patch)["containers"][0]["ports"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn refuses_malformed_patches() {
        let refused = |patch: Value| strategic_merge_patch(&schema(), &live(), &patch).unwrap_err();
        assert!(matches!(refused(json!({"containers": [{"image": "x"}]})), PatchError::MissingMergeKey { .. }));
        assert!(matches!(refused(json!({"strategy": {"$patch": "bogus"}})), PatchError::Directive(_)));
        assert!(matches!(refused(json!({"strategy": {"$retainKeys": [], "type": "x"}})), PatchError::Directive(_)));
        assert!(matches!(refused(json!([])), PatchError::Decode(_)));
        let unordered = json!({"$setElementOrder/finalizers": ["x/b"], "finalizers": ["x/c"]});
        assert!(matches!(refused(unordered), PatchError::Directive(_)));
    }
}
