//! Between the version an object is stored in and the one it is served in.
//! It must not know requests.

mod autoscaler;

use std::borrow::Cow;

use bytes::Bytes;
use mainstay_apimachinery::gvk::split_api_version;
use mainstay_apimachinery::{GroupVersionKind, builtin, object};
use serde_json::Value;

use crate::call::needs_conversion;
use crate::registry::{Custom, Resource};
use crate::respond::encode;

/// An object as stored, for a reader of the resource's version.
pub(crate) fn to_served(resource: &Resource, mut object: Value) -> Value {
    if let Some(custom) = &resource.custom {
        let revision = object::resource_version(&object).and_then(|version| version.parse().ok()).unwrap_or(0);
        if revision <= custom.conforming_since {
            conform(custom, &mut object);
        }
        set_version(resource, custom, &mut object);
    } else if needs_conversion(resource) {
        rename(&mut object, &resource.storage_group, &resource.group);
        object["apiVersion"] = Value::from(resource.api_version());
        if is_autoscaler(resource) {
            autoscaler::to_v1(&mut object);
        }
    }
    object
}

/// An object as written by a client, for the store.
pub(crate) fn to_stored(resource: &Resource, mut object: Value) -> Value {
    if !needs_conversion(resource) {
        return object;
    }
    rename(&mut object, &resource.group, &resource.storage_group);
    object["apiVersion"] = Value::from(resource.storage_api_version());
    if let Some(custom) = &resource.custom {
        conform(custom, &mut object);
    } else if is_autoscaler(resource) {
        autoscaler::to_v2(&mut object);
        // What the older version did not say has the newer one's defaults.
        let (group, version) = (&*resource.storage_group, &*resource.storage_version);
        builtin::defaults(&GroupVersionKind::new(group, version, &*resource.kind), &mut object);
    }
    object
}

/// Whether this is the view of autoscalers in autoscaling/v1.
fn is_autoscaler(resource: &Resource) -> bool {
    &*resource.group == "autoscaling"
}

/// The bytes a reader of the resource's version gets of an object written at `revision`.
pub(crate) fn served_bytes<'a>(resource: &Resource, stored: &'a Bytes, revision: u64) -> Cow<'a, Bytes> {
    let conforms = resource.custom.as_ref().is_none_or(|custom| revision > custom.conforming_since);
    if conforms && !needs_conversion(resource) {
        return Cow::Borrowed(stored);
    }
    Cow::Owned(encode(&to_served(resource, parse(stored))))
}

/// Makes an object what the schema of its version wants now, as upstream does whenever it reads one: the definition may
/// have changed since it was written.
fn conform(custom: &Custom, object: &mut Value) {
    let (_, version) = split_api_version(object::api_version(object));
    let Some(schema) = custom.schemas.get(version).cloned() else { return };
    schema.prune(object);
    schema.apply_defaults(object);
}

/// Conversion `None`: another version by name, without what that version does not know.
fn set_version(resource: &Resource, custom: &Custom, object: &mut Value) {
    let version = resource.api_version();
    if object::api_version(object) != version {
        object["apiVersion"] = Value::from(version);
        custom.schema.prune(object);
    }
}

/// A stored object. What is in the store was encoded by this server, so it is JSON.
pub(crate) fn parse(stored: &[u8]) -> Value {
    serde_json::from_slice(stored).unwrap_or_default()
}

/// Fields of `events.k8s.io` and what they are called in the core group.
const EVENT_FIELDS: [(&str, &str); 6] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

fn rename(object: &mut Value, from: &str, to: &str) {
    let Some(fields) = object.as_object_mut() else { return };
    let to_core = match (from, to) {
        ("events.k8s.io", "") => true,
        ("", "events.k8s.io") => false,
        _ => return,
    };
    for (new, core) in EVENT_FIELDS {
        let (old_name, new_name) = if to_core { (new, core) } else { (core, new) };
        if let Some(value) = fields.remove(old_name) {
            fields.insert(new_name.to_owned(), value);
        }
    }
    let (reporter, core_reporter) = ("reportingController", "reportingComponent");
    let (old_name, new_name) = if to_core { (reporter, core_reporter) } else { (core_reporter, reporter) };
    if let Some(value) = fields.remove(old_name) {
        fields.insert(new_name.to_owned(), value);
    }
}
