//! The seam to everything that a generator needs from outside.
//! It must not know how any of it is come by.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use serde_json::Value;

/// Something outside could not be read: nothing may be deleted for it.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {what}: {why}")]
pub struct SourceError {
    /// What was to be read.
    pub what: String,
    /// What went wrong, with its causes.
    pub why: String,
    /// Whether trying again may help without anything being changed.
    pub transient: bool,
}

/// A cluster that is registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Name.
    pub name: String,
    /// URL of its API.
    pub server: String,
    /// The project it belongs to; empty for all.
    pub project: String,
    /// Labels of its Secret.
    pub labels: BTreeMap<String, String>,
    /// Annotations of its Secret.
    pub annotations: BTreeMap<String, String>,
    /// Whether it has a Secret; the control cluster may have none.
    pub registered: bool,
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path from the root of the repository.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// Objects to be listed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceQuery {
    /// `apiVersion` of the kind.
    pub api_version: String,
    /// Plural name of the kind, such as `placementdecisions`.
    pub plural: String,
    /// Name of the one object; empty for those that the selector matches.
    pub name: String,
    /// Label selector as an object; null for none.
    pub selector: Value,
}

/// A request over HTTP.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// URL with its query.
    pub url: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// A body to be posted as JSON; a GET without.
    pub body: Option<Value>,
}

/// What was answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers, their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body; null where it is no JSON.
    pub body: Value,
}

/// What generators read from outside.
pub trait Sources: Send + Sync {
    /// Name of the set that is generated for.
    fn set_name(&self) -> &str;

    /// The registered clusters, sorted by name, the control cluster among them.
    fn clusters(&self) -> Vec<Cluster>;

    /// Every directory of a revision that is not hidden, sorted.
    fn directories<'a>(&'a self, url: &'a str, revision: &'a str) -> BoxFuture<'a, Result<Vec<String>, SourceError>>;

    /// The files of a revision whose path is wanted, sorted.
    fn files<'a>(
        &'a self,
        url: &'a str,
        revision: &'a str,
        wanted: Box<dyn Fn(&str) -> bool + Send + Sync>,
    ) -> BoxFuture<'a, Result<Vec<SourceFile>, SourceError>>;

    /// `data` of a ConfigMap in the set's namespace.
    fn config_map<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<BTreeMap<String, String>, SourceError>>;

    /// A key of a Secret in the set's namespace.
    fn secret<'a>(&'a self, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<String, SourceError>>;

    /// Objects in the set's namespace.
    fn resources(&self, query: ResourceQuery) -> BoxFuture<'_, Result<Vec<Value>, SourceError>>;

    /// Asks over HTTP.
    fn http(&self, request: Request) -> BoxFuture<'_, Result<Response, SourceError>>;
}
