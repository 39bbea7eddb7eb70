//! Reads from the store and writes through the API, so that they pass finalizers, watches and the registry.
//! It must not know why something is written.

use std::sync::Arc;

use futures::StreamExt;
use kube::core::params::PropagationPolicy;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Api, ApiResource, Class, Classify, DeleteOptions, api};
use mainstay_store::{KindKey, ObjectKey, Record};
use serde_json::{Value, json};

use super::{CONCURRENCY, Lifecycle, MANAGER};
use crate::registry::Resource;

/// Why an object could not be dealt with.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The API refused.
    #[error("failed to clean up {0}")]
    Api(ObjectKey, #[source] Box<api::Error>),
    /// The API refused a request that is not about an object's content.
    #[error("failed to finalize {0}")]
    Request(ObjectKey, #[source] Box<kube::Error>),
    /// The server itself refused a write of its own.
    #[error("failed to write {0}")]
    Refused(ObjectKey, #[source] Box<crate::Error>),
    /// What is stored is not JSON.
    #[error("failed to read {0}")]
    Stored(ObjectKey, #[source] serde_json::Error),
}

impl Classify for Failure {
    fn class(&self) -> Class {
        match self {
            Self::Api(_, error) => error.class(),
            Self::Request(..) => Class::Retry,
            Self::Refused(_, error) => error.class(),
            Self::Stored(..) => Class::Terminal,
        }
    }
}

/// A record's object.
pub(super) fn parse(key: &ObjectKey, record: &Record) -> Result<Value, Failure> {
    serde_json::from_slice(&record.bytes).map_err(|error| Failure::Stored(key.clone(), error))
}

impl Lifecycle {
    /// The object as stored.
    pub(super) fn read(&self, key: &ObjectKey) -> Result<Option<Value>, Failure> {
        let snapshot = self.server.snapshot();
        snapshot.get(key).map(|record| parse(key, record)).transpose()
    }

    /// The served resource whose objects are stored under a key.
    pub(super) fn resource(&self, kind: &KindKey) -> Option<Arc<Resource>> {
        let mut resources = self.server.registry().resources(&kind.cluster).into_iter();
        resources.find(|r| r.is_stored() && r.storage_group == kind.group && r.plural == kind.resource)
    }

    fn api(&self, key: &ObjectKey) -> Option<Api> {
        let resource = self.resource(&key.kind)?;
        let resource = ApiResource {
            group: resource.group.to_string(),
            version: resource.version.to_string(),
            api_version: resource.api_version(),
            kind: resource.kind.to_string(),
            plural: resource.plural.to_string(),
        };
        Some(Api::new(self.client(&key.kind.cluster), resource, Some(&key.namespace)))
    }

    /// Deletes the object if it is still the one with this uid.
    pub(super) async fn delete(
        &self,
        key: &ObjectKey,
        uid: &str,
        propagation: Option<PropagationPolicy>,
    ) -> Result<(), Failure> {
        let Some(api) = self.api(key) else { return Ok(()) };
        let options = DeleteOptions { uid: Some(uid.to_owned()), propagation, ..DeleteOptions::default() };
        match api.delete(&key.name, &options).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::Api(key.clone(), Box::new(error))),
        }
    }

    /// Deletes those of the records that are not yet being deleted, many at a time.
    pub(super) async fn delete_all(&self, records: Vec<Record>) -> Result<(), Failure> {
        let deletions = records.into_iter().filter_map(|record| {
            let metadata = super::Metadata::of(&record.bytes);
            (!metadata.is_deleting()).then_some((record.key, metadata.uid))
        });
        let results: Vec<Result<(), Failure>> = futures::stream::iter(deletions)
            .map(|(key, uid)| async move { self.delete(&key, &uid, None).await })
            .buffered(CONCURRENCY)
            .collect()
            .await;
        results.into_iter().collect()
    }

    /// Changes metadata with a merge patch, if the object is still as it was read.
    pub(super) async fn patch_metadata(&self, key: &ObjectKey, read: &Value, fields: Value) -> Result<(), Failure> {
        let mut metadata = fields;
        metadata["resourceVersion"] = json!(object::resource_version(read));
        self.patch(key, None, &json!({"metadata": metadata})).await
    }

    /// Merge-patches an object or a subresource; that it is gone is fine.
    pub(super) async fn patch(
        &self,
        key: &ObjectKey,
        subresource: Option<&'static str>,
        patch: &Value,
    ) -> Result<(), Failure> {
        self.patch_as(MANAGER, key, (subresource, patch)).await
    }

    /// As [`Self::patch`], by another field manager.
    pub(super) async fn patch_as(
        &self,
        manager: &str,
        key: &ObjectKey,
        (subresource, patch): (Option<&'static str>, &Value),
    ) -> Result<(), Failure> {
        let Some(api) = self.api(key) else { return Ok(()) };
        match api.merge_patch(manager, &key.name, subresource, patch).await {
            Err(error) if !error.is_not_found() => Err(Failure::Api(key.clone(), Box::new(error))),
            _ => Ok(()),
        }
    }

    /// Takes a finalizer away.
    pub(super) async fn remove_finalizer(&self, key: &ObjectKey, read: &Value, name: &str) -> Result<(), Failure> {
        let rest: Vec<&str> = object::finalizers(read).filter(|finalizer| *finalizer != name).collect();
        self.patch_metadata(key, read, json!({"finalizers": rest})).await
    }
}
