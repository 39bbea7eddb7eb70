//! Discovery documents: which groups, versions and resources a cluster serves, in the legacy form (one document a
//! group version) and the aggregated one. It must not know requests; content negotiation is the caller's.

use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use mainstay_apimachinery::gvk::join_api_version;
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

use crate::crd::compare_versions;
use crate::openapi;
use crate::registry::{ClusterResources, Resource, Subresource};

/// The Kubernetes version this server behaves like.
pub const KUBERNETES_VERSION: (&str, &str, &str) = ("1", "36", "v1.36.0+mainstay");

/// A rendered document and the strong `ETag` of its bytes, quoted.
#[derive(Clone, Debug)]
pub struct Document {
    /// JSON.
    pub bytes: Bytes,
    /// SHA-512 in upper-case hex, quoted as HTTP wants it.
    pub etag: Arc<str>,
}

/// Versions of the aggregated discovery format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregated {
    /// `apidiscovery.k8s.io/v2`.
    V2,
    /// `apidiscovery.k8s.io/v2beta1`, which kubectl up to 1.29 asks for.
    V2Beta1,
}

/// Documents rendered once per state of the registry.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    aggregated: [OnceLock<Document>; 4],
    pub(crate) openapi: OnceLock<openapi::Index>,
}

impl Document {
    /// Renders a value.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let bytes = Bytes::from(value.to_string());
        let hash = Sha512::digest(&bytes).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02X}"));
        Self { bytes, etag: format!("\"{hash}\"").into() }
    }

    /// The hash alone, as in `?hash=` of the `OpenAPI` index.
    #[must_use]
    pub fn hash(&self) -> &str {
        self.etag.trim_matches('"')
    }
}

impl Aggregated {
    /// The `Content-Type` that answers a request for this version.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::V2 => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            Self::V2Beta1 => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        }
    }

    /// The version that one media range of an `Accept` header asks for, if it asks for one.
    #[must_use]
    pub fn of_accept(media_range: &str) -> Option<Self> {
        let compact: String = media_range.chars().filter(|c| !c.is_whitespace()).collect();
        let parts: Vec<&str> = compact.split(';').collect();
        let asked = parts.contains(&"as=APIGroupDiscoveryList") && parts.contains(&"g=apidiscovery.k8s.io");
        match asked {
            true if parts.contains(&"v=v2") => Some(Self::V2),
            true if parts.contains(&"v=v2beta1") => Some(Self::V2Beta1),
            _ => None,
        }
    }

    fn api_version(self) -> &'static str {
        match self {
            Self::V2 => "apidiscovery.k8s.io/v2",
            Self::V2Beta1 => "apidiscovery.k8s.io/v2beta1",
        }
    }
}

/// `GET /version`.
#[must_use]
pub fn version() -> Value {
    let (major, minor, git) = KUBERNETES_VERSION;
    json!({
        "major": major, "minor": minor, "gitVersion": git,
        "emulationMajor": major, "emulationMinor": minor,
        "minCompatibilityMajor": major, "minCompatibilityMinor": "35",
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "rust", "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, architecture()),
    })
}

