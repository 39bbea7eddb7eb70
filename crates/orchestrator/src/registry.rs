//! Which kinds are served, each with the graph it is served by, and the controllers that do it.
//! It must not know how a graph is made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mainstay_apimachinery::GroupKind;
use mainstay_controller_runtime::{CancellationToken, Informer, ObjectKey, WorkQueue};

use crate::graph::Graph;
use crate::problem::Problem;

/// A definition as it was last seen.
#[derive(Clone, Default)]
pub struct Definition {
    /// What it was compiled from: the definition's generation and the kinds it uses as they were known.
    pub fingerprint: String,
    /// The last good graph: it serves until a better one comes.
    pub graph: Option<Arc<Graph>>,
    /// Stands in for a graph there never was: enough to delete the instances that remain, never to apply.
    pub stub: Option<Arc<Graph>>,
    /// What is wrong with the present definition.
    pub problems: Vec<Problem>,
    /// The kinds it uses.
    pub mentions: BTreeSet<GroupKind>,
    /// What reconciles its instances.
    pub serving: Option<Serving>,
}

/// A running controller of instances.
#[derive(Clone)]
pub struct Serving {
    /// Wakes instances.
    pub queue: WorkQueue<ObjectKey>,
    /// The instances.
    pub instances: Informer,
    /// Ends it.
    pub stop: CancellationToken,
}

/// All definitions of one cluster. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry {
    definitions: Arc<Mutex<BTreeMap<String, Definition>>>,
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Definition>> {
        self.definitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A definition by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Definition {
        self.lock().get(name).cloned().unwrap_or_default()
    }

    /// Replaces a definition.
    pub fn set(&self, name: &str, definition: Definition) {
        self.lock().insert(name.to_owned(), definition);
    }

    /// The last good graph of a definition.
    #[must_use]
    pub fn graph(&self, name: &str) -> Option<Arc<Graph>> {
        self.lock().get(name)?.graph.clone()
    }

    /// What can delete a definition's instances where no graph can apply them.
    #[must_use]
    pub fn stub(&self, name: &str) -> Option<Arc<Graph>> {
        self.lock().get(name)?.stub.clone()
    }

    /// Whether the instances of a definition are known.
    #[must_use]
    pub fn has_synced(&self, name: &str) -> bool {
        self.get(name).serving.is_some_and(|serving| serving.instances.has_synced())
    }

    /// Forgets a definition and stops what serves it.
    pub fn remove(&self, name: &str) {
        if let Some(serving) = self.lock().remove(name).and_then(|definition| definition.serving) {
            serving.stop.cancel();
        }
    }

    /// The other definition that serves a kind, if one does.
    #[must_use]
    pub fn other_server(&self, name: &str, kind: &GroupKind) -> Option<String> {
        let serves = |definition: &Definition| {
            definition.serving.is_some()
                && definition.graph.as_ref().is_some_and(|graph| graph.instance.gvk.group_kind() == *kind)
        };
        self.lock()
            .iter()
            .find(|(other, definition)| *other != name && serves(definition))
            .map(|(other, _)| other.clone())
    }

    /// The definitions that use or serve a kind, which has come, changed or gone.
    #[must_use]
    pub fn concerned(&self, kind: &GroupKind) -> Vec<String> {
        let concerned = |definition: &Definition| {
            let serves = definition.graph.as_ref().is_some_and(|graph| graph.instance.gvk.group_kind() == *kind);
            serves || definition.mentions.contains(kind)
        };
        self.lock().iter().filter(|(_, definition)| concerned(definition)).map(|(name, _)| name.clone()).collect()
    }
}
