//! One request on a resource, resolved.
//! It must not know HTTP, but for the names of headers.

use std::sync::Arc;

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use mainstay_store::{KindKey, ObjectKey};

use crate::Error;
use crate::admission::{AdmissionRequest, Operation};
use crate::identity::Identity;
use crate::negotiate::Accepted;
use crate::registry::{Registry, Resource};
use crate::route::{Query, ResourcePath};
use crate::server::ApiServer;

/// A request on a resource.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) server: ApiServer,
    pub(crate) cluster: Arc<str>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) resource: Arc<Resource>,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
    pub(crate) query: Query,
    pub(crate) accepted: Accepted,
    pub(crate) content_type: String,
    pub(crate) user_agent: String,
}

impl Call {
    /// Resolves a path; 404 if it names nothing served.
    pub(crate) fn resolve(
        server: &ApiServer,
        (cluster, identity): (Arc<str>, Arc<Identity>),
        path: ResourcePath,
        (query, headers): (Query, &HeaderMap),
    ) -> Result<Self, Error> {
        let found = server.registry().resolve(&cluster, &path.group, &path.version, &path.plural);
        let resource = found.ok_or_else(|| no_such_resource(&path.group))?;
        let misplaced = resource.namespaced && path.namespace.is_none() && path.name.is_some();
        if misplaced || (!resource.namespaced && path.namespace.is_some()) {
            return Err(no_such_resource(&path.group));
        }
        if path.subresource.as_deref().is_some_and(|sub| resource.subresource(sub).is_none()) {
            return Err(match &resource.custom {
                Some(_) => Error::not_found(&resource, path.name.as_deref().unwrap_or_default()),
                None => Error::no_such_path(),
            });
        }
        Self::of(server, (cluster, identity), resource, (path, query), headers)
    }

    /// A call of the server's own, on an object of a resource that need not be served.
    pub(crate) fn internal(
        server: &ApiServer,
        caller: (Arc<str>, Arc<Identity>),
        resource: Arc<Resource>,
        (namespace, name): (Option<String>, String),
        headers: &HeaderMap,
    ) -> Result<Self, Error> {
        let path = ResourcePath { namespace, name: Some(name), ..ResourcePath::default() };
        Self::of(server, caller, resource, (path, Query::default()), headers)
    }

    fn of(
        server: &ApiServer,
        (cluster, identity): (Arc<str>, Arc<Identity>),
        resource: Arc<Resource>,
        (path, query): (ResourcePath, Query),
        headers: &HeaderMap,
    ) -> Result<Self, Error> {
        let header = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        Ok(Self {
            server: server.clone(),
            cluster,
            identity,
            resource,
            namespace: path.namespace,
            name: path.name,
            subresource: path.subresource,
            query,
            accepted: Accepted::parse(header(ACCEPT))?,
            content_type: header(CONTENT_TYPE).unwrap_or_default().to_owned(),
            user_agent: header(USER_AGENT).unwrap_or_default().to_owned(),
        })
    }

    /// Where the objects of this resource are stored.
    pub(crate) fn kind_key(&self) -> KindKey {
        kind_key(&self.cluster, &self.resource)
    }

    /// Where an object of this name is stored.
    pub(crate) fn object_key(&self, name: &str) -> ObjectKey {
        self.kind_key().object(self.namespace_str(), name)
    }

    pub(crate) fn namespace_str(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    /// The name in the path; routes without one never get here.
    pub(crate) fn name_str(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    pub(crate) fn subresource_str(&self) -> &str {
        self.subresource.as_deref().unwrap_or_default()
    }

    /// 405: the resource does not serve this verb here.
    pub(crate) fn not_served(&self, verb: &str) -> Error {
        match &self.resource.custom {
            Some(_) => Error::verb_not_supported(&self.resource, verb),
            None => Error::method_not_allowed(),
        }
    }

    pub(crate) fn not_found(&self) -> Error {
        Error::not_found(&self.resource, self.name_str())
    }

    /// This write, as admission functions see it.
    pub(crate) fn admission<'a>(
        &'a self,
        operation: Operation,
        name: &'a str,
        old: Option<&'a serde_json::Value>,
    ) -> AdmissionRequest<'a> {
        AdmissionRequest {
            cluster: &self.cluster,
            identity: &self.identity,
            operation,
            resource: &self.resource,
            subresource: self.subresource_str(),
            namespace: self.namespace_str(),
            name,
            old,
            dry_run: self.query.get("dryRun").is_some(),
        }
    }

    /// The field manager of a write: as asked for, else the first part of the client's name.
    pub(crate) fn manager(&self) -> String {
        let given = self.query.get("fieldManager").map(str::to_owned);
        given.unwrap_or_else(|| {
            let agent = self.user_agent.split('/').next().unwrap_or_default();
            let printable: String = agent.chars().filter(|c| !c.is_control()).take(128).collect();
            if printable.is_empty() { "unknown".to_owned() } else { printable }
        })
    }

    /// The current time as `metav1.Time`.
    pub(crate) fn now(&self) -> String {
        self.server.clock().now_rfc3339()
    }
}

/// Groups of the server's own say that they lack the resource; below others nobody is there to say anything.
fn no_such_resource(group: &str) -> Error {
    if Registry::is_builtin_group(group) { Error::no_such_path() } else { Error::page_not_found() }
}

/// Where the objects of a resource are stored.
pub(crate) fn kind_key(cluster: &Arc<str>, resource: &Resource) -> KindKey {
    KindKey { cluster: cluster.clone(), group: resource.storage_group.clone(), resource: resource.plural.clone() }
}

/// Whether objects are stored in another version than the resource is served in.
pub(crate) fn needs_conversion(resource: &Resource) -> bool {
    resource.storage_version != resource.version || resource.storage_group != resource.group
}
