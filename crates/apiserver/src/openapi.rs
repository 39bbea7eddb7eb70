//! `OpenAPI` v3: an index with hashes and one small document a group version, from the schemas of the registry.
//! It must not know requests. Of each description the first sentence is carried: kubectl's work per object grows with
//! the document.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use mainstay_apimachinery::builtin::{self, Descriptions};
use serde_json::{Map, Value, json};

use crate::discovery::{Document, KUBERNETES_VERSION, served};
use crate::registry::{ClusterResources, Registry, Resource};

mod paths;
mod roots;

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
static BUILTIN: LazyLock<BTreeMap<String, Document>> = LazyLock::new(|| {
    let cluster = Registry::new().cluster("");
    let descriptions = Arc::new(Descriptions::read());
    let mut all = documents(&cluster, &descriptions, |resource| resource.custom.is_none());
    let groups = served(&cluster).into_iter().map(|group| group.name.to_string()).filter(|name| !name.is_empty());
    let roots = roots::all(groups, || Components::new(&descriptions));
    all.extend(roots.into_iter().map(|(path, document)| (path, Document::of(&document))));
    all
});

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
        let custom = documents(cluster, &Arc::new(Descriptions::read()), |resource| resource.custom.is_some());
        let entry = |(path, document): (&String, &Document)| {
            let url = format!("/openapi/v3/{path}?hash={}", document.hash());
            (path.clone(), json!({"serverRelativeURL": url}))
        };
        let paths: Map<String, Value> = BUILTIN.iter().chain(&custom).map(entry).collect();
        Index { document: Some(Document::of(&json!({"paths": paths}))), custom }
    })
}

fn documents(
    cluster: &ClusterResources,
    descriptions: &Arc<Descriptions>,
    shown: impl Fn(&Resource) -> bool,
) -> BTreeMap<String, Document> {
    let mut found = BTreeMap::new();
    for group in served(cluster) {
        for version in group.versions {
            let resources: Vec<&Resource> = version.resources.iter().map(|r| &**r).filter(|r| shown(r)).collect();
            if !resources.is_empty() {
                let path = paths::base(&group.name, &version.name);
                found.insert(
                    path.trim_start_matches('/').to_owned(),
                    Document::of(&group_version(&resources, descriptions)),
                );
            }
        }
    }
    found
}

/// The document of one group version.
fn group_version(resources: &[&Resource], descriptions: &Arc<Descriptions>) -> Value {
    let mut components = Components::new(descriptions);
    let mut all_paths = Map::new();
    for resource in resources {
        let name = components.add_resource(resource);
        let list = components.add_list(resource);
        paths::add(&mut all_paths, resource, paths::Schemas { item: name.as_deref(), list: list.as_deref() });
    }
    json!({
        "openapi": "3.0.0",
        "info": info(resources.iter().any(|resource| resource.custom.is_some())),
        "paths": all_paths,
        "components": {"parameters": paths::shared_parameters(), "schemas": components.schemas},
    })
}

/// Title and version, as upstream's builders of built-in and of custom documents set them.
fn info(custom: bool) -> Value {
    if custom {
        return json!({"title": "Kubernetes CRD Swagger", "version": "v0.1.0"});
    }
    json!({"title": "Kubernetes", "version": format!("{}.{}", KUBERNETES_VERSION.0, KUBERNETES_VERSION.1)})
}

/// The schemas a document needs, closed over references.
struct Components {
    schemas: BTreeMap<String, Value>,
    descriptions: Arc<Descriptions>,
}

impl Components {
    fn new(descriptions: &Arc<Descriptions>) -> Self {
        Self { schemas: BTreeMap::new(), descriptions: descriptions.clone() }
    }

    /// The name of the schema of a resource's lists, added.
    fn add_list(&mut self, resource: &Resource) -> Option<String> {
        if resource.custom.is_some() {
            return Some(format!("{}List", custom_name(resource)));
        }
        let list =
            mainstay_apimachinery::GroupVersionKind::new(&*resource.group, &*resource.version, &*resource.list_kind);
        let name = builtin::definition_name(&list)?;
        self.add(name);
        Some(name.to_owned())
    }

    /// Adds what a resource is made of; the name of its schema.
    fn add_resource(&mut self, resource: &Resource) -> Option<String> {
        let foreign = resource.subresources.iter().filter(|sub| !sub.kind.version.is_empty());
        foreign.filter_map(|sub| builtin::definition_name(&sub.kind)).for_each(|name| self.add(name));
        if resource.custom.is_none() {
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
        self.descriptions.add_to(name, &mut schema);
        let mut references = BTreeSet::new();
        link(&mut schema, &mut references);
        self.schemas.insert(name.to_owned(), schema);
        references.iter().for_each(|reference| self.add(reference));
    }

    fn add_custom(&mut self, resource: &Resource) -> String {
        self.add(OBJECT_META);
        self.add(LIST_META);
        let name = custom_name(resource);
        let mut schema = resource.schema().map_or_else(|| json!({"type": "object"}), |schema| schema.to_openapi());
        schema["properties"]["apiVersion"] = json!({"type": "string", "description": API_VERSION_DOC});
        schema["properties"]["kind"] = json!({"type": "string", "description": KIND_DOC});
        schema["properties"]["metadata"] =
            json!({"description": "Standard object's metadata.", "allOf": [reference(OBJECT_META)]});
        schema["x-kubernetes-group-version-kind"] = json!([gvk(resource, &resource.kind)]);
        let list = json!({
            "type": "object", "required": ["items"], "description": format!("{} is a list of {}", resource.list_kind, resource.kind),
            "properties": {
                "apiVersion": {"type": "string", "description": API_VERSION_DOC},
                "kind": {"type": "string", "description": KIND_DOC},
                "metadata": {"description": "Standard list metadata.", "allOf": [reference(LIST_META)]},
                "items": {"type": "array", "description": format!("List of {}.", resource.plural), "items": reference(&name)},
            },
            "x-kubernetes-group-version-kind": [gvk(resource, &resource.list_kind)],
        });
        self.schemas.insert(name.clone(), schema);
        self.schemas.insert(format!("{name}List"), list);
        name
    }
}

/// `com.example.v1.Foo`.
fn custom_name(resource: &Resource) -> String {
    let prefix: Vec<&str> = resource.group.rsplit('.').collect();
    format!("{}.{}.{}", prefix.join("."), resource.version, resource.kind)
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
        assert!(BUILTIN["api/v1"].bytes.len() < 500_000, "{}", BUILTIN["api/v1"].bytes.len());
        assert!(total < 2_000_000, "{total}");
    }

    #[test]
    fn fields_are_described_and_parameters_found() {
        let core: Value = serde_json::from_slice(&BUILTIN["api/v1"].bytes).unwrap();
        let pod = &core["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
        assert_eq!(pod["description"], "List of containers belonging to the pod.");
        let evict = &core["paths"]["/api/v1/namespaces/{namespace}/pods/{name}/eviction"]["post"];
        assert_eq!(evict["x-kubernetes-group-version-kind"]["kind"], "Eviction");
        for (path, document) in &*BUILTIN {
            let document: Value = serde_json::from_slice(&document.bytes).unwrap();
            let text = document["paths"].to_string();
            let named = text.split("#/components/parameters/").skip(1).map(|rest| rest.split('"').next().unwrap());
            let missing: Vec<&str> =
                named.filter(|name| document["components"]["parameters"].get(*name).is_none()).collect();
            assert!(missing.is_empty(), "{path}: {missing:?}");
        }
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
