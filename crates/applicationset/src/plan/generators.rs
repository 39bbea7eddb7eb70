//! From a generator to its parameter sets, whichever kind it is.
//! It must not know what the parameters are rendered into.

mod clusters;
mod decision;
mod git;
mod host;
mod list;
mod nested;
mod plugin;
pub(super) mod pull_request;
mod scm;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};

use super::{Engine, Error, MAX_NESTING, MAX_SETS, Params, params};

/// Every kind of generator that upstream knows.
const KINDS: [&str; 9] =
    ["list", "clusters", "git", "scmProvider", "pullRequest", "clusterDecisionResource", "plugin", "matrix", "merge"];

/// The kind of a generator.
fn kind(generator: &Value) -> Result<&'static str, Error> {
    let fields = generator.as_object().ok_or_else(|| Error::invalid("a generator is not a map"))?;
    let mut kinds = KINDS.into_iter().filter(|kind| fields.contains_key(*kind));
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => Ok(kind),
        (Some(one), Some(other)) => {
            Err(Error::invalid(format!("a generator is both {one} and {other}; write two generators")))
        }
        (None, _) => {
            let given: Vec<&str> = fields.keys().map(String::as_str).collect();
            Err(Error::invalid(format!(
                "a generator has none of the known kinds ({}), but {}",
                KINDS.join(", "),
                if given.is_empty() { "no field".to_owned() } else { given.join(", ") }
            )))
        }
    }
}

/// What stands under a generator's kind.
pub(super) fn body(generator: &Value) -> Result<&Value, Error> {
    let kind = kind(generator)?;
    Ok(generator.get(kind).unwrap_or(&Value::Null))
}

/// The parameter sets of a generator, those its selector leaves out not among them.
pub(super) fn params<'a>(
    engine: &'a Engine<'a>,
    generator: &'a Value,
    depth: usize,
) -> BoxFuture<'a, Result<Vec<Params>, Error>> {
    async move {
        if depth > MAX_NESTING {
            return Err(Error::invalid(format!("generators nest deeper than {MAX_NESTING}")));
        }
        let body = body(generator)?;
        let sets = match kind(generator)? {
            "list" => list::params(engine, body)?,
            "clusters" => clusters::params(engine, body)?,
            "git" => git::params(engine, body).await?,
            "clusterDecisionResource" => decision::params(engine, body).await?,
            "plugin" => plugin::params(engine, body).await?,
            "matrix" => nested::matrix(engine, body, depth).await?,
            "merge" => nested::merge(engine, body, depth).await?,
            "scmProvider" => scm::params(engine, body).await?,
            _ => pull_request::params(engine, body).await?,
        };
        if sets.len() > MAX_SETS {
            return Err(Error::invalid(format!("a generator comes to more than {MAX_SETS} parameter sets; narrow it")));
        }
        params::select(sets, generator.get("selector"))
    }
    .boxed()
}

/// A text of a generator; empty where there is none.
fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Adds a generator's `values`, rendered with the parameters so far, as `appendTemplatedValues`.
fn add_values(engine: &Engine<'_>, body: &Value, params: &mut Params) -> Result<(), Error> {
    let Some(values) = body.get("values").and_then(Value::as_object) else { return Ok(()) };
    let mut rendered = Map::new();
    for (key, value) in values {
        let value =
            value.as_str().ok_or_else(|| Error::invalid(format!("value {key} of a generator is not a string")))?;
        rendered.insert(key.clone(), Value::String(engine.dialect.text(value, params)?));
    }
    if engine.dialect.nests() {
        params.insert("values".to_owned(), Value::Object(rendered));
    } else {
        params.extend(rendered.into_iter().map(|(key, value)| (format!("values.{key}"), value)));
    }
    Ok(())
}
