//! Finds the resource of a kind by discovery. Named after client-go's `RESTMapper`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::Client;
use kube::core::ApiResource;
use mainstay_apimachinery::GroupVersionKind;

use crate::class::{Class, Classify};

/// A kind as the server serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Names for calls.
    pub resource: ApiResource,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether it has a status subresource.
    pub has_status: bool,
}

/// Discovery failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to discover the resources of {api_version}")]
pub struct Error {
    api_version: String,
    #[source]
    source: Box<kube::Error>,
}

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Retry
    }
}

/// A cache of discovery: what is found is kept, what is missing is asked for again. Cheap to clone.
#[derive(Clone)]
pub struct Mapper {
    client: Client,
    known: Arc<Mutex<HashMap<GroupVersionKind, Mapping>>>,
}

impl Mapper {
    /// An empty cache.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, known: Arc::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<GroupVersionKind, Mapping>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mapping of a kind, or `None` where the server does not serve it (now).
    ///
    /// # Errors
    /// When discovery fails for any other reason than 404.
    pub async fn resolve(&self, gvk: &GroupVersionKind) -> Result<Option<Mapping>, Error> {
        if let Some(mapping) = self.known().get(gvk) {
            return Ok(Some(mapping.clone()));
        }
        self.discover(gvk).await?;
        Ok(self.known().get(gvk).cloned())
    }

    /// Forgets a kind, when a call answered that its resource is gone.
    pub fn forget(&self, gvk: &GroupVersionKind) {
        self.known().remove(gvk);
    }

    async fn discover(&self, gvk: &GroupVersionKind) -> Result<(), Error> {
        let api_version = gvk.api_version();
        let listed = if gvk.group.is_empty() {
            self.client.list_core_api_resources(&gvk.version).await
        } else {
            self.client.list_api_group_resources(&api_version).await
        };
        let list = match listed {
            Ok(list) => list,
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
            Err(source) => return Err(Error { api_version, source: Box::new(source) }),
        };
        let with_status: Vec<&str> = list.resources.iter().filter_map(|r| r.name.strip_suffix("/status")).collect();
        let mut known = self.known();
        for found in list.resources.iter().filter(|r| !r.name.contains('/')) {
            let kind = GroupVersionKind::new(gvk.group.clone(), gvk.version.clone(), found.kind.clone());
            let resource = crate::context::resource(&gvk.group, &gvk.version, &found.kind, &found.name);
            let has_status = with_status.contains(&found.name.as_str());
            known.insert(kind, Mapping { resource, namespaced: found.namespaced, has_status });
        }
        Ok(())
    }
}
