//! What the server itself does after a write: garbage collection by owner references, emptying namespaces and
//! definitions that are being deleted, the end of events. It must not know any kind but those three.
//!
//! Driven by the store's feed, so it polls nothing and behaves the same on a fork; only events have a time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use mainstay_controller_runtime::{CancellationToken, Class, Classify, IdleProbe, WorkQueue};
use mainstay_store::{Change, Event, ObjectKey};
use mainstay_telemetry::chain;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::identity::Identity;
use crate::server::ApiServer;

mod definition;
mod events;
mod garbage;
mod graph;
mod metadata;
mod namespace;
mod write;

use graph::Graph;
use metadata::Metadata;
use write::Failure;

/// Name of the field manager and of the service account.
const MANAGER: &str = "apiserver";
/// Objects worked on at a time: enough to share the store's group commits.
const CONCURRENCY: usize = 16;

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    /// An object that has owners: are they still there?
    Dependent(ObjectKey),
    /// An object being deleted that waits for its dependents, or orphans them.
    Owner(ObjectKey),
    /// A namespace being deleted.
    Namespace(ObjectKey),
    /// A `CustomResourceDefinition` being deleted.
    Definition(ObjectKey),
    /// An event: is its time over?
    Event(ObjectKey),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dependent(key)
            | Self::Owner(key)
            | Self::Namespace(key)
            | Self::Definition(key)
            | Self::Event(key) => key.fmt(f),
        }
    }
}

/// Which of the server's background work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duties {
    /// All of it: what upstream's API server and its controller manager do to objects that go.
    All,
    /// What upstream's API server itself does: definitions are established, and take their objects with them.
    Definitions,
}

/// What all workers share.
struct Lifecycle {
    server: ApiServer,
    duties: Duties,
    queue: WorkQueue<Key>,
    graph: Mutex<Graph>,
    clients: Mutex<HashMap<Arc<str>, kube::Client>>,
}

/// What the server may do to the objects of a cluster once they are written.
pub(crate) fn rules() -> Value {
    json!([{
        "apiGroups": ["*"], "resources": ["*"],
        "verbs": ["delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    }])
}

impl ApiServer {
    /// Starts garbage collection and the ends of namespaces and definitions, for all clusters, until `shutdown`.
    /// Must be called within a tokio runtime.
    pub fn start_background(&self, shutdown: CancellationToken) -> JoinHandle<()> {
        self.start_background_with(IdleProbe::new(), shutdown)
    }

    /// As [`Self::start_background`], telling a probe what is pending.
    pub fn start_background_with(&self, probe: IdleProbe, shutdown: CancellationToken) -> JoinHandle<()> {
        self.start_duties(Duties::All, probe, shutdown)
    }

    /// As [`Self::start_background_with`], but for a part of the work.
    pub fn start_duties(&self, duties: Duties, probe: IdleProbe, shutdown: CancellationToken) -> JoinHandle<()> {
        let lifecycle = Arc::new(Lifecycle {
            server: self.clone(),
            duties,
            queue: WorkQueue::new(probe.clone()),
            graph: Mutex::default(),
            clients: Mutex::default(),
        });
        let work = tokio::spawn(work(lifecycle.clone()));
        let starting = probe.begin();
        tokio::spawn(async move {
            lifecycle.settle_definitions().await;
            drop(starting);
            tokio::select! {
                () = lifecycle.follow() => {}
                () = shutdown.cancelled() => {}
            }
            lifecycle.queue.close();
            let _ = work.await;
        })
    }
}

/// Works on what is queued until the queue is closed.
async fn work(lifecycle: Arc<Lifecycle>) {
    let permits = Arc::new(Semaphore::new(CONCURRENCY));
    while let Some(lease) = lifecycle.queue.next().await {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let lifecycle = lifecycle.clone();
        tokio::spawn(async move {
            let key = lease.key().clone();
            match lifecycle.reconcile(&key).await {
                Ok(()) => lifecycle.queue.forget(&key),
                Err(error) => lifecycle.retry(key, &error),
            }
            drop((lease, permit));
        });
    }
}

impl Lifecycle {
    /// Reads the whole store, then follows it; starts over when it fell behind.
    async fn follow(&self) {
        loop {
            let revision = self.read_all();
            let Ok(mut feed) = self.server.store().feed(revision) else { continue };
            while let Ok(event) = feed.next().await {
                self.observe(&event);
            }
            tracing::warn!("garbage collection fell behind the store's log and reads everything again");
        }
    }

    fn read_all(&self) -> u64 {
        let snapshot = self.server.snapshot();
        let mut keys = Vec::new();
        let mut graph = Graph::default();
        let records = snapshot.kinds().flat_map(|kind| snapshot.list(kind, None));
        for record in records {
            if events::are(&record.key.kind) {
                self.keep_found(&record.key, &record.bytes);
            }
            keys.extend(graph.put(&record.key, &Metadata::of(&record.bytes)));
        }
        *self.graph() = graph;
        self.add_all(keys);
        snapshot.revision()
    }

    fn observe(&self, event: &Event) {
        if event.change == Change::Put && events::are(&event.key.kind) {
            self.keep(&event.key);
        }
        let metadata = Metadata::of(&event.object);
        let keys = match event.change {
            Change::Put => self.graph().put(&event.key, &metadata),
            Change::Delete => self.graph().delete(&event.key, &metadata),
        };
        self.add_all(keys);
    }

    fn add_all(&self, keys: Vec<Key>) {
        let wanted = |key: &Key| self.duties == Duties::All || matches!(key, Key::Definition(_));
        keys.into_iter().filter(wanted).for_each(|key| self.queue.add(key));
    }

    fn graph(&self) -> std::sync::MutexGuard<'_, Graph> {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn reconcile(&self, key: &Key) -> Result<(), Failure> {
        match key {
            Key::Dependent(key) => self.collect(key).await,
            Key::Owner(key) => self.release(key).await,
            Key::Namespace(key) => self.empty_namespace(key).await,
            Key::Definition(key) => self.empty_definition(key).await,
            Key::Event(key) => self.expire(key).await,
        }
    }

    /// Tries again after what may pass; a refusal stays until the object changes.
    fn retry(&self, key: Key, error: &Failure) {
        if error.class() == Class::Terminal {
            tracing::warn!(object = %key, error = chain(error), "deletion was refused");
        } else {
            tracing::debug!(object = %key, error = chain(error), "deletion is tried again");
            self.queue.add_failed(key);
        }
    }

    fn client(&self, cluster: &Arc<str>) -> kube::Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || self.server.client(cluster, Identity::controller(MANAGER));
        clients.entry(cluster.clone()).or_insert_with(new).clone()
    }
}
