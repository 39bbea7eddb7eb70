//! Who owns which field: `metadata.managedFields` of writes and server-side apply.
//! It must not know storage.

use std::collections::BTreeSet;

use mainstay_apimachinery::gvk::split_api_version;
use mainstay_apimachinery::managed_fields::{self, ApplyError, ApplyRequest, FieldSet, UpdateRequest, Writer};
use serde_json::Value;

use crate::call::Call;
use crate::options::WriteOptions;
use crate::{Error, scale};

pub(crate) use mainstay_apimachinery::managed_fields::same_but_times;

/// The new state with the writer as owner of what it changed.
pub(crate) fn update(call: &Call, options: &WriteOptions, old: Option<&Value>, new: Value) -> Value {
    let Some(schema) = call.resource.schema() else { return new };
    let api_version = call.resource.api_version();
    let writer = writer(call, options, &api_version);
    let live = old.unwrap_or(&Value::Null);
    if call.subresource_str() != "scale" {
        return managed_fields::update(&UpdateRequest { schema: &schema, live, writer }, new);
    }
    let at = scale::replicas_pointer(&call.resource);
    let names: Vec<&str> = at.split('/').skip(1).collect();
    let replicas = FieldSet::of_fields(&[&names]);
    let is_zero = |object: &Value| object.pointer(&at).is_none_or(|replicas| *replicas == 0);
    if !is_owned(live, &replicas) {
        return new;
    }
    // A scale of zero has no such field for Go, so nobody owns it.
    if !is_zero(live) && is_zero(&new) {
        return disowned(new, &replicas);
    }
    managed_fields::keep_times(live, managed_fields::update(&UpdateRequest { schema: &schema, live, writer }, new))
}

/// Whether anyone owns any of these fields.
fn is_owned(object: &Value, fields: &FieldSet) -> bool {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten();
    let mut sets = entries.filter_map(|entry| FieldSet::from_fields_v1(&entry["fieldsV1"]).ok());
    sets.any(|set| !set.intersection(fields).is_empty())
}

/// The object with these fields owned by nobody.
fn disowned(mut object: Value, fields: &FieldSet) -> Value {
    let Some(Value::Array(entries)) = object.pointer_mut("/metadata/managedFields") else { return object };
    entries.retain_mut(|entry| {
        let Ok(set) = FieldSet::from_fields_v1(&entry["fieldsV1"]) else { return true };
        let rest = set.difference(fields);
        entry["fieldsV1"] = rest.to_fields_v1();
        !rest.is_empty()
    });
    object
}

/// What a live object becomes when `applied` is applied to it; `live` is `Null` where there is none.
pub(crate) fn apply(call: &Call, options: &WriteOptions, live: &Value, applied: &Value) -> Result<Value, Error> {
    let schema = call.resource.schema().ok_or_else(Error::unsupported_patch)?;
    let api_version = call.resource.api_version();
    let writer = writer(call, options, &api_version);
    let request = ApplyRequest { schema: &schema, live, applied, writer, force: options.force };
    let merged = managed_fields::apply(&request).map_err(|error| refused(call, applied, &error))?;
    check_versions(call, live, &merged)?;
    Ok(if call.subresource_str() == "scale" { managed_fields::keep_times(live, merged) } else { merged })
}

/// Who owns fields of a custom resource in another version owns them in that version's schema, so the object must fit
/// that too; upstream compares the states there.
fn check_versions(call: &Call, live: &Value, merged: &Value) -> Result<(), Error> {
    let Some(custom) = &call.resource.custom else { return Ok(()) };
    let own = call.resource.api_version();
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten();
    let versions: BTreeSet<&str> = entries.filter_map(|entry| entry.get("apiVersion")?.as_str()).collect();
    for version in versions.into_iter().filter(|version| *version != own) {
        let Some(schema) = custom.schemas.get(split_api_version(version).1) else { continue };
        for (what, object) in [("old", live), ("new", merged)] {
            if let Some(path) = schema.prune(&mut object.clone()).first() {
                let why = format!("failed to convert {what} object: .{}: field not declared in schema", path.as_str());
                return Err(Error::unclassified(why));
            }
        }
    }
    Ok(())
}

fn writer<'a>(call: &'a Call, options: &'a WriteOptions, api_version: &'a str) -> Writer<'a> {
    let subresource = call.subresource_str();
    Writer {
        manager: &options.manager,
        api_version,
        subresource,
        now: call.server.clock().now(),
        reset: reset(call, subresource),
        versions: versions(call),
    }
}

/// The versions of a custom resource may merge differently; those of built-in kinds merge alike.
fn versions(call: &Call) -> managed_fields::Versions<'_> {
    call.resource
        .custom
        .as_ref()
        .map_or_else(managed_fields::Versions::default, |custom| managed_fields::Versions::of(&custom.schemas))
}

fn reset(call: &Call, subresource: &str) -> &'static FieldSet {
    managed_fields::reset_fields(subresource, call.resource.has_status())
}

fn refused(call: &Call, applied: &Value, error: &ApplyError) -> Error {
    match error {
        ApplyError::Conflicts(conflicts) => {
            let cause = |conflict: &managed_fields::Conflict| (conflict.to_string(), conflict.path.clone());
            Error::apply_conflict(error.to_string(), conflicts.iter().map(cause).collect())
        }
        ApplyError::Invalid(_) => {
            let namespace = mainstay_apimachinery::object::namespace(applied).unwrap_or_default();
            let gvk = call.resource.gvk();
            let name = mainstay_apimachinery::object::name(applied);
            let prefix = format!("{namespace}/{name}; {}/{}, Kind={}", gvk.group, gvk.version, gvk.kind);
            Error::unclassified(format!("failed to create typed patch object ({prefix}): {error}"))
        }
        ApplyError::LiveFields => Error::unclassified(error.to_string()),
    }
}
