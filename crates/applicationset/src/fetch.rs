//! Reads what generators need from outside: clusters from their Secrets, repositories, objects, services over HTTP.
//! It must not know what is generated from it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt;
use futures::future::BoxFuture;
use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use mainstay_apimachinery::selector::LabelSelector;
use mainstay_controller_runtime::{Context, Informer, context};
use mainstay_git::{Class, Repositories};
use mainstay_telemetry::chain;
use serde_json::Value;

use crate::plan::sources::{Cluster, Request, ResourceQuery, Response, SourceError, SourceFile, Sources};
use crate::revisions::Revisions;

/// How long a service may take to answer; upstream's default for plugins.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer that is read.
const MAX_ANSWER: usize = 16 << 20;

/// The client that services are asked with; or why there is none.
pub(crate) fn client() -> Result<reqwest::Client, String> {
    // It fails where one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A redirect could carry a token elsewhere; it is reported instead.
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    builder.timeout(PATIENCE).build().map_err(|error| chain(&error))
}

/// The clusters of the Secrets in a namespace, sorted by name, and the control cluster.
pub(crate) fn clusters(secrets: &Informer, namespace: &str) -> Vec<Cluster> {
    let of_clusters = secrets.list_namespace(namespace).into_iter();
    let mut clusters: Vec<Cluster> = of_clusters
        .filter(|secret| object::label(secret, argoproj::SECRET_TYPE) == Some("cluster"))
        .map(|it| cluster(&it))
        .collect();
    if !clusters.iter().any(|cluster| cluster.server == argoproj::IN_CLUSTER_SERVER) {
        clusters.push(Cluster {
            name: argoproj::IN_CLUSTER.to_owned(),
            server: argoproj::IN_CLUSTER_SERVER.to_owned(),
            ..Cluster::default()
        });
    }
    clusters.sort_by(|a, b| a.name.cmp(&b.name));
    clusters
}

fn cluster(secret: &Value) -> Cluster {
    let strings = |map: &serde_json::Map<String, Value>| {
        map.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    };
    let field = |key| decoded(secret, key).unwrap_or_default();
    Cluster {
        name: field("name"),
        server: field("server"),
        project: field("project"),
        labels: strings(object::labels(secret)),
        annotations: strings(object::annotations(secret)),
        registered: true,
    }
}

/// A key of a Secret as text.
fn decoded(secret: &Value, key: &str) -> Option<String> {
    let bytes = STANDARD.decode(secret.get("data")?.get(key)?.as_str()?).ok()?;
    String::from_utf8(bytes).ok()
}

/// Everything outside, as one set sees it.
pub(crate) struct Outside<'a> {
    pub(crate) control: &'a Context,
    pub(crate) secrets: &'a Informer,
    pub(crate) repositories: &'a Repositories,
    pub(crate) revisions: &'a Revisions,
    pub(crate) http: &'a Result<reqwest::Client, String>,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

fn of_git(url: &str, revision: &str, error: &mainstay_git::Error) -> SourceError {
    let what = format!("revision {revision} of {url}");
    SourceError { what, why: chain(error), transient: error.class() == Class::Retry }
}

