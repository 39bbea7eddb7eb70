//! The end of a `CustomResourceDefinition`: all its objects are deleted, then its cleanup finalizer is taken away.
//! It must not know what the objects are.

use std::sync::Arc;

use futures::StreamExt;
use http::HeaderMap;
use mainstay_apimachinery::object;
use mainstay_store::{KindKey, ObjectKey, Record};
use mainstay_telemetry::chain;
use serde_json::{Value, json};

use super::write::Failure;
use super::{CONCURRENCY, Lifecycle};
use crate::call::Call;
use crate::crd::{self, CLEANUP_FINALIZER, DEFINITION_MANAGER, set_terminating};
use crate::handler;
use crate::identity::Identity;
use crate::registry::Resource;

impl Lifecycle {
    /// Establishes what a write left to be established before the process ended.
    pub(super) async fn settle_definitions(&self) {
        for cluster in self.server.clusters() {
            if let Err(error) = crd::settle_all(&self.server, &Arc::from(cluster.as_str())).await {
                tracing::warn!(cluster, error = chain(&error), "definitions were not established");
            }
        }
    }

    /// Deletes the objects of a definition that is being deleted; lets it go when there are none.
    pub(super) async fn empty_definition(&self, key: &ObjectKey) -> Result<(), Failure> {
        let Some(definition) = self.read(key)?.filter(object::is_deleting) else { return Ok(()) };
        self.report_progress(key, &definition).await?;
        let known = self.server.registry().cluster(&key.kind.cluster).definition(&key.name).cloned();
        let Some(stored) = known.and_then(|known| known.stored.clone()) else { return Ok(()) };
        let kind = KindKey::new(key.kind.cluster.clone(), stored.group.clone(), stored.plural.clone());
        self.delete_instances(&stored, self.instances(&kind)).await?;
        if !self.instances(&kind).is_empty() {
            return Ok(());
        }
        let Some(definition) = self.read(key)? else { return Ok(()) };
        let rest: Vec<&str> = object::finalizers(&definition).filter(|name| *name != CLEANUP_FINALIZER).collect();
        let version = object::resource_version(&definition);
        let patch = json!({"metadata": {"finalizers": rest, "resourceVersion": version}});
        self.patch_as(DEFINITION_MANAGER, key, (None, &patch)).await
    }

    async fn report_progress(&self, key: &ObjectKey, definition: &Value) -> Result<(), Failure> {
        let mut reported = definition.clone();
        let now = self.server.clock().now_rfc3339();
        set_terminating(&mut reported, "InstanceDeletionInProgress", "CustomResource deletion is in progress", &now);
        if reported == *definition {
            return Ok(());
        }
        let patch = json!({"status": {"conditions": reported["status"]["conditions"]}});
        self.patch_as(DEFINITION_MANAGER, key, (Some("status"), &patch)).await
    }

    fn instances(&self, kind: &KindKey) -> Vec<Record> {
        self.server.snapshot().list(kind, None).cloned().collect()
    }

    /// Deletes objects in the version they are stored in, which need not be served.
    async fn delete_instances(&self, resource: &Arc<Resource>, records: Vec<Record>) -> Result<(), Failure> {
        let alive = records.into_iter().filter(|record| !super::Metadata::of(&record.bytes).is_deleting());
        let results: Vec<Result<(), Failure>> = futures::stream::iter(alive)
            .map(|record| self.delete_instance(resource.clone(), record.key))
            .buffered(CONCURRENCY)
            .collect()
            .await;
        results.into_iter().collect()
    }

    async fn delete_instance(&self, resource: Arc<Resource>, key: ObjectKey) -> Result<(), Failure> {
        let caller = (key.kind.cluster.clone(), Arc::new(Identity::admin()));
        let place = (Some(key.namespace.to_string()).filter(|name| !name.is_empty()), key.name.to_string());
        let refused = |error| Failure::Refused(key.clone(), Box::new(error));
        let call = Call::internal(&self.server, caller, resource, place, &HeaderMap::new()).map_err(refused)?;
        match handler::delete_object(&call).await {
            Err(error) if error.code != 404 => Err(refused(error)),
            _ => Ok(()),
        }
    }
}
