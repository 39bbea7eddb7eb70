//! Reading a CustomResourceDefinition into served resources.
//! It must not judge the definition; what is wrong in it is left out.

use std::sync::Arc;

use mainstay_apimachinery::{Schema, object};
use serde_json::Value;

use crate::registry::{ALL_VERBS, Column, Custom, Resource, ScalePaths, Subresource};

/// A CustomResourceDefinition as the registry keeps it.
#[derive(Clone, Debug)]
pub struct Definition {
    /// `<plural>.<group>`.
    pub name: Arc<str>,
    /// Group of the resources.
    pub group: Arc<str>,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion` as a number.
    pub revision: u64,
    /// Version in which objects are stored.
    pub storage_version: Arc<str>,
    /// Accepted kind.
    pub kind: Arc<str>,
    /// Accepted kind of lists.
    pub list_kind: Arc<str>,
    /// Accepted names: plural, singular and short ones.
    pub names: Vec<String>,
    /// Served versions, in the order of priority; empty unless Established.
    pub served: Vec<Arc<Resource>>,
}

impl Definition {
    /// Reads a definition as it is stored.
    #[must_use]
    pub fn parse(crd: &Value) -> Self {
        let group = text(crd, "/spec/group");
        let versions = list(crd, "/spec/versions");
        let storage = versions.iter().find(|v| flag(v, "storage")).map_or(Arc::default(), |v| text(v, "/name"));
        let mut definition = Self {
            name: Arc::from(object::name(crd)),
            group,
            uid: object::uid(crd).to_owned(),
            revision: object::resource_version(crd).and_then(|rv| rv.parse().ok()).unwrap_or(0),
            storage_version: storage,
            list_kind: Some(text(crd, "/spec/names/listKind"))
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| Arc::from(format!("{}List", text(crd, "/spec/names/kind")))),
            kind: text(crd, "/spec/names/kind"),
            names: names(crd),
            served: Vec::new(),
        };
        if super::status::is_established(crd) {
            definition.served = versions
                .iter()
                .filter(|v| flag(v, "served"))
                .map(|version| Arc::new(definition.resource(crd, version)))
                .collect();
            definition.served.sort_by(|a, b| super::version::compare(&a.version, &b.version));
        }
        definition
    }

    fn resource(&self, crd: &Value, version: &Value) -> Resource {
        let kind = self.kind.clone();
        Resource {
            group: self.group.clone(),
            version: text(version, "/name"),
            list_kind: self.list_kind.clone(),
            plural: text(crd, "/spec/names/plural"),
            singular: Some(text(crd, "/spec/names/singular"))
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| Arc::from(kind.to_lowercase())),
            namespaced: crd.pointer("/spec/scope").and_then(Value::as_str) != Some("Cluster"),
            short_names: strings(crd, "/spec/names/shortNames"),
            categories: strings(crd, "/spec/names/categories"),
            verbs: ALL_VERBS.iter().map(|verb| (*verb).to_owned()).collect(),
            subresources: subresources(version, &kind),
            storage_group: self.group.clone(),
            storage_version: self.storage_version.clone(),
            custom: Some(self.custom(crd, version)),
            kind,
        }
    }

    fn custom(&self, crd: &Value, version: &Value) -> Custom {
        let schema = version.pointer("/schema/openAPIV3Schema").and_then(|raw| Schema::from_openapi(raw).ok());
        Custom {
            definition: self.name.clone(),
            schema: Arc::new(schema.unwrap_or_default()),
            rules: Arc::default(),
            scale: version.pointer("/subresources/scale").map(scale_paths),
            columns: list(version, "/additionalPrinterColumns").iter().map(column).collect(),
            selectable_fields: list(version, "/selectableFields")
                .iter()
                .filter_map(|field| Some(field.get("jsonPath")?.as_str()?.to_owned()))
                .collect(),
            terminating: object::is_deleting(crd),
        }
    }
}

fn names(crd: &Value) -> Vec<String> {
    let mut names = strings(crd, "/spec/names/shortNames");
    for field in ["plural", "singular"] {
        let name = text(crd, &format!("/spec/names/{field}"));
        if !name.is_empty() && !names.iter().any(|known| **known == *name) {
            names.push(name.to_string());
        }
    }
    names
}

fn subresources(version: &Value, kind: &str) -> Vec<Subresource> {
    const VERBS: [&str; 3] = ["get", "patch", "update"];
    let mut found = Vec::new();
    if version.pointer("/subresources/status").is_some() {
        found.push(Subresource::own("status", kind, &VERBS));
    }
    if version.pointer("/subresources/scale").is_some() {
        let mut scale = Subresource::own("scale", "Scale", &VERBS);
        scale.kind.group = "autoscaling".to_owned();
        scale.kind.version = "v1".to_owned();
        found.push(scale);
    }
    found
}

fn scale_paths(scale: &Value) -> ScalePaths {
    ScalePaths {
        spec_replicas: text(scale, "/specReplicasPath").to_string(),
        status_replicas: text(scale, "/statusReplicasPath").to_string(),
        label_selector: scale.get("labelSelectorPath").and_then(Value::as_str).map(str::to_owned),
    }
}

fn column(column: &Value) -> Column {
    Column {
        name: text(column, "/name").to_string(),
        type_: text(column, "/type").to_string(),
        format: text(column, "/format").to_string(),
        description: text(column, "/description").to_string(),
        priority: column.get("priority").and_then(Value::as_i64).unwrap_or(0),
        json_path: text(column, "/jsonPath").to_string(),
    }
}

fn flag(value: &Value, field: &str) -> bool {
    value.get(field).and_then(Value::as_bool).unwrap_or(false)
}

fn text(value: &Value, pointer: &str) -> Arc<str> {
    value.pointer(pointer).and_then(Value::as_str).map_or(Arc::default(), Arc::from)
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn strings(value: &Value, pointer: &str) -> Vec<String> {
    list(value, pointer).iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}