impl Outside<'_> {
    async fn list_directories(&self, url: &str, revision: &str) -> Result<Vec<String>, SourceError> {
        let failed = |error| of_git(url, revision, &error);
        let sha = self.revisions.resolve(url, revision).await.map_err(failed)?;
        let paths: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&paths);
        let note = move |path: &str| {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
            false
        };
        self.repositories.tree_where(url, &sha, "", note).await.map_err(failed)?;
        let paths = std::mem::take(&mut *paths.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(directories(&paths))
    }

    async fn read_files(
        &self,
        url: &str,
        revision: &str,
        wanted: Box<dyn Fn(&str) -> bool + Send + Sync>,
    ) -> Result<Vec<SourceFile>, SourceError> {
        let failed = |error| of_git(url, revision, &error);
        let partial =
            |why: String| SourceError { what: format!("revision {revision} of {url}"), why, transient: false };
        let sha = self.revisions.resolve(url, revision).await.map_err(failed)?;
        let wanted = Arc::new(wanted);
        let asked = Arc::clone(&wanted);
        let tree = self.repositories.tree_where(url, &sha, "", move |path| asked(path)).await.map_err(failed)?;
        if let Some(skipped) = tree.skipped.iter().find(|skipped| wanted(&skipped.path)) {
            return Err(partial(skipped.to_string()));
        }
        let read = |file: mainstay_git::File| match String::from_utf8(file.bytes.to_vec()) {
            Ok(text) => Ok(SourceFile { path: file.path, text }),
            Err(_) => Err(partial(format!("{} is not UTF-8", file.path))),
        };
        tree.files.into_iter().map(read).collect()
    }

    async fn object(&self, (kind, plural): (&str, &str), name: &str) -> Result<Value, SourceError> {
        let what = format!("{} {}/{name}", kind.to_lowercase(), self.namespace);
        let api = self.control.api(&context::resource("", "v1", kind, plural), Some(self.namespace));
        match api.get(name).await {
            Ok(Some(object)) => Ok(object),
            Ok(None) => Err(SourceError { what, why: "there is none; create it".to_owned(), transient: true }),
            Err(error) => Err(SourceError { what, why: chain(&error), transient: true }),
        }
    }

    async fn list_resources(&self, query: ResourceQuery) -> Result<Vec<Value>, SourceError> {
        let (group, version) = mainstay_apimachinery::gvk::split_api_version(&query.api_version);
        // Lists and gets go by the plural; the kind is not known and not needed.
        let resource = context::resource(group, version, &query.plural, &query.plural);
        let api = self.control.api(&resource, Some(self.namespace));
        let what = format!("{} of {}", query.plural, query.api_version);
        let failed = |error| SourceError { what: what.clone(), why: chain(&error), transient: true };
        if !query.name.is_empty() {
            let object = api.get(&query.name).await.map_err(failed)?;
            let why = format!("there is no {} in namespace {}", query.name, self.namespace);
            return object.map(|object| vec![object]).ok_or(SourceError { what: what.clone(), why, transient: true });
        }
        let selector = LabelSelector::from_object(&query.selector);
        let selector =
            selector.map_err(|error| SourceError { what: what.clone(), why: error.to_string(), transient: false })?;
        let mut objects = api.list("").await.map_err(failed)?;
        objects.retain(|object| selector.matches(object::labels(object)));
        objects.sort_by(|a, b| object::name(a).cmp(object::name(b)));
        Ok(objects)
    }

    async fn ask(&self, request: Request) -> Result<Response, SourceError> {
        let url = request.url.clone();
        let failed = |why: String| SourceError { what: url.clone(), why, transient: true };
        let client = self.http.as_ref().map_err(|why| failed(why.clone()))?;
        let mut asked = match &request.body {
            Some(body) => client.post(&request.url).json(body),
            None => client.get(&request.url),
        };
        for (name, value) in &request.headers {
            asked = asked.header(name, value);
        }
        let mut answer = asked.send().await.map_err(|error| failed(chain(&error.without_url())))?;
        let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let status = answer.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failed(chain(&error.without_url())))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER {
                return Err(failed(format!("the answer has more than {MAX_ANSWER} bytes")));
            }
        }
        Ok(Response { status, headers, body: serde_json::from_slice(&bytes).unwrap_or_default() })
    }
}

/// The directories that hold these files, at any depth, none of them hidden, sorted.
fn directories(files: &[String]) -> Vec<String> {
    let mut found = std::collections::BTreeSet::new();
    for file in files {
        let mut path = file.as_str();
        while let Some((parent, _)) = path.rsplit_once('/') {
            if !found.insert(parent.to_owned()) {
                break;
            }
            path = parent;
        }
    }
    found.into_iter().filter(|path| !path.split('/').any(|segment| segment.starts_with('.'))).collect()
}

impl Sources for Outside<'_> {
    fn set_name(&self) -> &str {
        self.name
    }

    fn clusters(&self) -> Vec<Cluster> {
        clusters(self.secrets, self.namespace)
    }

    fn directories<'a>(&'a self, url: &'a str, revision: &'a str) -> BoxFuture<'a, Result<Vec<String>, SourceError>> {
        self.list_directories(url, revision).boxed()
    }

    fn files<'a>(
        &'a self,
        url: &'a str,
        revision: &'a str,
        wanted: Box<dyn Fn(&str) -> bool + Send + Sync>,
    ) -> BoxFuture<'a, Result<Vec<SourceFile>, SourceError>> {
        self.read_files(url, revision, wanted).boxed()
    }

    fn config_map<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<BTreeMap<String, String>, SourceError>> {
        async move {
            let map = self.object(("ConfigMap", "configmaps"), name).await?;
            let data = map.get("data").and_then(Value::as_object).into_iter().flatten();
            Ok(data.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect())
        }
        .boxed()
    }

    fn secret<'a>(&'a self, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<String, SourceError>> {
        async move {
            let secret = self.object(("Secret", "secrets"), name).await?;
            let why = format!("it has no key {key}");
            let what = format!("secret {}/{name}", self.namespace);
            decoded(&secret, key).ok_or(SourceError { what, why, transient: true })
        }
        .boxed()
    }

    fn resources(&self, query: ResourceQuery) -> BoxFuture<'_, Result<Vec<Value>, SourceError>> {
        self.list_resources(query).boxed()
    }

    fn http(&self, request: Request) -> BoxFuture<'_, Result<Response, SourceError>> {
        self.ask(request).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directory_above_a_file_counts_unless_it_is_hidden() {
        let files = ["a/b/c.yaml", "a/d.yaml", ".github/x.yaml", "e/.f/g", "top.yaml"].map(str::to_owned);
        assert_eq!(directories(&files), ["a", "a/b", "e"]);
    }
}
