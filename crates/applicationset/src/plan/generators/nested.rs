//! `matrix` and `merge`: generators made of generators.
//! It must not know any kind of child.

use std::collections::BTreeMap;

use serde_json::Value;

use super::params as child;
use crate::plan::params::{combine, overlay};
use crate::plan::{Engine, Error, MAX_SETS, Params, dialect};

fn children<'a>(body: &'a Value, what: &str) -> Result<&'a [Value], Error> {
    let children = body.get("generators").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if children.len() < 2 {
        return Err(Error::invalid(format!("found less than two generators, {what} needs two; add a generator")));
    }
    Ok(children)
}

/// Every set of the first child with every set of the second, which may use the parameters of the first.
pub(super) async fn matrix(engine: &Engine<'_>, body: &Value, depth: usize) -> Result<Vec<Params>, Error> {
    let [first, second] = children(body, "Matrix")? else {
        return Err(Error::invalid("found more than two generators, Matrix supports only two; nest another Matrix"));
    };
    let mut sets = Vec::new();
    for a in child(engine, first, depth + 1).await? {
        let second = interpolate(engine, second, &a)?;
        for b in child(engine, &second, depth + 1).await? {
            sets.push(join(engine, &a, &b)?);
            if sets.len() > MAX_SETS {
                return Err(Error::invalid(format!(
                    "a Matrix comes to more than {MAX_SETS} parameter sets; narrow it"
                )));
            }
        }
    }
    Ok(sets)
}

fn join(engine: &Engine<'_>, a: &Params, b: &Params) -> Result<Params, Error> {
    if !engine.dialect.nests() {
        return combine(a, b);
    }
    let mut both = b.clone();
    overlay(&mut both, a);
    Ok(both)
}

/// A generator with the parameters of another filled in. Its own `template` is not used within a matrix.
fn interpolate(engine: &Engine<'_>, generator: &Value, params: &Params) -> Result<Value, Error> {
    let mut generator = generator.clone();
    for (_, body) in generator.as_object_mut().into_iter().flatten() {
        if let Some(body) = body.as_object_mut() {
            body.remove("template");
        }
    }
    dialect::value(engine.dialect, &generator, params)
}

/// The sets of the first child, each with the parameters of those of the others that have the same values of the
/// merge keys laid over it. Sets of the others that match none are dropped.
pub(super) async fn merge(engine: &Engine<'_>, body: &Value, depth: usize) -> Result<Vec<Params>, Error> {
    let keys: Vec<&str> =
        body.get("mergeKeys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if keys.is_empty() {
        return Err(Error::invalid("no merge keys were specified, Merge requires at least one; set mergeKeys"));
    }
    let (base, rest) = children(body, "Merge")?.split_first().expect("two at least were just counted");
    let mut sets = child(engine, base, depth + 1).await?;
    by_key(&keys, sets.iter())?;
    for other in rest {
        let over = child(engine, other, depth + 1).await?;
        let over = by_key(&keys, over.iter())?;
        for set in &mut sets {
            let Some(above) = over.get(&key(&keys, set)) else { continue };
            if engine.dialect.nests() {
                overlay(set, above);
            } else {
                set.extend(above.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
        }
    }
    Ok(sets)
}

fn key(keys: &[&str], set: &Params) -> String {
    let values: Vec<&Value> = keys.iter().map(|key| set.get(*key).unwrap_or(&Value::Null)).collect();
    serde_json::to_string(&values).expect("values of JSON can be written")
}

fn by_key<'a>(keys: &[&str], sets: impl Iterator<Item = &'a Params>) -> Result<BTreeMap<String, Params>, Error> {
    let mut found = BTreeMap::new();
    for set in sets {
        let key = key(keys, set);
        if found.insert(key.clone(), set.clone()).is_some() {
            return Err(Error::invalid(format!(
                "the parameters from a generator were not unique by the given mergeKeys, Merge requires all param sets \
                 to be unique: duplicate key was {key}"
            )));
        }
    }
    Ok(found)
}
