//! Which resources each logical cluster serves: the built-in ones, shared, and those of its
//! CustomResourceDefinitions. It must not know how objects are stored or how requests look.
//!
//! Reads take no lock. A fork shares all it has with its parent and costs O(1).

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use imbl::OrdMap;
use mainstay_apimachinery::GroupVersionKind;
use serde_json::Value;

mod builtin;
mod resource;

pub use resource::{ALL_VERBS, CUSTOM_VERBS, Column, Custom, Resource, ScalePaths, Subresource};

use crate::crd::Definition;
use crate::discovery::Rendered;

/// The registry of all clusters. Clones share one state; [`Registry::fork`] separates it.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    state: Arc<ArcSwap<State>>,
}

type State = OrdMap<Arc<str>, Arc<ClusterResources>>;

/// What one cluster serves at one moment.
#[derive(Debug, Default)]
pub struct ClusterResources {
    definitions: OrdMap<Arc<str>, Arc<Definition>>,
    /// Discovery and OpenAPI documents of this moment, rendered when first asked for.
    pub(crate) rendered: Rendered,
}

impl Registry {
    /// A registry that serves only built-in resources.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An independent registry that starts from this one's state.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { state: Arc::new(ArcSwap::new(self.state.load_full())) }
    }

    /// What a cluster serves now. A cluster nobody told of serves the built-in resources.
    #[must_use]
    pub fn cluster(&self, cluster: &str) -> Arc<ClusterResources> {
        self.state.load().get(cluster).cloned().unwrap_or_default()
    }

    /// The resource behind `/apis/<group>/<version>/…/<plural>`.
    #[must_use]
    pub fn resolve(&self, cluster: &str, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        if let Some(found) = builtin::builtins().resolve(group, version, plural) {
            return Some(found.clone());
        }
        self.state.load().get(cluster)?.custom(group, version, plural)
    }

    /// Whether a group is one of the server's own.
    #[must_use]
    pub fn is_builtin_group(group: &str) -> bool {
        builtin::builtins().all().iter().any(|resource| &*resource.group == group)
    }

    /// The resource of a kind.
    #[must_use]
    pub fn by_kind(&self, cluster: &str, gvk: &GroupVersionKind) -> Option<Arc<Resource>> {
        if let Some(found) = builtin::builtins().by_kind(gvk) {
            return Some(found.clone());
        }
        self.state.load().get(cluster)?.custom_by_kind(gvk)
    }

    /// Every served resource of a cluster, built-in ones first.
    #[must_use]
    pub fn resources(&self, cluster: &str) -> Vec<Arc<Resource>> {
        self.cluster(cluster).resources()
    }

    /// Takes a CustomResourceDefinition into account, after it was written. An older state than the
    /// known one is ignored, so writers need not agree on the order of their calls.
    pub fn publish(&self, cluster: &str, definition: &Value) {
        let parsed = Definition::parse(definition);
        self.update(cluster, |known| match known.get(&parsed.name) {
            Some(old) if old.uid == parsed.uid && old.revision > parsed.revision => None,
            Some(old) if old.uid == parsed.uid => {
                let successor = parsed.clone().succeeding(old);
                Some(known.update(parsed.name.clone(), Arc::new(successor)))
            }
            _ => Some(known.update(parsed.name.clone(), Arc::new(parsed.clone()))),
        });
    }

    /// Forgets a CustomResourceDefinition, after it was deleted.
    pub fn remove(&self, cluster: &str, definition: &Value) {
        let gone = Definition::parse(definition);
        self.update(cluster, |known| {
            known.get(&gone.name).filter(|old| old.uid == gone.uid)?;
            Some(known.without(&gone.name))
        });
    }

    /// Replaces all that is known of a cluster's definitions, after a write of one turned out not to be durable.
    pub fn reload<'a>(&self, cluster: &str, definitions: impl IntoIterator<Item = &'a Value>) {
        let parsed = definitions.into_iter().map(|definition| Arc::new(Definition::parse(definition)));
        let all: Definitions = parsed.map(|definition| (definition.name.clone(), definition)).collect();
        self.update(cluster, |_| Some(all.clone()));
    }

    fn update(&self, cluster: &str, change: impl Fn(&Definitions) -> Option<Definitions>) {
        self.state.rcu(|state| {
            let empty = Definitions::new();
            let known = state.get(cluster).map_or(&empty, |found| &found.definitions);
            match change(known) {
                Some(definitions) => {
                    let changed = ClusterResources { definitions, rendered: Rendered::default() };
                    Arc::new(state.update(Arc::from(cluster), Arc::new(changed)))
                }
                None => state.clone(),
            }
        });
    }
}

type Definitions = OrdMap<Arc<str>, Arc<Definition>>;

impl ClusterResources {
    /// Every served resource, built-in ones first.
    #[must_use]
    pub fn resources(&self) -> Vec<Arc<Resource>> {
        let custom = self.definitions.values().flat_map(|definition| definition.served.iter());
        builtin::builtins().all().iter().chain(custom).cloned().collect()
    }

    /// The definitions of this cluster, by name.
    pub fn definitions(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.definitions.values()
    }

    /// A definition by name: `<plural>.<group>`.
    #[must_use]
    pub fn definition(&self, name: &str) -> Option<&Arc<Definition>> {
        self.definitions.get(name)
    }

    /// The groups this cluster serves custom resources of.
    #[must_use]
    pub fn custom_groups(&self) -> BTreeSet<Arc<str>> {
        self.definitions.values().filter(|d| !d.served.is_empty()).map(|d| d.group.clone()).collect()
    }

    fn custom(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        let definition = self.definitions.get(format!("{plural}.{group}").as_str())?;
        definition.served.iter().find(|r| &*r.version == version).cloned()
    }

    fn custom_by_kind(&self, gvk: &GroupVersionKind) -> Option<Arc<Resource>> {
        let of_group = self.definitions.values().filter(|d| *d.group == *gvk.group);
        of_group.flat_map(|d| &d.served).find(|r| *r.version == *gvk.version && *r.kind == *gvk.kind).cloned()
    }
}
