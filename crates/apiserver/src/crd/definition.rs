//! Reading a CustomResourceDefinition into served resources.
//! It must not judge the definition; what is wrong in it is left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use mainstay_apimachinery::{Schema, object};
use serde_json::Value;

use super::version::compare;
use crate::registry::{CUSTOM_VERBS, Column, Custom, Resource, ScalePaths, Subresource};

type Schemas = BTreeMap<Arc<str>, Arc<Schema>>;

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
    /// Accepted kind.
    pub kind: Arc<str>,
    /// Accepted kind of lists.
    pub list_kind: Arc<str>,
    /// Accepted names: plural, singular and short ones.
    pub names: Vec<String>,
    /// Whether the status says all that can be said of the spec: nothing is left to accept or to establish.
    pub settled: bool,
    /// The resource in the version its objects are stored in, whether that is served or not.
    pub stored: Option<Arc<Resource>>,
    /// Served versions, in the order of priority; empty unless Established.
    pub served: Vec<Arc<Resource>>,
}

impl Definition {
    /// Reads a definition as it is stored.
    #[must_use]
    pub fn parse(crd: &Value) -> Self {
        let mut definition = Self {
            name: Arc::from(object::name(crd)),
            group: text(crd, "/spec/group"),
            uid: object::uid(crd).to_owned(),
            revision: object::resource_version(crd).and_then(|rv| rv.parse().ok()).unwrap_or(0),
            kind: text(crd, "/status/acceptedNames/kind"),
            list_kind: text(crd, "/status/acceptedNames/listKind"),
            settled: super::status::is_settled(crd),
            names: names(crd, "/status/acceptedNames"),
            stored: None,
            served: Vec::new(),
        };
        let versions = Versions::of(crd, definition.revision);
        let resources: Vec<(bool, Arc<Resource>)> = versions
            .list
            .iter()
            .map(|version| (flag(version, "served"), Arc::new(versions.resource(version))))
            .collect();
        definition.stored =
            resources.iter().find(|(_, found)| found.version == found.storage_version).map(|(_, found)| found.clone());
        if super::status::is_established(crd) {
            definition.served = resources.into_iter().filter(|(served, _)| *served).map(|(_, found)| found).collect();
            definition.served.sort_by(|a, b| compare(&a.version, &b.version));
        }
        definition
    }

    /// This definition after `old`: what did not change is shared, so that rules are not compiled anew, and objects
    /// that conformed to the old schema are known to conform.
    #[must_use]
    pub fn succeeding(mut self, old: &Self) -> Self {
        let (Some(new), Some(known)) = (custom(self.stored.as_ref()), custom(old.stored.as_ref())) else { return self };
        let same_storage = self.stored.as_ref().map(|stored| &stored.version)
            == old.stored.as_ref().map(|stored| &stored.version)
            && new.schema == known.schema;
        let since = if same_storage { known.conforming_since } else { self.revision };
        let stored = self.stored.take().map(|resource| inherit(resource, old, since));
        self.served = self.served.into_iter().map(|resource| inherit(resource, old, since)).collect();
        self.stored = stored;
        self
    }
}

fn custom(resource: Option<&Arc<Resource>>) -> Option<&Custom> {
    resource?.custom.as_ref()
}

fn inherit(resource: Arc<Resource>, old: &Definition, since: u64) -> Arc<Resource> {
    let mut resource = Arc::unwrap_or_clone(resource);
    let twin = old.served.iter().chain(&old.stored).find(|known| known.version == resource.version);
    if let Some(custom) = &mut resource.custom {
        custom.conforming_since = since;
        if let Some(twin) = twin.and_then(|twin| twin.custom.as_ref()).filter(|twin| twin.schema == custom.schema) {
            custom.schema = twin.schema.clone();
            custom.rules = twin.rules.clone();
        }
    }
    Arc::new(resource)
}

/// The versions of a definition while they are read.
struct Versions<'a> {
    crd: &'a Value,
    list: &'a [Value],
    schemas: Arc<Schemas>,
    storage: Arc<str>,
    revision: u64,
}

