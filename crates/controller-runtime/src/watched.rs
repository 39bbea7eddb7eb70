//! An object as a watch delivers it, with no more typing than kube's watcher needs.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicObject, DynamicResourceScope, Resource};
use mainstay_apimachinery::object;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A watched object: the whole as JSON without `managedFields`, and the few names kube asks for.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    meta: ObjectMeta,
    pub(crate) value: Value,
}

impl<'de> Deserialize<'de> for Watched {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        let meta = ObjectMeta {
            name: Some(object::name(&value).to_owned()),
            namespace: object::namespace(&value).map(str::to_owned),
            resource_version: object::resource_version(&value).map(str::to_owned),
            ..ObjectMeta::default()
        };
        Ok(Self { meta, value })
    }
}

impl Resource for Watched {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(dt: &ApiResource) -> Cow<'_, str> {
        DynamicObject::kind(dt)
    }

    fn group(dt: &ApiResource) -> Cow<'_, str> {
        DynamicObject::group(dt)
    }

    fn version(dt: &ApiResource) -> Cow<'_, str> {
        DynamicObject::version(dt)
    }

    fn plural(dt: &ApiResource) -> Cow<'_, str> {
        DynamicObject::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

/// Sets `apiVersion` and `kind`, which items of a list lack.
pub(crate) fn with_type(mut value: Value, resource: &ApiResource) -> Value {
    if let Some(map) = value.as_object_mut() {
        map.entry("apiVersion").or_insert_with(|| Value::from(resource.api_version.as_str()));
        map.entry("kind").or_insert_with(|| Value::from(resource.kind.as_str()));
    }
    value
}
