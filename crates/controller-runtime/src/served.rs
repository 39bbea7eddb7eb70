//! What a cluster is: its version and all kinds it serves, by aggregated discovery.

use http::{Method, Request};
use kube::Client;
use serde_json::Value;

use crate::class::{Class, Classify};

/// What asks for all groups at once.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// A cluster's version and kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Served {
    /// Such as `v1.36.2`.
    pub version: String,
    /// Such as `apps/v1` and `apps/v1/Deployment`, sorted.
    pub kinds: Vec<String>,
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
    let mut kinds = Vec::new();
    for path in ["/api", "/apis"] {
        gather(&get(client, path).await?, &mut kinds);
    }
    kinds.sort();
    kinds.dedup();
    let version = version["gitVersion"].as_str().unwrap_or_default().to_owned();
    Ok(Served { version, kinds })
}

async fn get(client: &Client, path: &str) -> Result<Value, Error> {
    let request = Request::builder().method(Method::GET).uri(path).header(http::header::ACCEPT, AGGREGATED);
    let request = request.body(Vec::new()).map_err(|error| Error(Box::new(kube::Error::HttpError(error))))?;
    client.request(request).await.map_err(|error| Error(Box::new(error)))
}

/// The kinds of an `APIGroupDiscoveryList`.
fn gather(list: &Value, kinds: &mut Vec<String>) {
    let items = |value: &Value, field: &str| value[field].as_array().cloned().unwrap_or_default();
    for group in items(list, "items") {
        let name = group["metadata"]["name"].as_str().unwrap_or_default();
        for version in items(&group, "versions") {
            let version_name = version["version"].as_str().unwrap_or_default();
            let api = if name.is_empty() { version_name.to_owned() } else { format!("{name}/{version_name}") };
            for resource in items(&version, "resources") {
                let kind = resource["responseKind"]["kind"].as_str().filter(|kind| !kind.is_empty());
                kinds.extend(kind.map(|kind| format!("{api}/{kind}")));
            }
            kinds.push(api);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn groups_versions_and_kinds_are_told() {
        let list = json!({"items": [
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "resources": [
                {"resource": "deployments", "responseKind": {"kind": "Deployment"}}, {"resource": "odd"}]}]},
            {"metadata": {}, "versions": [{"version": "v1", "resources": [{"responseKind": {"kind": "Pod"}}]}]}]});
        let mut kinds = Vec::new();
        gather(&list, &mut kinds);
        assert_eq!(kinds, ["apps/v1/Deployment", "apps/v1", "v1/Pod", "v1"]);
    }
}
