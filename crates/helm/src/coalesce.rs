//! How values of several sources become one: those of the user, of a chart, and of the charts above it.
//! The rules of Helm's `CoalesceValues` and `MergeValues`.

use serde_json::{Map, Value as Json};

use crate::chart::Chart;
use crate::error::Error;

type Values = Map<String, Json>;

/// What becomes of a key that is `null`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// It takes the key away.
    Remove,
    /// It stays, for those who come later.
    Keep,
}

/// The values of a chart and its dependencies, the given ones first.
pub(crate) fn values(chart: &Chart, given: Values, nulls: Nulls) -> Result<Values, Error> {
    let mut values = given;
    own(chart, &mut values, nulls);
    for dependency in &chart.dependencies {
        let name = &dependency.metadata.name;
        let below = values.entry(name.clone()).or_insert_with(|| Json::Object(Map::new()));
        let Json::Object(below) = below.take() else {
            return Err(Error::Values(format!("type mismatch on {name}: the values of a chart must be a map")));
        };
        let below = with_globals(below, &values);
        values.insert(name.clone(), Json::Object(self::values(dependency, below, nulls)?));
    }
    Ok(values)
}

/// Globals of the chart above, beneath those that are there already.
fn with_globals(mut below: Values, above: &Values) -> Values {
    let mut globals = match below.remove("global") {
        None => Map::new(),
        Some(Json::Object(globals)) => globals,
        Some(other) => {
            below.insert("global".to_owned(), other);
            return below;
        }
    };
    let empty = Map::new();
    let from = match above.get("global") {
        None => &empty,
        Some(Json::Object(from)) => from,
        Some(_) => return below,
    };
    for (key, value) in from {
        match (value, globals.get_mut(key)) {
            (Json::Object(value), Some(Json::Object(held))) => {
                // Here those above win.
                let mut merged = value.clone();
                tables(&mut merged, std::mem::take(held), Nulls::Keep);
                *held = merged;
            }
            (Json::Object(_), Some(_)) | (_, Some(Json::Object(_))) => {}
            (value, _) => drop(globals.insert(key.clone(), value.clone())),
        }
    }
    below.insert("global".to_owned(), Json::Object(globals));
    below
}

/// Fills in what the chart itself says.
fn own(chart: &Chart, values: &mut Values, nulls: Nulls) {
    for (key, value) in &chart.values {
        match values.get_mut(key) {
            None => drop(values.insert(key.clone(), value.clone())),
            Some(Json::Null) if nulls == Nulls::Remove => drop(values.remove(key)),
            Some(Json::Object(held)) => {
                if let Json::Object(value) = value {
                    let is_dependency = chart.dependencies.iter().any(|dependency| dependency.metadata.name == *key);
                    tables(held, value.clone(), if is_dependency { Nulls::Keep } else { nulls });
                }
            }
            Some(_) => {}
        }
    }
}

/// Fills in a map from another one; what is there already wins.
pub(crate) fn tables(values: &mut Values, mut from: Values, nulls: Nulls) {
    for (key, value) in values.iter() {
        if value.is_null() {
            from.insert(key.clone(), Json::Null);
        }
    }
    for (key, value) in from {
        match (values.get_mut(&key), value) {
            (Some(Json::Null), _) if nulls == Nulls::Remove => drop(values.remove(&key)),
            (None, value) => drop(values.insert(key, value)),
            (Some(Json::Object(held)), Json::Object(value)) => tables(held, value, nulls),
            _ => {}
        }
    }
}

/// Lays values over others: maps are merged, all else is replaced. How several values files become one.
pub fn overlay(values: &mut Values, over: Values) {
    for (key, value) in over {
        match (values.get_mut(&key), value) {
            (Some(Json::Object(held)), Json::Object(value)) => overlay(held, value),
            (_, value) => drop(values.insert(key, value)),
        }
    }
}

/// Takes away every key that is `null`.
pub(crate) fn trim(values: &mut Values) {
    values.retain(|_, value| !value.is_null());
    for value in values.values_mut() {
        if let Json::Object(inner) = value {
            trim(inner);
        }
    }
}
