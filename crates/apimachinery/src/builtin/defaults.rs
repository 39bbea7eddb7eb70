//! The defaults of built-in kinds, as upstream's `SetDefaults_*` functions give them.
//! It must not know admission plugins, nor what a server allocates: addresses, ports, uids.
//!
//! Most defaults are data ([`templates`]); those that depend on other fields are functions by area.

mod batch;
mod pods;
mod policies;
mod services;
mod templates;

use serde_json::{Map, Value};

pub(super) use pods::quality_of_service;
pub use services::service_families;

use crate::quantity::Quantity;
use crate::schema::drop_nulls;
use crate::{GroupVersionKind, Schema};

type Object = Map<String, Value>;

/// Lists that Go prints though they are empty and not required: the rules of roles and policies.
const PRINTED_EMPTY: [&str; 1] = ["rules"];

/// Brings an object of a built-in kind into the form the API server keeps: nulls, empty lists and empty maps dropped,
/// quantities canonical, defaults filled in, `stringData` of secrets folded into `data`. An unknown kind stays as it is.
pub fn defaults(gvk: &GroupVersionKind, object: &mut Value) {
    let Some(schema) = super::schema(gvk) else { return };
    drop_nulls(&schema, object);
    drop_empty(&schema, object);
    canonical_quantities(&schema, object);
    let Some(map) = object.as_object_mut() else { return };
    by_kind(gvk, map);
    if let Some(template) = templates::of(gvk) {
        fill(map, template);
    }
    after_template(gvk, map);
}

/// What must be settled before the constants are filled in, because it depends on a field being absent.
fn by_kind(gvk: &GroupVersionKind, object: &mut Object) {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Service") => services::service(object),
        ("", "Secret") => services::secret(object),
        ("", "Namespace") => services::namespace(object),
        ("", "LimitRange") => policies::limit_range(object),
        ("", "ReplicationController") => batch::replication_controller(object),
        ("apps", "Deployment") => batch::deployment(object),
        ("apps", "DaemonSet") => batch::daemon_set(object),
        ("apps", "StatefulSet") => batch::stateful_set(object),
        ("batch", "Job") => batch::job(object),
        ("autoscaling", "HorizontalPodAutoscaler") if gvk.version == "v2" => policies::autoscaler(object),
        ("networking.k8s.io", "NetworkPolicy") => policies::network_policy(object),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => policies::role_binding(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => policies::custom_resource_definition(object),
        _ => {}
    }
}

/// What reads fields that the constants filled in.
fn after_template(gvk: &GroupVersionKind, object: &mut Object) {
    if let Some(path) = super::pod_spec_path(gvk)
        && let Some(spec) = descend(object, path)
    {
        pods::pod_spec(spec);
    }
    if gvk.group.is_empty() && gvk.kind == "Pod" {
        pods::pod(object);
    }
}

/// Sets what a template has and the object has not. A key starting with `?` fills only what is there; a list's one entry
/// fills every item there is; everything else is created.
fn fill(object: &mut Object, template: &Object) {
    for (key, wanted) in template {
        let (name, create) = key.strip_prefix('?').map_or((key.as_str(), true), |name| (name, false));
        match (object.get_mut(name), wanted) {
            (Some(Value::Object(found)), Value::Object(inner)) => fill(found, inner),
            (Some(Value::Array(found)), Value::Array(inner)) => {
                if let Some(Value::Object(inner)) = inner.first() {
                    found.iter_mut().filter_map(Value::as_object_mut).for_each(|item| fill(item, inner));
                }
            }
            (None, Value::Object(inner)) if create => {
                let mut made = Object::new();
                fill(&mut made, inner);
                object.insert(name.to_owned(), Value::Object(made));
            }
            (None, Value::Array(inner)) if inner.first().is_some_and(Value::is_object) => {}
            (None, value) if create => {
                object.insert(name.to_owned(), value.clone());
            }
            _ => {}
        }
    }
}

/// Quantities are read and printed again, as Go does with them; what is none stays for validation to refuse.
fn canonical_quantities(schema: &Schema, value: &mut Value) {
    if schema.format.as_deref() == Some("quantity") {
        if let Ok(quantity) = Quantity::from_value(value) {
            *value = Value::from(quantity.to_string());
        }
        return;
    }
    match value {
        Value::Object(map) => {
            for (name, value) in map.iter_mut() {
                if let Some(child) = schema.field(name) {
                    canonical_quantities(child, value);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = &schema.items {
                list.iter_mut().for_each(|value| canonical_quantities(items, value));
            }
        }
        _ => {}
    }
}

/// Go leaves empty lists and maps out (`omitempty`), save those of required fields. Empty structs stay: `emptyDir: {}`
/// says something.
fn drop_empty(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, value) in map.iter_mut().filter(|(name, _)| *name != "status") {
                if let Some(child) = schema.field(name) {
                    drop_empty(child, value);
                }
            }
            map.retain(|name, value| {
                let Some(child) = schema.properties.get(name) else { return true };
                let is_map = child.additional_properties.is_some();
                let is_empty = match value {
                    Value::Array(list) => list.is_empty(),
                    Value::Object(map) => is_map && map.is_empty(),
                    _ => false,
                };
                !is_empty || schema.required.contains(name) || PRINTED_EMPTY.contains(&name.as_str())
            });
        }
        Value::Array(list) => {
            if let Some(items) = &schema.items {
                list.iter_mut().for_each(|value| drop_empty(items, value));
            }
        }
        _ => {}
    }
}

/// Sets a field that is absent.
fn set(object: &mut Object, field: &str, value: impl Into<Value>) {
    if !object.contains_key(field) {
        object.insert(field.to_owned(), value.into());
    }
}

fn text<'a>(object: &'a Object, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn child<'a>(object: &'a mut Object, field: &str) -> Option<&'a mut Object> {
    object.get_mut(field)?.as_object_mut()
}

/// A child object, made if it is absent; `None` if something else stands there.
fn made<'a>(object: &'a mut Object, field: &str) -> Option<&'a mut Object> {
    object.entry(field).or_insert_with(|| Value::Object(Object::new())).as_object_mut()
}

fn descend<'a>(object: &'a mut Object, path: &[&str]) -> Option<&'a mut Object> {
    path.iter().try_fold(object, |object, field| child(object, field))
}

fn items<'a>(object: &'a mut Object, field: &str) -> impl Iterator<Item = &'a mut Object> {
    object.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

#[cfg(test)]
mod tests;