/// Go's name of the machine's architecture.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// `GET /api`: the versions of the core group. `address` is the `host:port` clients reach the server at.
#[must_use]
pub fn core_versions(address: &str) -> Value {
    let reached = json!([{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]);
    json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": reached})
}

/// `GET /apis`: all groups but the core one.
#[must_use]
pub fn groups(cluster: &ClusterResources) -> Value {
    let groups: Vec<Value> = served(cluster).iter().skip(1).map(|group| api_group(group, false)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `GET /apis/<group>`.
#[must_use]
pub fn group(cluster: &ClusterResources, name: &str) -> Option<Value> {
    served(cluster).iter().skip(1).find(|group| *group.name == *name).map(|group| api_group(group, true))
}

/// `GET /api/v1` and `GET /apis/<group>/<version>`.
#[must_use]
pub fn resources(cluster: &ClusterResources, group: &str, version: &str) -> Option<Value> {
    let groups = served(cluster);
    let found = groups.iter().find(|g| *g.name == *group)?.versions.iter().find(|v| *v.name == *version)?;
    let list: Vec<Value> = found.resources.iter().flat_map(|resource| api_resources(resource)).collect();
    let api_version = join_api_version(group, version);
    let mut document = json!({"kind": "APIResourceList", "groupVersion": api_version, "resources": list});
    if !group.is_empty() {
        document["apiVersion"] = json!("v1");
    }
    Some(document)
}

/// The aggregated document of `/api` (`core`) or of `/apis`.
pub fn aggregated(cluster: &ClusterResources, core: bool, version: Aggregated) -> &Document {
    let slot = usize::from(core) + 2 * usize::from(version == Aggregated::V2Beta1);
    cluster.rendered.aggregated[slot].get_or_init(|| {
        let groups = served(cluster);
        let shown = groups.iter().filter(|group| group.name.is_empty() == core);
        let items: Vec<Value> = shown.map(group_discovery).collect();
        Document::of(&json!({
            "kind": "APIGroupDiscoveryList", "apiVersion": version.api_version(), "metadata": {}, "items": items,
        }))
    })
}

/// A group in the order discovery lists them: built-in ones as upstream, then custom ones by name.
pub(crate) struct Group {
    pub(crate) name: Arc<str>,
    pub(crate) versions: Vec<Version>,
}

/// One version of a group with its resources.
pub(crate) struct Version {
    pub(crate) name: Arc<str>,
    pub(crate) resources: Vec<Arc<Resource>>,
}

/// All that a cluster serves, by group and version; the core group comes first.
pub(crate) fn served(cluster: &ClusterResources) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for resource in cluster.resources() {
        let known = groups.iter().position(|group| group.name == resource.group);
        let group = match known {
            Some(index) => &mut groups[index],
            None => {
                groups.push(Group { name: resource.group.clone(), versions: Vec::new() });
                groups.last_mut().expect("it was just pushed")
            }
        };
        group.add(resource);
    }
    groups
}

impl Group {
    fn add(&mut self, resource: Arc<Resource>) {
        match self.versions.iter_mut().find(|version| version.name == resource.version) {
            Some(version) => version.resources.push(resource),
            None => {
                self.versions.push(Version { name: resource.version.clone(), resources: vec![resource] });
                self.versions.sort_by(|a, b| compare_versions(&a.name, &b.name));
            }
        }
    }
}

fn api_group(group: &Group, alone: bool) -> Value {
    let version = |v: &Version| json!({"groupVersion": join_api_version(&group.name, &v.name), "version": &*v.name});
    let versions: Vec<Value> = group.versions.iter().map(version).collect();
    let mut document = json!({"name": &*group.name, "preferredVersion": versions.first(), "versions": versions});
    if alone {
        document["kind"] = json!("APIGroup");
        document["apiVersion"] = json!("v1");
    }
    document
}

fn api_resources(resource: &Resource) -> Vec<Value> {
    let mut own = json!({
        "name": &*resource.plural, "singularName": &*resource.singular, "namespaced": resource.namespaced,
        "kind": &*resource.kind, "verbs": resource.verbs,
    });
    add_names(&mut own, resource);
    if resource.is_stored() {
        own["storageVersionHash"] = json!(storage_version_hash(resource));
    }
    let subresource = |sub: &Subresource| {
        let mut entry = json!({
            "name": format!("{}/{}", resource.plural, sub.name), "singularName": "",
            "namespaced": resource.namespaced, "kind": sub.kind.kind, "verbs": sub.verbs,
        });
        if !sub.kind.version.is_empty() {
            entry["group"] = json!(sub.kind.group);
            entry["version"] = json!(sub.kind.version);
        }
        entry
    };
    std::iter::once(own).chain(resource.subresources.iter().map(subresource)).collect()
}

fn add_names(entry: &mut Value, resource: &Resource) {
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
}

/// As `discovery.StorageVersionHash`.
fn storage_version_hash(resource: &Resource) -> String {
    // Upstream stores definitions in their first version.
    let is_definition = crate::crd::is_definition(resource);
    let version = if is_definition { "v1beta1" } else { &resource.storage_version };
    let name = format!("{}/{version}/{}", resource.storage_group, resource.kind);
    STANDARD.encode(&Sha256::digest(name.as_bytes())[..8])
}

fn group_discovery(group: &Group) -> Value {
    let version = |version: &Version| {
        let resources: Vec<Value> = version.resources.iter().map(|resource| resource_discovery(resource)).collect();
        json!({"version": &*version.name, "resources": resources, "freshness": "Current"})
    };
    let versions: Vec<Value> = group.versions.iter().map(version).collect();
    let metadata = if group.name.is_empty() { json!({}) } else { json!({"name": &*group.name}) };
    json!({"metadata": metadata, "versions": versions})
}

fn resource_discovery(resource: &Resource) -> Value {
    let mut entry = json!({
        "resource": &*resource.plural, "singularResource": &*resource.singular,
        "responseKind": response_kind(resource, &resource.gvk()),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "verbs": resource.verbs,
    });
    add_names(&mut entry, resource);
    if !resource.subresources.is_empty() {
        let subresource = |sub: &Subresource| {
            let kind = response_kind(resource, &sub.kind);
            json!({"subresource": sub.name, "responseKind": kind, "verbs": sub.verbs})
        };
        entry["subresources"] = resource.subresources.iter().map(subresource).collect();
    }
    entry
}

fn response_kind(resource: &Resource, kind: &mainstay_apimachinery::GroupVersionKind) -> Value {
    // Upstream fills in what is the resource's own for custom resources only.
    let own = kind.version.is_empty() || *kind == resource.gvk();
    if own && resource.custom.is_none() {
        return json!({"group": "", "version": "", "kind": kind.kind});
    }
    let (group, version) = if own { (&*resource.group, &*resource.version) } else { (&*kind.group, &*kind.version) };
    json!({"group": group, "version": version, "kind": kind.kind})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    #[test]
    fn legacy_and_aggregated_agree_on_the_core_group() {
        let cluster = Registry::new().cluster("dev");
        let legacy = resources(&cluster, "", "v1").unwrap();
        let maps = legacy["resources"].as_array().unwrap().iter().find(|r| r["name"] == "configmaps").unwrap();
        assert_eq!(maps["storageVersionHash"], "qFsyl6wFWjQ=");
        assert_eq!(maps["shortNames"], json!(["cm"]));
        let document = aggregated(&cluster, true, Aggregated::V2);
        let aggregated: Value = serde_json::from_slice(&document.bytes).unwrap();
        let listed = aggregated["items"][0]["versions"][0]["resources"].as_array().unwrap();
        assert!(listed.iter().any(|r| r["resource"] == "configmaps" && r["scope"] == "Namespaced"));
    }

    #[test]
    fn newest_stable_version_is_preferred() {
        let cluster = Registry::new().cluster("dev");
        let autoscaling = group(&cluster, "autoscaling").unwrap();
        assert_eq!(autoscaling["preferredVersion"]["version"], "v2");
        assert!(group(&cluster, "no.such.group").is_none());
    }

    #[test]
    fn accept_headers_name_the_format() {
        let v2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        assert_eq!(Aggregated::of_accept(v2), Some(Aggregated::V2));
        assert_eq!(Aggregated::of_accept("application/json"), None);
        assert_eq!(Aggregated::of_accept("application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList"), None);
    }
}
