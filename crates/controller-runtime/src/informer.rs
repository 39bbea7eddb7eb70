//! Caches of what the API server holds, kept current by watches, and handlers told of every change.
//! Named after client-go's shared informers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Client};
use mainstay_apimachinery::object;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::watched::{Watched, with_type};
use crate::{Clock, ObjectKey};

/// First and longest wait before a failed watch starts again.
const RESTART: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// Objects of one page of the first list. Parsed they take ten times their text, so a page must stay small beside
/// the cache it fills.
const PAGE: u32 = 100;

/// A change of one object, as a handler sees it.
#[derive(Debug)]
pub enum Event<'a> {
    /// The object was created or changed, or is there at the start.
    Applied {
        /// The object now, without `managedFields`.
        object: &'a Value,
    },
    /// The object is gone.
    Deleted {
        /// Its last known state.
        object: &'a Value,
    },
}

impl Event<'_> {
    /// The object now, or its last known state.
    #[must_use]
    pub fn object(&self) -> &Value {
        match self {
            Event::Applied { object } | Event::Deleted { object } => object,
        }
    }
}

type Handler = Box<dyn Fn(&Event<'_>) + Send + Sync>;
/// Gives the keys an object is found under in an index.
type IndexFn = Box<dyn Fn(&Value) -> Vec<String> + Send + Sync>;

/// The cache of one resource in one cluster. Cheap to clone.
#[derive(Clone)]
pub struct Informer {
    inner: Arc<Inner>,
}

struct Inner {
    resource: ApiResource,
    cache: Mutex<Cache>,
    /// Separate from the cache, so that a handler may read the cache.
    handlers: Mutex<Vec<Handler>>,
    synced: watch::Sender<bool>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Cache {
    objects: BTreeMap<ObjectKey, Arc<str>>,
    indices: BTreeMap<&'static str, Index>,
    /// Keys seen since a relist began; what is missing at its end is gone.
    relisting: Option<BTreeSet<ObjectKey>>,
}

struct Index {
    keys_of: IndexFn,
    entries: BTreeMap<String, BTreeSet<ObjectKey>>,
}

impl Informer {
    fn new(resource: ApiResource, stop: CancellationToken) -> Self {
        Self {
            inner: Arc::new(Inner {
                resource,
                cache: Mutex::default(),
                handlers: Mutex::default(),
                synced: watch::Sender::new(false),
                stop,
            }),
        }
    }

    /// The resource watched.
    #[must_use]
    pub fn resource(&self) -> &ApiResource {
        &self.inner.resource
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.inner.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One object; the namespace is empty for cluster-scoped kinds.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<Value> {
        self.get_key(&ObjectKey::new(namespace, name))
    }

    /// One object by its key.
    #[must_use]
    pub fn get_key(&self, key: &ObjectKey) -> Option<Value> {
        let json = self.cache().objects.get(key).cloned()?;
        Some(parse(&json))
    }

    /// All objects, by namespace and name.
    #[must_use]
    pub fn list(&self) -> Vec<Value> {
        let all: Vec<_> = self.cache().objects.values().cloned().collect();
        all.iter().map(|json| parse(json)).collect()
    }

    /// The keys of all objects.
    #[must_use]
    pub fn keys(&self) -> Vec<ObjectKey> {
        self.cache().objects.keys().cloned().collect()
    }

    /// All objects of a namespace.
    #[must_use]
    pub fn list_namespace(&self, namespace: &str) -> Vec<Value> {
        let from = ObjectKey::new(namespace, "");
        let cache = self.cache();
        let found: Vec<_> = cache
            .objects
            .range(from..)
            .take_while(|(key, _)| key.namespace == namespace)
            .map(|(_, json)| Arc::clone(json))
            .collect();
        drop(cache);
        found.iter().map(|json| parse(json)).collect()
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cache().objects.len()
    }

    /// Whether there are no objects.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an index; a second call with the same name changes nothing.
    pub fn add_index(&self, name: &'static str, keys_of: impl Fn(&Value) -> Vec<String> + Send + Sync + 'static) {
        let mut cache = self.cache();
        if cache.indices.contains_key(name) {
            return;
        }
        let mut index = Index { keys_of: Box::new(keys_of), entries: BTreeMap::new() };
        for (key, json) in &cache.objects {
            index.insert(key, &parse(json));
        }
        cache.indices.insert(name, index);
    }

    /// The objects an index holds under a key.
    #[must_use]
    pub fn by_index(&self, name: &str, key: &str) -> Vec<Value> {
        let cache = self.cache();
        let Some(keys) = cache.indices.get(name).and_then(|index| index.entries.get(key)) else { return Vec::new() };
        let found: Vec<_> = keys.iter().filter_map(|key| cache.objects.get(key).cloned()).collect();
        drop(cache);
        found.iter().map(|json| parse(json)).collect()
    }

    /// The keys of the objects an index holds under a key.
    #[must_use]
    pub fn keys_by_index(&self, name: &str, key: &str) -> Vec<ObjectKey> {
        let cache = self.cache();
        let keys = cache.indices.get(name).and_then(|index| index.entries.get(key));
        keys.into_iter().flatten().cloned().collect()
    }

    /// Tells a handler of every object there is and of every change from now on.
    ///
    /// The handler runs on the watch's task: it must be quick and must not add handlers.
    pub fn add_handler(&self, handler: impl Fn(&Event<'_>) + Send + Sync + 'static) {
        let mut handlers = self.handlers();
        for object in self.list() {
            handler(&Event::Applied { object: &object });
        }
        handlers.push(Box::new(handler));
    }

    fn handlers(&self) -> MutexGuard<'_, Vec<Handler>> {
        self.inner.handlers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the first list is complete.
    #[must_use]
    pub fn has_synced(&self) -> bool {
        *self.inner.synced.borrow()
    }

    /// Waits until the first list is complete.
    pub async fn synced(&self) {
        // Only fails once the sender is gone, and self holds it.
        let _ = self.inner.synced.subscribe().wait_for(|synced| *synced).await;
    }

    async fn run(self, client: Client, clock: Clock) {
        let api: Api<Watched> = Api::all_with(client, &self.inner.resource);
        let mut events = Box::pin(watcher(api, watcher::Config::default().page_size(PAGE)));
        let mut delay = RESTART.0;
        loop {
            let event = tokio::select! {
                () = self.inner.stop.cancelled() => return,
                event = events.next() => event,
            };
            match event {
                Some(Ok(event)) => {
                    delay = RESTART.0;
                    self.take(event);
                }
                Some(Err(error)) => {
                    tracing::debug!(resource = %self.inner.resource.plural, error = %mainstay_telemetry::chain(&error), "watch failed");
                    tokio::select! {
                        () = self.inner.stop.cancelled() => return,
                        () = clock.sleep(delay) => {}
                    }
                    delay = (delay * 2).min(RESTART.1);
                }
                None => return,
            }
        }
    }

    fn take(&self, event: watcher::Event<Watched>) {
        match event {
            watcher::Event::Init => self.cache().relisting = Some(BTreeSet::new()),
            watcher::Event::InitApply(watched) | watcher::Event::Apply(watched) => self.applied(watched.value),
            watcher::Event::Delete(watched) => self.deleted(with_type(watched.value, &self.inner.resource)),
            watcher::Event::InitDone => {
                for gone in self.end_of_relist() {
                    self.deleted(gone);
                }
                self.inner.synced.send_replace(true);
            }
        }
    }

    fn applied(&self, value: Value) {
        let value = with_type(value, &self.inner.resource);
        let handlers = self.handlers();
        if self.cache().insert(&value) {
            for handler in handlers.iter() {
                handler(&Event::Applied { object: &value });
            }
        }
    }

    fn deleted(&self, value: Value) {
        let handlers = self.handlers();
        self.cache().remove(&ObjectKey::of(&value));
        for handler in handlers.iter() {
            handler(&Event::Deleted { object: &value });
        }
    }

    fn end_of_relist(&self) -> Vec<Value> {
        let mut cache = self.cache();
        let Some(seen) = cache.relisting.take() else { return Vec::new() };
        cache.objects.iter().filter(|(key, _)| !seen.contains(key)).map(|(_, json)| parse(json)).collect()
    }
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).expect("the cache holds what was serialised")
}

impl Cache {
    /// Stores an object; false if it is stored already exactly so.
    fn insert(&mut self, value: &Value) -> bool {
        let key = ObjectKey::of(value);
        if let Some(seen) = &mut self.relisting {
            seen.insert(key.clone());
        }
        let json: Arc<str> = serde_json::to_string(value).expect("a JSON value has only string keys").into();
        if self.objects.get(&key).is_some_and(|known| *known == json) {
            return false;
        }
        let old = self.objects.insert(key.clone(), json);
        let old = old.filter(|_| !self.indices.is_empty()).map(|json| parse(&json));
        for index in self.indices.values_mut() {
            if let Some(old) = &old {
                index.remove(&key, old);
            }
            index.insert(&key, value);
        }
        true
    }

    fn remove(&mut self, key: &ObjectKey) {
        let Some(json) = self.objects.remove(key) else { return };
        if self.indices.is_empty() {
            return;
        }
        let old = parse(&json);
        for index in self.indices.values_mut() {
            index.remove(key, &old);
        }
    }
}

impl Index {
    fn insert(&mut self, key: &ObjectKey, value: &Value) {
        for entry in (self.keys_of)(value) {
            self.entries.entry(entry).or_default().insert(key.clone());
        }
    }

    fn remove(&mut self, key: &ObjectKey, value: &Value) {
        for entry in (self.keys_of)(value) {
            if let Some(keys) = self.entries.get_mut(&entry) {
                keys.remove(key);
                if keys.is_empty() {
                    self.entries.remove(&entry);
                }
            }
        }
    }
}

/// The uids of an object's owners: for [`Informer::add_index`].
#[must_use]
pub fn owner_uids(value: &Value) -> Vec<String> {
    object::owner_references(value).filter_map(|owner| owner.get("uid")?.as_str().map(str::to_owned)).collect()
}

/// The informers of one cluster and identity: one per resource, started when first asked for. Cheap to clone.
#[derive(Clone)]
pub struct Informers {
    client: Client,
    clock: Clock,
    shutdown: CancellationToken,
    running: Arc<Mutex<HashMap<ApiResource, Informer>>>,
}

impl Informers {
    /// No informers yet.
    #[must_use]
    pub fn new(client: Client, clock: Clock, shutdown: CancellationToken) -> Self {
        Self { client, clock, shutdown, running: Arc::default() }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<ApiResource, Informer>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The informer of a resource, started on the current runtime if it does not run yet.
    #[must_use]
    pub fn informer(&self, resource: &ApiResource) -> Informer {
        let mut running = self.running();
        if let Some(informer) = running.get(resource) {
            return informer.clone();
        }
        let informer = Informer::new(resource.clone(), self.shutdown.child_token());
        running.insert(resource.clone(), informer.clone());
        tokio::spawn(informer.clone().run(self.client.clone(), self.clock.clone()));
        informer
    }

    /// Stops and forgets the informer of a resource, such as one whose CRD is gone.
    pub fn stop(&self, resource: &ApiResource) {
        if let Some(informer) = self.running().remove(resource) {
            informer.inner.stop.cancel();
        }
    }
}
