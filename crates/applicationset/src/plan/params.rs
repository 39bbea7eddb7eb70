//! Parameter sets: flattening, combining, names made safe, selecting.
//! It must not know which generator a set came from.

use mainstay_apimachinery::selector::LabelSelector;
use serde_json::{Map, Value};

use super::Error;

/// One set of parameters.
pub type Params = Map<String, Value>;

/// How deep values may nest: far beyond any file of parameters.
const MAX_DEPTH: usize = 64;

/// A value as Go prints it with `%v`.
#[must_use]
pub fn in_go(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".to_owned(),
        other => other.to_string(),
    }
}

/// Nested values under dotted keys, as `flatten.DotStyle`: items of lists by their number, empty maps and lists not at
/// all.
///
/// # Errors
/// When it nests too deep.
pub fn flatten(params: &Params) -> Result<Params, Error> {
    let mut flat = Params::new();
    for (key, value) in params {
        flatten_into(&mut flat, key.clone(), value, 0)?;
    }
    Ok(flat)
}

fn flatten_into(flat: &mut Params, key: String, value: &Value, depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(Error::invalid(format!("parameter {key} nests deeper than {MAX_DEPTH}; flatten the file")));
    }
    match value {
        Value::Object(map) => {
            map.iter().try_for_each(|(name, item)| flatten_into(flat, format!("{key}.{name}"), item, depth + 1))
        }
        Value::Array(list) => list
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| flatten_into(flat, format!("{key}.{index}"), item, depth + 1)),
        other => {
            flat.insert(key, Value::String(in_go(other)));
            Ok(())
        }
    }
}

/// Both sets; a key of both must have one value, as `utils.CombineStringMaps`.
///
/// # Errors
/// When a key has two values.
pub fn combine(a: &Params, b: &Params) -> Result<Params, Error> {
    let mut both = a.clone();
    for (key, value) in b {
        if let Some(other) = both.get(key).filter(|other| *other != value) {
            return Err(Error::invalid(format!(
                "found duplicate key {key} with different value, a: {}, b: {}; rename one, such as with pathParamPrefix",
                in_go(other),
                in_go(value)
            )));
        }
        both.insert(key.clone(), value.clone());
    }
    Ok(both)
}

/// Lays one set over another, map by map, as `mergo.Merge` with override: an empty value does not override.
pub fn overlay(base: &mut Params, over: &Params) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => overlay(below, above),
            (Some(_), value) if is_empty(value) => {}
            _ => drop(base.insert(key.clone(), value.clone())),
        }
    }
}

/// Fills what is missing or empty from another map, map by map, as `mergo.Merge`.
pub fn fill(target: &mut Params, from: &Params) {
    for (key, value) in from {
        match (target.get_mut(key), value) {
            (Some(Value::Object(into)), Value::Object(map)) => fill(into, map),
            (Some(present), value) if is_empty(present) => *present = value.clone(),
            (Some(_), _) => {}
            (None, value) => drop(target.insert(key.clone(), value.clone())),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Bool(true) => false,
    }
}

/// A name fit for an object, as `utils.SanitizeName`: lower case, `[-a-z0-9.]`, at most 253 characters, trimmed.
#[must_use]
pub fn normalize(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.' { c } else { '-' };
    let name: String = name.to_lowercase().chars().map(safe).take(253).collect();
    name.trim_matches(['-', '.']).to_owned()
}

/// Keeps the sets that a generator's `selector` matches, by their flattened parameters.
///
/// # Errors
/// When the selector cannot be read.
pub fn select(sets: Vec<Params>, selector: Option<&Value>) -> Result<Vec<Params>, Error> {
    let Some(selector) = selector.filter(|selector| !selector.is_null()) else { return Ok(sets) };
    let selector = LabelSelector::from_object(selector)
        .map_err(|error| Error::invalid(format!("failed to read the generator's selector: {error}")))?;
    let mut kept = Vec::new();
    for set in sets {
        if selector.matches(&flatten(&set)?) {
            kept.push(set);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Params {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn nested_values_get_dotted_keys() {
        let flat = flatten(&map(json!({"a": {"b": 1, "c": [true, "x"]}, "d": null, "e": {}}))).unwrap();
        assert_eq!(Value::Object(flat), json!({"a.b": "1", "a.c.0": "true", "a.c.1": "x", "d": "<nil>"}));
    }

    #[test]
    fn a_key_of_both_sets_must_have_one_value() {
        let (a, b) = (map(json!({"x": "1"})), map(json!({"x": "2"})));
        assert!(combine(&a, &b).unwrap_err().to_string().contains("duplicate key x"));
        assert_eq!(combine(&a, &a).unwrap(), a);
    }

    #[test]
    fn overlays_and_fills_go_map_by_map() {
        let mut base = map(json!({"a": {"b": 1, "c": 2}, "d": "x"}));
        overlay(&mut base, &map(json!({"a": {"b": 3}, "d": ""})));
        assert_eq!(Value::Object(base.clone()), json!({"a": {"b": 3, "c": 2}, "d": "x"}));
        fill(&mut base, &map(json!({"a": {"b": 9, "e": 5}, "f": 1})));
        assert_eq!(Value::Object(base), json!({"a": {"b": 3, "c": 2, "e": 5}, "d": "x", "f": 1}));
    }

    #[test]
    fn names_are_made_safe() {
        assert_eq!(normalize("Team_A/Prod."), "team-a-prod");
        assert_eq!(normalize("in-cluster"), "in-cluster");
    }

    #[test]
    fn a_selector_sees_flattened_parameters() {
        let sets = vec![map(json!({"metadata": {"labels": {"env": "dev"}}})), map(json!({"metadata": {}}))];
        let selector =
            json!({"matchExpressions": [{"key": "metadata.labels.env", "operator": "In", "values": ["dev"]}]});
        assert_eq!(select(sets, Some(&selector)).unwrap().len(), 1);
    }
}
