//! Actions by users' scripts: which there are for an object, and what one of them changes. As upstream's
//! `ExecuteResourceActionDiscovery` and `ExecuteResourceAction`.
//!
//! It must not know which script is for which kind, nor how a change is written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::reshape::reshape;
use crate::vm::{Returned, Script, World};

/// An action that can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Whether it makes no sense in the object's present state.
    #[serde(default)]
    pub disabled: bool,
    /// What to show, if not the name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    /// Classes of the icon, such as `fa fa-fw fa-play`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub icon_class: String,
    /// What it can be given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Parameter>,
}

/// A parameter of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Its type, in whatever words the script's author chose.
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The value to offer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub default: String,
}

/// What to do with a resource that an action made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// It is new.
    Create,
    /// It is live, and to become what it is here.
    Patch,
}

/// A resource that an action makes or changes, whole.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Impacted {
    /// What to do.
    pub operation: Operation,
    /// The resource as it is to be.
    pub resource: Value,
}

/// The actions that a discovery script offers, by name.
pub(crate) fn discover(script: &Script<'_>, world: &World<'_>) -> Result<BTreeMap<String, Action>, Error> {
    let found = match script.run(world)? {
        Returned::Table(Value::Object(found)) => found,
        // An empty table, or what upstream fails to read.
        Returned::Table(Value::Array(items)) if items.is_empty() => return Ok(BTreeMap::new()),
        Returned::Table(_) => return Err(script.bad("actions have to be named: actions[\"restart\"] = {}")),
        Returned::Nil => return Err(Error::NoTable { script: script.name.to_owned(), found: "nil" }),
    };
    let named = found.into_iter().map(|(name, value)| Ok((name.clone(), offered(script, name, value)?)));
    named.collect()
}

fn offered(script: &Script<'_>, name: String, value: Value) -> Result<Action, Error> {
    match value {
        // An empty table has nothing to say; nor has a list, as upstream's own scripts write one.
        Value::Array(_) => Ok(Action { name, ..Action::default() }),
        Value::Object(mut fields) => {
            let params = fields.get("params").and_then(Value::as_array).is_some_and(|params| !params.is_empty());
            if !params {
                fields.remove("params");
            }
            let read = Action::deserialize(Value::Object(fields));
            let mut action = read.map_err(|error| script.bad(format!("action {name}: {error}")))?;
            action.name = name;
            Ok(action)
        }
        _ => Err(script.bad(format!("action {name} is not a table"))),
    }
}

/// Runs an action's script. `object` is what it was given.
pub(crate) fn run(script: &Script<'_>, world: &World<'_>, object: &Value) -> Result<Vec<Impacted>, Error> {
    let mut impacted = match script.run(world)? {
        Returned::Nil => return Err(Error::NoTable { script: script.name.to_owned(), found: "nil" }),
        Returned::Table(Value::Array(items)) => {
            let read = items.into_iter().map(|item| impacted(script, item));
            read.collect::<Result<Vec<_>, _>>()?
        }
        Returned::Table(resource) => vec![Impacted { operation: Operation::Patch, resource }],
    };
    for one in &mut impacted {
        if one.operation == Operation::Patch {
            reshape(&mut one.resource, object);
        }
        identified(script, &one.resource)?;
    }
    Ok(impacted)
}

fn impacted(script: &Script<'_>, item: Value) -> Result<Impacted, Error> {
    Impacted::deserialize(item).map_err(|error| {
        script.bad(format!("{error}; each item has to have an operation, create or patch, and a resource"))
    })
}

/// A resource that says what it is.
fn identified(script: &Script<'_>, resource: &Value) -> Result<(), Error> {
    for field in ["apiVersion", "kind"] {
        if resource.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(script.bad(format!("a resource has no {field}")));
        }
    }
    Ok(())
}

/// The global `actionParams`: strings by name.
pub(crate) fn parameters(params: &BTreeMap<String, String>) -> Value {
    Value::Object(params.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect::<Map<_, _>>())
}
