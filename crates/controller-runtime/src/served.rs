//! What a cluster is: its version and all kinds it serves, by aggregated discovery.

use std::collections::BTreeSet;

use http::{Method, Request};
use kube::Client;
use kube::core::ApiResource;
use serde_json::Value;

use crate::class::{Class, Classify};
use crate::context;

/// What asks for all groups at once.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// A cluster's version and kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Served {
    /// Such as `v1.36.2`.
    pub version: String,
    /// Such as `apps/v1` and `apps/v1/Deployment`, sorted.
    pub kinds: Vec<String>,
    /// Namespaced resources that can be listed and watched, in the version that the cluster prefers.
    pub watched: Vec<ApiResource>,
}

/// Discovery failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to discover what the cluster serves")]
pub struct Error(#[source] Box<kube::Error>);

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Retry
    }
}

/// Asks a cluster.
///
/// # Errors
/// When it does not answer.
pub async fn served(client: &Client) -> Result<Served, Error> {
    let version = get(client, "/version").await?;
    let version = version["gitVersion"].as_str().unwrap_or_default().to_owned();
    let mut found = Served { version, ..Served::default() };
    for path in ["/api", "/apis"] {
        gather(&get(client, path).await?, &mut found);
    }
    found.kinds.sort();
    found.kinds.dedup();
    Ok(found)
}

async fn get(client: &Client, path: &str) -> Result<Value, Error> {
    let request = Request::builder().method(Method::GET).uri(path).header(http::header::ACCEPT, AGGREGATED);
    let request = request.body(Vec::new()).map_err(|error| Error(Box::new(kube::Error::HttpError(error))))?;
    client.request(request).await.map_err(|error| Error(Box::new(error)))
}

/// The kinds of an `APIGroupDiscoveryList`.
fn gather(list: &Value, found: &mut Served) {
    for group in items(list, "items") {
        let name = group["metadata"]["name"].as_str().unwrap_or_default();
        let mut seen = BTreeSet::new();
        for version in items(group, "versions") {
            let version_name = version["version"].as_str().unwrap_or_default();
            let api = if name.is_empty() { version_name.to_owned() } else { format!("{name}/{version_name}") };
            for resource in items(version, "resources") {
                let kind = resource["responseKind"]["kind"].as_str().filter(|kind| !kind.is_empty());
                let Some(kind) = kind else { continue };
                found.kinds.push(format!("{api}/{kind}"));
                let plural = resource["resource"].as_str().unwrap_or_default();
                if is_watched(resource) && seen.insert(plural) {
                    found.watched.push(context::resource(name, version_name, kind, plural));
                }
            }
            found.kinds.push(api);
        }
    }
}

fn items<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

fn is_watched(resource: &Value) -> bool {
    let can = |verb: &str| items(resource, "verbs").iter().any(|one| one == verb);
    resource["scope"] == "Namespaced" && can("list") && can("watch")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn groups_versions_and_kinds_are_told() {
        let deployments = json!({"resource": "deployments", "scope": "Namespaced", "verbs": ["get", "list", "watch"],
            "responseKind": {"kind": "Deployment"}});
        let list = json!({"items": [
            {"metadata": {"name": "apps"}, "versions": [
                {"version": "v1", "resources": [deployments, {"resource": "odd"}]},
                {"version": "v1beta1", "resources": [deployments]}]},
            {"metadata": {}, "versions": [{"version": "v1", "resources": [{"responseKind": {"kind": "Pod"}}]}]}]});
        let mut found = Served::default();
        gather(&list, &mut found);
        assert_eq!(
            found.kinds,
            ["apps/v1/Deployment", "apps/v1", "apps/v1beta1/Deployment", "apps/v1beta1", "v1/Pod", "v1"]
        );
        assert_eq!(found.watched, [context::resource("apps", "v1", "Deployment", "deployments")]);
    }
}