impl<'a> Versions<'a> {
    fn of(crd: &'a Value, revision: u64) -> Self {
        let list = list(crd, "/spec/versions");
        let schema = |version: &Value| {
            let raw = version.pointer("/schema/openAPIV3Schema");
            let schema = raw.and_then(|raw| Schema::from_openapi(raw).ok());
            (text(version, "/name"), Arc::new(schema.unwrap_or_default()))
        };
        let storage = list.iter().find(|version| flag(version, "storage"));
        Self {
            crd,
            list,
            schemas: Arc::new(list.iter().map(schema).collect()),
            storage: storage.map_or(Arc::default(), |version| text(version, "/name")),
            revision,
        }
    }

    fn resource(&self, version: &Value) -> Resource {
        let crd = self.crd;
        let names =
            if text(crd, "/status/acceptedNames/kind").is_empty() { "/spec/names" } else { "/status/acceptedNames" };
        let name = |field: &str| text(crd, &format!("{names}/{field}"));
        let (group, kind) = (text(crd, "/spec/group"), name("kind"));
        let or = |field: &str, default: String| {
            Some(name(field)).filter(|name| !name.is_empty()).unwrap_or_else(|| Arc::from(default))
        };
        Resource {
            version: text(version, "/name"),
            list_kind: or("listKind", format!("{kind}List")),
            plural: text(crd, "/spec/names/plural"),
            singular: or("singular", kind.to_lowercase()),
            namespaced: crd.pointer("/spec/scope").and_then(Value::as_str) != Some("Cluster"),
            short_names: strings(crd, &format!("{names}/shortNames")),
            categories: strings(crd, &format!("{names}/categories")),
            verbs: CUSTOM_VERBS.iter().map(|verb| (*verb).to_owned()).collect(),
            subresources: subresources(version, &kind),
            storage_group: group.clone(),
            storage_version: self.storage.clone(),
            custom: Some(self.custom(version)),
            group,
            kind,
        }
    }

    fn custom(&self, version: &Value) -> Custom {
        Custom {
            definition: Arc::from(object::name(self.crd)),
            schema: self.schemas.get(&*text(version, "/name")).cloned().unwrap_or_default(),
            schemas: self.schemas.clone(),
            conforming_since: self.revision,
            deprecation: deprecation(self.crd, version),
            rules: Arc::default(),
            scale: version.pointer("/subresources/scale").map(scale_paths),
            columns: list(version, "/additionalPrinterColumns").iter().map(column).collect(),
            selectable_fields: list(version, "/selectableFields")
                .iter()
                .filter_map(|field| Some(field.get("jsonPath")?.as_str()?.to_owned()))
                .collect(),
            terminating: object::is_deleting(self.crd),
        }
    }
}

/// What users of a deprecated version are told, as `defaultDeprecationWarning` of `customresource_handler.go`.
fn deprecation(crd: &Value, version: &Value) -> Option<Arc<str>> {
    if !flag(version, "deprecated") {
        return None;
    }
    if let Some(own) = version.get("deprecationWarning").and_then(Value::as_str) {
        return Some(own.into());
    }
    let (group, kind, name) = (text(crd, "/spec/group"), text(crd, "/spec/names/kind"), text(version, "/name"));
    let fresh = list(crd, "/spec/versions").iter().filter(|other| flag(other, "served") && !flag(other, "deprecated"));
    let newer = fresh.map(|other| text(other, "/name")).filter(|other| compare(other, &name).is_lt());
    let best = newer.min_by(|a, b| compare(a, b));
    let instead = best.map(|best| format!("; use {group}/{best} {kind}")).unwrap_or_default();
    Some(format!("{group}/{name} {kind} is deprecated{instead}").into())
}

fn names(crd: &Value, of: &str) -> Vec<String> {
    let mut names = strings(crd, &format!("{of}/shortNames"));
    for field in ["plural", "singular"] {
        let name = text(crd, &format!("{of}/{field}"));
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
