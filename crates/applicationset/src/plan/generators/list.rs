//! `list`: parameter sets written into the generator.
//! It must not know other generators.

use mainstay_apimachinery::yaml;
use serde_json::Value;

use super::text;
use crate::plan::{Engine, Error, Params};

/// The elements, then those of `elementsYaml`.
pub(super) fn params(engine: &Engine<'_>, body: &Value) -> Result<Vec<Params>, Error> {
    let mut sets = Vec::new();
    for element in body.get("elements").and_then(Value::as_array).into_iter().flatten() {
        sets.push(set(engine, element)?);
    }
    let more = text(body, "elementsYaml");
    if !more.trim().is_empty() {
        let parsed = yaml::parse_one(more)
            .map_err(|error| Error::invalid(format!("failed to read elementsYaml of a list generator: {error}")))?;
        let list =
            parsed.value.as_array().ok_or_else(|| Error::invalid("elementsYaml of a list generator is not a list"))?;
        for element in list {
            let element =
                element.as_object().ok_or_else(|| Error::invalid("an element of elementsYaml is not a map"))?;
            sets.push(element.clone());
        }
    }
    Ok(sets)
}

fn set(engine: &Engine<'_>, element: &Value) -> Result<Params, Error> {
    let element = element.as_object().ok_or_else(|| Error::invalid("an element of a list generator is not a map"))?;
    if engine.dialect.nests() {
        return Ok(element.clone());
    }
    let mut set = Params::new();
    for (key, value) in element {
        match value {
            Value::Object(values) if key == "values" => {
                for (name, value) in values {
                    set.insert(format!("values.{name}"), string(name, value)?);
                }
            }
            value => drop(set.insert(key.clone(), string(key, value)?)),
        }
    }
    Ok(set)
}

/// Without Go templates only strings can be rendered, as upstream insists.
fn string(key: &str, value: &Value) -> Result<Value, Error> {
    let string = value.as_str().ok_or_else(|| {
        Error::invalid(format!("parameter {key} of a list generator is not a string; quote it, or set goTemplate"))
    })?;
    Ok(Value::from(string))
}
