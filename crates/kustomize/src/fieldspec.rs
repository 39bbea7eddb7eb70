//! Walks to the fields that a field spec names, through lists too. As kustomize's `filters/fieldspec`.
//! It must not know what is done to a field.

use serde_json::{Map, Value};

use crate::id::Id;
use crate::kustomization::FieldSpec;

/// Calls `set` with each field that a spec names in an object of its kinds. With `create`, maps on the way are made,
/// and a missing field is handed over as null.
pub(crate) fn each(
    object: &mut Value,
    spec: &FieldSpec,
    set: &mut dyn FnMut(&mut Value) -> Result<(), String>,
) -> Result<(), String> {
    if !spec.gvk.selects(&Id::of(object)) {
        return Ok(());
    }
    walk(object, &parts(&spec.path), spec.create, set)
}

/// The parts of a path, which a slash separates unless a backslash is before it.
pub(crate) fn parts(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for piece in path.split('/') {
        let last = parts.last_mut().expect("there is always one");
        match piece.strip_suffix('\\') {
            Some(piece) => last.push_str(&format!("{piece}/")),
            None => {
                last.push_str(piece);
                parts.push(String::new());
            }
        }
    }
    parts.into_iter().filter(|part| !part.is_empty()).map(|part| part.trim_end_matches("[]").to_owned()).collect()
}

fn walk(
    value: &mut Value,
    path: &[String],
    create: bool,
    set: &mut dyn FnMut(&mut Value) -> Result<(), String>,
) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else { return set(value) };
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| walk(item, path, create, set)),
        Value::Object(map) => {
            if create && !map.contains_key(first) {
                map.insert(first.clone(), if rest.is_empty() { Value::Null } else { Value::Object(Map::new()) });
            }
            match map.get_mut(first) {
                Some(Value::Null) if !rest.is_empty() && !create => Ok(()),
                Some(field) => {
                    if field.is_null() && !rest.is_empty() {
                        *field = Value::Object(Map::new());
                    }
                    walk(field, rest, create, set)
                }
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_goes_through_lists_and_makes_maps() {
        let mut object = json!({"kind": "A", "spec": {"list": [{"name": "x"}, {"name": "y"}]}});
        let spec = |path: &str, create: bool| FieldSpec { path: path.into(), create, ..FieldSpec::default() };
        let mut seen = Vec::new();
        each(&mut object, &spec("spec/list[]/name", false), &mut |field| {
            seen.push(field.clone());
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, [json!("x"), json!("y")]);
        each(&mut object, &spec("metadata/labels/a", true), &mut |field| {
            *field = json!("1");
            Ok(())
        })
        .unwrap();
        assert_eq!(object["metadata"]["labels"]["a"], "1");
    }

    #[test]
    fn a_slash_may_be_escaped() {
        assert_eq!(parts("metadata/annotations/nginx.io\\/auth"), ["metadata", "annotations", "nginx.io/auth"]);
    }
}
