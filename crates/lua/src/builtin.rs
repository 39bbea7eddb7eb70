//! The actions that Argo CD brings for common kinds, and when it offers them; facts from its `resource_customizations`.
//! It must not know users' scripts, nor write anything.

mod batch;
mod rollout;
mod workload;

use std::collections::BTreeMap;

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::Value;

use crate::Error;
use crate::action::{Action, Impacted, Operation};

/// An action asked for.
pub(crate) struct Request<'a> {
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    pub(crate) object: &'a Value,
    pub(crate) params: &'a BTreeMap<String, String>,
    pub(crate) now: Timestamp,
}

/// The actions for an object of a kind.
pub(crate) fn actions(kind: &str, object: &Value) -> Vec<Action> {
    match kind {
        "apps/Deployment" => workload::deployment(object),
        "apps/StatefulSet" => workload::stateful_set(object),
        "apps/DaemonSet" => vec![action("restart", false)],
        "batch/CronJob" => batch::cron_job(object),
        "batch/Job" => batch::job(object),
        "argoproj.io/Rollout" => rollout::actions(object),
        _ => Vec::new(),
    }
}

/// Carries an action out, on paper.
pub(crate) fn run(request: &Request<'_>) -> Result<Vec<Impacted>, Error> {
    let object = match (request.kind, request.name) {
        ("apps/Deployment" | "apps/StatefulSet" | "apps/DaemonSet", "restart") => workload::restart(request)?,
        ("apps/Deployment" | "apps/StatefulSet", "scale") => workload::scale(request)?,
        ("apps/Deployment", "pause") => with(request.object, "/spec", "paused", true),
        ("apps/Deployment", "resume") => with(request.object, "/spec", "paused", false),
        ("batch/CronJob" | "batch/Job", "suspend") => with(request.object, "/spec", "suspend", true),
        ("batch/CronJob" | "batch/Job", "resume") => with(request.object, "/spec", "suspend", false),
        ("batch/CronJob", "create-job") => {
            return Ok(vec![Impacted { operation: Operation::Create, resource: batch::create_job(request) }]);
        }
        ("batch/Job", "terminate") => batch::terminate(request),
        ("argoproj.io/Rollout", _) => rollout::run(request)?,
        _ => return Err(unknown(request)),
    };
    Ok(vec![Impacted { operation: Operation::Patch, resource: object }])
}

fn unknown(request: &Request<'_>) -> Error {
    Error::NoSuchAction { kind: request.kind.to_owned(), name: request.name.to_owned() }
}

fn refused(request: &Request<'_>, reason: impl Into<String>) -> Error {
    Error::Refused { kind: request.kind.to_owned(), name: request.name.to_owned(), reason: reason.into() }
}

fn action(name: &str, disabled: bool) -> Action {
    Action { name: name.to_owned(), disabled, ..Action::default() }
}

fn iconed(name: &str, icon: &str) -> Action {
    Action { icon_class: format!("fa fa-fw {icon}"), ..action(name, false) }
}

fn flag(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// The object with a field set, in a part of it that is made if it is not there.
fn with(object: &Value, part: &str, field: &str, value: impl Into<Value>) -> Value {
    let mut object = object.clone();
    set(&mut object, part, field, value);
    object
}

fn set(object: &mut Value, part: &str, field: &str, value: impl Into<Value>) {
    let mut at = object;
    for name in part.split('/').skip(1).chain([field]) {
        if !at.is_object() {
            *at = Value::Object(serde_json::Map::new());
        }
        let Value::Object(fields) = at else { return };
        at = fields.entry(name).or_insert(Value::Null);
    }
    *at = value.into();
}

/// Takes a field out of a part, if both are there.
fn remove(object: &mut Value, part: &str, field: &str) {
    if let Some(Value::Object(fields)) = object.pointer_mut(part) {
        fields.remove(field);
    }
}

/// The time as statuses and annotations write it.
fn rfc3339(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The name of an object and its namespace.
fn identity(object: &Value) -> (&str, Option<&str>) {
    (object::name(object), object::namespace(object))
}

#[cfg(test)]
mod tests;
