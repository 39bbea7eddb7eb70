//! The children of all instances as caches hold them: found by the uid of their instance, each change wakes it.
//! It must not know graphs.

mod recent;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mainstay_api::kro;
use mainstay_apimachinery::{GroupVersionKind, object};
use mainstay_controller_runtime::{ApiResource, Context, Event, Informer, ObjectKey, WorkQueue, mapper};
use serde_json::Value;

use crate::changes::Changes;
use crate::graph::Graph;

pub use recent::Recent;

/// Index of the caches: the uid of the instance.
const BY_INSTANCE: &str = "kro.run/instance-id";
/// How long a cache may take to fill before an instance that needs it is told so.
const SYNC_TIMEOUT: Duration = Duration::from_secs(15);

/// Where to wake an instance.
#[derive(Clone)]
pub struct Route {
    /// The queue of its kind.
    pub queue: WorkQueue<ObjectKey>,
    /// Its key there.
    pub key: ObjectKey,
    /// Its graph: a change of a status that it does not read wakes nobody.
    pub graph: Arc<Graph>,
}

/// An object that instances refer to: its kind, namespace and name; an empty name means all of the kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// Kind.
    pub gvk: GroupVersionKind,
    /// Namespace and name.
    pub key: ObjectKey,
}

/// Shared by the controllers of all kinds in one cluster. Cheap to clone.
#[derive(Clone)]
pub struct Children {
    context: Context,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Instances by uid.
    routes: Mutex<HashMap<String, Route>>,
    /// Instances by what they refer to.
    references: Mutex<HashMap<Reference, BTreeSet<String>>>,
    watched: Mutex<HashMap<ApiResource, Informer>>,
    missing: Mutex<BTreeSet<GroupVersionKind>>,
    recent: Recent,
    changes: Changes,
}

/// A cache could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Discovery failed.
    #[error("failed to find the resource of {0}")]
    Discover(GroupVersionKind, #[source] mapper::Error),
    /// The watch does not come up.
    #[error(
        "failed to watch {0}: the API server does not list it; check that mainstay-orchestrator may list and watch it"
    )]
    Watch(GroupVersionKind),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Children {
    /// No caches yet.
    #[must_use]
    pub fn new(context: &Context) -> Self {
        Self { context: context.clone(), shared: Arc::default() }
    }

    /// What was applied lately and caches may not show yet.
    #[must_use]
    pub fn recent(&self) -> &Recent {
        &self.shared.recent
    }

    /// Says where to wake an instance.
    pub fn register(&self, uid: &str, route: Route) {
        lock(&self.shared.routes).insert(uid.to_owned(), route);
    }

    /// Forgets an instance.
    pub fn unregister(&self, uid: &str) {
        lock(&self.shared.routes).remove(uid);
        self.shared.recent.forget(uid);
        self.refer(uid, &BTreeSet::new());
    }

    /// Says what an instance refers to besides its children.
    pub fn refer(&self, uid: &str, references: &BTreeSet<Reference>) {
        let mut known = lock(&self.shared.references);
        known.retain(|reference, uids| {
            if !references.contains(reference) {
                uids.remove(uid);
            }
            !uids.is_empty()
        });
        for reference in references {
            known.entry(reference.clone()).or_default().insert(uid.to_owned());
        }
    }

    /// Forgets that kinds of a group were not served.
    pub fn group_changed(&self, group: &str) {
        lock(&self.shared.missing).retain(|gvk| gvk.group != group);
    }

    /// The filled cache of a kind; `None` while the cluster does not serve it.
    ///
    /// # Errors
    /// When discovery fails or the cache does not fill.
    pub async fn cache(&self, gvk: &GroupVersionKind) -> Result<Option<Informer>, Error> {
        if lock(&self.shared.missing).contains(gvk) {
            return Ok(None);
        }
        let mapping = self.context.mapper.resolve(gvk).await.map_err(|error| Error::Discover(gvk.clone(), error))?;
        let Some(mapping) = mapping else {
            lock(&self.shared.missing).insert(gvk.clone());
            return Ok(None);
        };
        let informer = self.informer(&mapping.resource, gvk);
        if !informer.has_synced() {
            let synced = tokio::time::timeout(SYNC_TIMEOUT, informer.synced()).await;
            synced.map_err(|_| Error::Watch(gvk.clone()))?;
        }
        Ok(Some(informer))
    }

    fn informer(&self, resource: &ApiResource, gvk: &GroupVersionKind) -> Informer {
        let mut watched = lock(&self.shared.watched);
        if let Some(informer) = watched.get(resource) {
            return informer.clone();
        }
        let informer = self.context.informers.informer(resource);
        informer.add_index(BY_INSTANCE, |child| {
            object::label(child, kro::INSTANCE_ID).map(str::to_owned).into_iter().collect()
        });
        // The handler must not keep the caches alive: they hold it.
        let shared = Arc::downgrade(&self.shared);
        let gvk = gvk.clone();
        informer.add_handler(move |event| {
            if let Some(shared) = shared.upgrade() {
                shared.changed(&gvk, event);
            }
        });
        watched.insert(resource.clone(), informer.clone());
        informer
    }

    /// The live children of an instance among the kinds given, newest known state each.
    ///
    /// # Errors
    /// When a cache cannot be read.
    pub async fn of(&self, uid: &str, kinds: &BTreeSet<GroupVersionKind>) -> Result<Vec<Value>, Error> {
        let mut children = Vec::new();
        for gvk in kinds {
            let Some(cache) = self.cache(gvk).await? else { continue };
            children.extend(self.shared.recent.overlay(gvk, uid, cache.by_index(BY_INSTANCE, uid)));
        }
        Ok(children)
    }
}

impl Shared {
    fn changed(&self, gvk: &GroupVersionKind, event: &Event<'_>) {
        let object = event.object();
        if let Some(uid) = object::label(object, kro::INSTANCE_ID) {
            let changed = match event {
                Event::Deleted { .. } => {
                    self.recent.gone(object);
                    self.changes.forget(object);
                    true
                }
                Event::Applied { .. } => self.changes.beyond_status(object),
            };
            if changed || self.reads(uid, object) {
                self.wake(uid);
            }
        }
        let key = ObjectKey::of(object);
        let references = lock(&self.references);
        if references.is_empty() {
            return;
        }
        for key in [key, ObjectKey::new("", "")] {
            let uids = references.get(&Reference { gvk: gvk.clone(), key });
            uids.into_iter().flatten().for_each(|uid| self.wake(uid));
        }
    }

    /// Whether an instance's graph reads the objects of a child's node.
    fn reads(&self, uid: &str, child: &Value) -> bool {
        let node = object::label(child, kro::NODE_ID).unwrap_or_default();
        lock(&self.routes).get(uid).is_none_or(|route| route.graph.reads.contains(node))
    }

    fn wake(&self, uid: &str) {
        if let Some(route) = lock(&self.routes).get(uid) {
            route.queue.add(route.key.clone());
        }
    }
}
