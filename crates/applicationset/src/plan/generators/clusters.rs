//! `clusters`: one parameter set for each registered cluster.
//! It must not know how clusters are registered.

use std::collections::BTreeMap;

use mainstay_apimachinery::selector::LabelSelector;
use serde_json::{Map, Value, json};

use super::add_values;
use crate::plan::{Cluster, Engine, Error, Params, params::normalize};

/// Label that every registered cluster has, which a selector may name.
const SECRET_TYPE: &str = mainstay_api::argoproj::SECRET_TYPE;

/// The clusters that the selector matches. The control cluster has no labels unless it is registered: a selector that
/// asks for anything leaves it out.
pub(super) fn params(engine: &Engine<'_>, body: &Value) -> Result<Vec<Params>, Error> {
    let selector = body.get("selector").filter(|selector| !selector.is_null()).cloned().unwrap_or_else(|| json!({}));
    let selector = LabelSelector::from_object(&selector)
        .map_err(|error| Error::invalid(format!("failed to read the selector of a clusters generator: {error}")))?;
    let mut sets = Vec::new();
    for cluster in engine.sources.clusters() {
        let mut labels = strings(&cluster.labels);
        labels.insert(SECRET_TYPE.to_owned(), Value::from("cluster"));
        let matches = if cluster.registered { selector.matches(&labels) } else { selector.is_everything() };
        if matches {
            let mut set = set(&cluster, engine.dialect.nests());
            add_values(engine, body, &mut set)?;
            sets.push(set);
        }
    }
    if body.get("flatList").and_then(Value::as_bool) != Some(true) {
        return Ok(sets);
    }
    if !engine.dialect.nests() {
        return Err(Error::invalid("flatList of a clusters generator gives a list, which needs goTemplate: true"));
    }
    let clusters = sets.into_iter().map(Value::Object).collect();
    Ok(vec![Params::from_iter([("clusters".to_owned(), Value::Array(clusters))])])
}

fn set(cluster: &Cluster, nests: bool) -> Params {
    let mut set = Params::new();
    let mut put = |key: &str, value: &str| drop(set.insert(key.to_owned(), Value::from(value)));
    put("name", &cluster.name);
    put("nameNormalized", &normalize(&cluster.name));
    put("server", &cluster.server);
    put("project", &cluster.project);
    let parts = [("annotations", &cluster.annotations), ("labels", &cluster.labels)];
    if nests {
        let some = parts.into_iter().filter(|(_, map)| !map.is_empty());
        let metadata: Map<String, Value> =
            some.map(|(part, map)| (part.to_owned(), Value::Object(strings(map)))).collect();
        if !metadata.is_empty() {
            set.insert("metadata".to_owned(), Value::Object(metadata));
        }
    } else {
        for (part, map) in parts {
            set.extend(map.iter().map(|(key, value)| (format!("metadata.{part}.{key}"), Value::from(value.as_str()))));
        }
    }
    set
}

fn strings(map: &BTreeMap<String, String>) -> Map<String, Value> {
    map.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect()
}
