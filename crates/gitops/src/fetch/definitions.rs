//! Which kinds of a cluster are instances of graphs: the names of the CRDs that carry kro's label, kept current by
//! the watch on CRDs.
//! It must not know what such a kind means for health.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mainstay_api::kro;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{ApiResource, Context, Event, context};
use serde_json::Value;

/// Whether a CRD was made for a graph, by the CRD's name.
type Made = BTreeMap<String, bool>;

/// The CRDs of all clusters, as far as they were asked for. Nothing is kept of one but its name and that one label.
#[derive(Clone, Default)]
pub(crate) struct Definitions(Arc<Mutex<HashMap<String, Made>>>);

impl Definitions {
    fn clusters(&self) -> MutexGuard<'_, HashMap<String, Made>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches the CRDs of a cluster, if it does not yet; `changed` is told of every change.
    pub(crate) fn watch(&self, cluster: &Context, changed: impl Fn() + Send + Sync + 'static) {
        let name = cluster.cluster.clone();
        if !self.is_new(&name) {
            return;
        }
        let known = self.clone();
        cluster.informers.informer(&crds()).add_handler(move |event| {
            known.note(&name, event);
            changed();
        });
    }

    fn is_new(&self, cluster: &str) -> bool {
        let mut clusters = self.clusters();
        let new = !clusters.contains_key(cluster);
        clusters.entry(cluster.to_owned()).or_default();
        new
    }

    fn note(&self, cluster: &str, event: &Event<'_>) {
        let mut clusters = self.clusters();
        let made = clusters.entry(cluster.to_owned()).or_default();
        match event {
            Event::Applied { object } => drop(made.insert(object::name(object).to_owned(), is_made(object))),
            Event::Deleted { object } => drop(made.remove(object::name(object))),
        }
    }

    /// Whether a resource's instances are those of a graph. A CRD that the watch has not shown yet is read, once.
    pub(crate) async fn made_for_graph(&self, cluster: &Context, resource: &ApiResource) -> bool {
        let name = format!("{}.{}", resource.plural, resource.group);
        let known = self.clusters().get(&cluster.cluster).and_then(|made| made.get(&name).copied());
        if let Some(made) = known {
            return made;
        }
        // A kind without CRD is an aggregated API's. Who may not read CRDs does without the knowledge.
        let Ok(found) = cluster.api(&crds(), None).get(&name).await else { return false };
        let made = found.as_ref().is_some_and(is_made);
        *self.clusters().entry(cluster.cluster.clone()).or_default().entry(name).or_insert(made)
    }
}

fn is_made(crd: &Value) -> bool {
    object::label(crd, kro::OWNED) == Some("true")
}

/// The CRD API.
pub(super) fn crds() -> ApiResource {
    context::resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")
}
