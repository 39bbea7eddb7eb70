//! `OpenAPI` v3: an index with hashes and one small document a group version, from the schemas of the registry.
//! It must not know requests. Built-in kinds have no descriptions: kubectl's work per object grows with the document.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use mainstay_apimachinery::builtin;
use serde_json::{Map, Value, json};

use crate::discovery::{Document, KUBERNETES_VERSION, served};
use crate::registry::{ClusterResources, Registry, Resource};

mod paths;

/// Prefix of every `$ref`.
const COMPONENTS: &str = "#/components/schemas/";
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// The documents of one state of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Index {
    document: Option<Document>,
    custom: BTreeMap<String, Document>,
}

/// The documents of the built-in group versions, rendered once in a process.
static BUILTIN: LazyLock<BTreeMap<String, Document>> =
    LazyLock::new(|| documents(&Registry::new().cluster(""), |resource| resource.custom.is_none()));

/// `GET /openapi/v3`.
///
/// # Panics
/// Never: the index is rendered with its documents.
#[must_use]
pub fn index(cluster: &ClusterResources) -> &Document {
    rendered(cluster).document.as_ref().expect("it is set where the index is made")
}

/// `GET /openapi/v3/<path>`, where the path is as `apis/apps/v1`.
#[must_use]
pub fn document<'a>(cluster: &'a ClusterResources, path: &str) -> Option<&'a Document> {
    BUILTIN.get(path).or_else(|| rendered(cluster).custom.get(path))
}

fn rendered(cluster: &ClusterResources) -> &Index {
    cluster.rendered.openapi.get_or_init(|| {
        let custom = documents(cluster, |resource| resource.custom.is_some());
        let entry = |(path, document): (&String, &Document)| {
            let url = format!("/openapi/v3/{path}?hash={}", document.hash());
            (path.clone(), json!({"serverRelativeURL": url}))
        };
        let paths: Map<String, Value> = BUILTIN.iter().chain(&custom).map(entry).collect();
        Index { document: Some(Document::of(&json!({"paths": paths}))), custom }
    })
}

fn documents(cluster: &ClusterResources, shown: impl Fn(&Resource) -> bool) -> BTreeMap<String, Document> {
    let mut found = BTreeMap::new();
    for group in served(cluster) {
        for version in group.versions {
            let resources: Vec<&Resource> = version.resources.iter().map(|r| &**r).filter(|r| shown(r)).collect();
            if !resources.is_empty() {
                let path = paths::base(&group.name, &version.name);
                found.insert(path.trim_start_matches('/').to_owned(), Document::of(&group_version(&resources)));
            }
        }
    }
    found
}

/// The document of one group version.
fn group_version(resources: &[&Resource]) -> Value {
    let mut components = Components::default();
    let mut all_paths = Map::new();
    for resource in resources {
        let name = components.add_resource(resource);
        paths::add(&mut all_paths, resource, name.as_deref());
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": KUBERNETES_VERSION.2},
        "paths": all_paths,
        "components": {"schemas": components.schemas},
    })
}

/// The schemas a document needs, closed over references.
#[derive(Default)]
struct Components {
    schemas: BTreeMap<String, Value>,
}

impl Components {
    /// Adds what a resource is made of; the name of its schema.
    fn add_resource(&mut self, resource: &Resource) -> Option<String> {
        if resource.custom.is_none() {
            let foreign = resource.subresources.iter().filter(|sub| !sub.kind.version.is_empty());
            foreign.filter_map(|sub| builtin::definition_name(&sub.kind)).for_each(|name| self.add(name));
            let name = builtin::definition_name(&resource.gvk())?;
            self.add(name);
            return Some(name.to_owned());
        }
        Some(self.add_custom(resource))
    }

    fn add(&mut self, name: &str) {
        if self.schemas.contains_key(name) {
            return;
        }
        let Some(mut schema) = builtin::definition_openapi(name) else { return };
        let mut references = BTreeSet::new();
        link(&mut schema, &mut references);
        self.schemas.insert(name.to_owned(), schema);
        references.iter().for_each(|reference| self.add(reference));
    }

