//! The scale subresource: `autoscaling/v1` `Scale` read from and written to an object.
//! It must not know storage.

use mainstay_apimachinery::selector::LabelSelector;
use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath, object};
use serde_json::{Map, Value, json};

use crate::Error;
use crate::registry::{Resource, ScalePaths};

/// Where built-in kinds keep their replicas.
fn paths(resource: &Resource) -> ScalePaths {
    let custom = resource.custom.as_ref().and_then(|custom| custom.scale.clone());
    custom.unwrap_or_else(|| ScalePaths {
        spec_replicas: ".spec.replicas".to_owned(),
        status_replicas: ".status.replicas".to_owned(),
        label_selector: None,
    })
}

/// Where the resource keeps the replicas it wants, as a JSON pointer such as `/spec/replicas`.
pub(crate) fn replicas_pointer(resource: &Resource) -> String {
    pointer(&paths(resource).spec_replicas)
}

fn pointer(path: &str) -> String {
    path.replace('.', "/")
}

/// The scale of an object, for a reader: a custom resource without replicas has none.
///
/// # Errors
/// When it has no replicas, or a selector that cannot be read.
pub(crate) fn of(resource: &Resource, object: &Value) -> Result<Value, Error> {
    let scale = before_write(resource, object)?;
    let path = paths(resource).spec_replicas;
    if resource.custom.is_some() && object.pointer(&pointer(&path)).and_then(Value::as_i64).is_none() {
        return Err(Error::internal(format!("the spec replicas field {path:?} does not exist")));
    }
    Ok(scale)
}

/// The scale of an object that may not have said yet how many replicas it wants.
pub(crate) fn before_write(resource: &Resource, object: &Value) -> Result<Value, Error> {
    let paths = paths(resource);
    let at = |path: &str| object.pointer(&pointer(path)).and_then(Value::as_i64);
    let selector = match &paths.label_selector {
        Some(path) => object.pointer(&pointer(path)).and_then(Value::as_str).map(str::to_owned),
        None => object.pointer("/spec/selector").map(selector_text).transpose()?,
    };
    let mut status = json!({"replicas": at(&paths.status_replicas).unwrap_or(0)});
    if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
        status["selector"] = Value::from(selector);
    }
    let metadata: Map<String, Value> = ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"]
        .iter()
        .filter_map(|field| Some(((*field).to_owned(), object.get("metadata")?.get(*field)?.clone())))
        .collect();
    let mut spec = Map::new();
    if let Some(replicas) = at(&paths.spec_replicas).filter(|replicas| *replicas != 0) {
        spec.insert("replicas".to_owned(), Value::from(replicas));
    }
    Ok(json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}))
}

fn selector_text(selector: &Value) -> Result<String, Error> {
    let is_plain = selector.get("matchLabels").is_none() && selector.get("matchExpressions").is_none();
    let parsed = match selector.as_object().filter(|_| is_plain) {
        Some(labels) => LabelSelector::from_labels(labels),
        None => LabelSelector::from_object(selector).map_err(Error::internal)?,
    };
    Ok(parsed.to_string())
}

/// The object with the replicas of a scale.
pub(crate) fn into(resource: &Resource, object: &Value, scale: &Value) -> Result<Value, Error> {
    let mut scaled = object.clone();
    let replicas = scale.pointer("/spec/replicas").cloned().unwrap_or_else(|| json!(0));
    let path = paths(resource).spec_replicas;
    check(resource, object::name(object), &path, &replicas)?;
    let mut place = &mut scaled;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[part];
    }
    *place = replicas;
    if let Some(version) = object::resource_version(scale) {
        scaled["metadata"]["resourceVersion"] = Value::from(version);
    }
    Ok(scaled)
}

/// There is no negative number of replicas.
fn check(resource: &Resource, name: &str, path: &str, replicas: &Value) -> Result<(), Error> {
    if replicas.as_i64().is_some_and(|replicas| replicas >= 0) {
        return Ok(());
    }
    let error = |path: FieldPath, why| FieldError::new(FieldErrorKind::Invalid, path, replicas.clone(), why);
    Err(if resource.custom.is_some() {
        let error = error(FieldPath::root().child(path), "should be a non-negative integer");
        Error::invalid(resource, name, &[error])
    } else {
        let path = FieldPath::root().child("spec").child("replicas");
        Error::invalid_scale(name, &[error(path, "must be greater than or equal to 0")])
    })
}
