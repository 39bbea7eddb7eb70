//! The built-in resources, shared by all clusters.
//! It must not know custom resources.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use mainstay_apimachinery::GroupVersionKind;
use mainstay_apimachinery::builtin::{self, ResourceInfo, SubresourceInfo};

use super::resource::{Resource, Subresource};

/// The built-in resources, found by name and by kind.
#[derive(Debug, Default)]
pub(super) struct Builtins {
    all: Vec<Arc<Resource>>,
    by_plural: HashMap<Arc<str>, Vec<Arc<Resource>>>,
    by_kind: HashMap<Arc<str>, Vec<Arc<Resource>>>,
}

static BUILTINS: LazyLock<Builtins> = LazyLock::new(|| Builtins::of(builtin::resources().iter().map(resource)));

/// The built-in resources.
pub(super) fn builtins() -> &'static Builtins {
    &BUILTINS
}

/// Resources that two groups or versions show, and where their objects are stored: (group, version, plural, stored as).
const VIEWS: [(&str, &str, &str, (&str, &str)); 2] = [
    ("events.k8s.io", "v1", "events", ("", "v1")),
    ("autoscaling", "v1", "horizontalpodautoscalers", ("autoscaling", "v2")),
];

fn resource(info: &ResourceInfo) -> Resource {
    let view = VIEWS.iter().find(|view| (view.0, view.1, view.2) == (info.group, info.version, info.resource));
    let (storage_group, storage_version) = view.map_or((info.group, info.version), |view| view.3);
    Resource {
        group: info.group.into(),
        version: info.version.into(),
        kind: info.kind.into(),
        list_kind: info.list_kind.into(),
        plural: info.resource.into(),
        singular: info.singular.into(),
        namespaced: info.namespaced,
        short_names: owned(info.short_names),
        categories: owned(info.categories),
        verbs: owned(info.verbs),
        subresources: info.subresources.iter().map(|sub| subresource(info, sub)).collect(),
        storage_group: storage_group.into(),
        storage_version: storage_version.into(),
        custom: None,
    }
}

fn subresource(info: &ResourceInfo, sub: &SubresourceInfo) -> Subresource {
    let kind = if sub.kind.is_empty() { info.kind } else { sub.kind };
    Subresource {
        name: sub.name.to_owned(),
        kind: GroupVersionKind::new(sub.group, sub.version, kind),
        verbs: owned(sub.verbs),
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl Builtins {
    fn of(resources: impl Iterator<Item = Resource>) -> Self {
        let mut found = Self::default();
        for resource in resources.map(Arc::new) {
            found.by_plural.entry(resource.plural.clone()).or_default().push(resource.clone());
            found.by_kind.entry(resource.kind.clone()).or_default().push(resource.clone());
            found.all.push(resource);
        }
        found
    }

    pub(super) fn all(&self) -> &[Arc<Resource>] {
        &self.all
    }

    pub(super) fn resolve(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.by_plural.get(plural)?.iter().find(|r| &*r.group == group && &*r.version == version)
    }

    pub(super) fn by_kind(&self, gvk: &GroupVersionKind) -> Option<&Arc<Resource>> {
        self.by_kind.get(gvk.kind.as_str())?.iter().find(|r| *r.group == *gvk.group && *r.version == *gvk.version)
    }
}