    fn add_custom(&mut self, resource: &Resource) -> String {
        self.add(OBJECT_META);
        self.add(LIST_META);
        let prefix: Vec<&str> = resource.group.rsplit('.').collect();
        let name = format!("{}.{}.{}", prefix.join("."), resource.version, resource.kind);
        let mut schema = resource.schema().map_or_else(|| json!({"type": "object"}), |schema| schema.to_openapi());
        schema["properties"]["apiVersion"] = json!({"type": "string", "description": API_VERSION_DOC});
        schema["properties"]["kind"] = json!({"type": "string", "description": KIND_DOC});
        schema["properties"]["metadata"] =
            json!({"description": "Standard object's metadata.", "allOf": [reference(OBJECT_META)]});
        schema["x-kubernetes-group-version-kind"] = json!([gvk(resource, &resource.kind)]);
        let list = json!({
            "type": "object", "required": ["items"],
            "properties": {
                "apiVersion": {"type": "string"}, "kind": {"type": "string"},
                "metadata": {"allOf": [reference(LIST_META)]},
                "items": {"type": "array", "items": {"allOf": [reference(&name)]}},
            },
            "x-kubernetes-group-version-kind": [gvk(resource, &resource.list_kind)],
        });
        self.schemas.insert(name.clone(), schema);
        self.schemas.insert(format!("{name}List"), list);
        name
    }
}

const API_VERSION_DOC: &str = "APIVersion defines the versioned schema of this representation of an object.";
const KIND_DOC: &str = "Kind is a string value representing the REST resource this object represents.";

fn reference(name: &str) -> Value {
    json!({"$ref": format!("{COMPONENTS}{name}")})
}

fn gvk(resource: &Resource, kind: &str) -> Value {
    json!({"group": &*resource.group, "version": &*resource.version, "kind": kind})
}

/// Makes bare references into links, and collects them. A reference with siblings becomes an `allOf`, since
/// `OpenAPI` 3.0 ignores what stands beside a `$ref`.
fn link(schema: &mut Value, references: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(name)) = map.get("$ref") {
                let name = name.trim_start_matches(COMPONENTS).to_owned();
                let target = reference(&name);
                references.insert(name);
                if map.len() == 1 {
                    *schema = target;
                    return;
                }
                map.remove("$ref");
                map.insert("allOf".to_owned(), json!([target]));
                map.iter_mut().filter(|(key, _)| *key != "allOf").for_each(|(_, value)| link(value, references));
                return;
            }
            map.values_mut().for_each(|value| link(value, references));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| link(item, references)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crd() -> Value {
        json!({
            "metadata": {"name": "foos.ex.io", "uid": "1", "resourceVersion": "5"},
            "spec": {"group": "ex.io", "names": {"plural": "foos", "kind": "Foo"}, "scope": "Namespaced",
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "description": "A Foo",
                    "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}}}}}}}]},
            "status": {"conditions": [{"type": "Established", "status": "True"}]},
        })
    }

    #[test]
    fn every_reference_resolves() {
        for (path, document) in &*BUILTIN {
            let document: Value = serde_json::from_slice(&document.bytes).unwrap();
            let schemas = document["components"]["schemas"].as_object().unwrap();
            let mut references = BTreeSet::new();
            link(&mut document["components"]["schemas"].clone(), &mut references);
            for name in references {
                assert!(schemas.contains_key(&name), "{path}: {name}");
            }
        }
    }

    #[test]
    fn documents_are_small() {
        let total: usize = BUILTIN.values().map(|document| document.bytes.len()).sum();
        assert!(BUILTIN["api/v1"].bytes.len() < 400_000, "{}", BUILTIN["api/v1"].bytes.len());
        assert!(total < 1_500_000, "{total}");
    }

    #[test]
    fn a_definition_appears_in_the_index_and_says_what_kubectl_looks_for() {
        let registry = Registry::new();
        let before = index(&registry.cluster("dev")).etag.clone();
        registry.publish("dev", &crd());
        let cluster = registry.cluster("dev");
        assert_ne!(before, index(&cluster).etag);
        let found: Value = serde_json::from_slice(&document(&cluster, "apis/ex.io/v1").unwrap().bytes).unwrap();
        let patch = &found["paths"]["/apis/ex.io/v1/namespaces/{namespace}/foos/{name}"]["patch"];
        assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Foo");
        let names: Vec<&str> =
            patch["parameters"].as_array().unwrap().iter().filter_map(|p| p["name"].as_str()).collect();
        assert!(names.contains(&"fieldValidation") && names.contains(&"dryRun"), "{names:?}");
        let schema = &found["components"]["schemas"]["io.ex.v1.Foo"];
        assert_eq!(schema["description"], "A Foo");
        assert_eq!(schema["properties"]["spec"]["properties"]["a"]["type"], "string");
    }
}
