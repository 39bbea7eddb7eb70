//! Making writes durable, many at once, and showing them to readers after.
//! It must not know what a transaction does, nor which disk is used.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use tokio::sync::{oneshot, watch};

use crate::world::World;
use crate::{Backend, BackendError, Batch, Error, KindKey, ObjectKey, Snapshot, Stored};

/// What writers share.
#[derive(Default)]
pub(crate) struct Head {
    pub(crate) world: World,
    pub(crate) pending: Pending,
    /// No more writes are taken.
    pub(crate) closed: bool,
}

/// Writes that are in the head and not yet durable.
#[derive(Default)]
pub(crate) struct Pending {
    writes: BTreeMap<ObjectKey, Option<Stored>>,
    /// Revision of the last write of each kind.
    kinds: BTreeMap<KindKey, u64>,
    waiters: Vec<oneshot::Sender<Result<(), Error>>>,
}

impl Pending {
    pub(crate) fn add(&mut self, writes: BTreeMap<ObjectKey, Option<Stored>>, revision: u64) {
        for (key, stored) in writes {
            match self.kinds.get_mut(&key.kind) {
                Some(last) => *last = revision,
                None => drop(self.kinds.insert(key.kind.clone(), revision)),
            }
            self.writes.insert(key, stored);
        }
    }

    /// Answers once everything added so far is durable, or could not be made so.
    pub(crate) fn wait(&mut self) -> oneshot::Receiver<Result<(), Error>> {
        let (sender, receiver) = oneshot::channel();
        self.waiters.push(sender);
        receiver
    }

    fn answer(self, outcome: &Result<(), Error>) {
        // One who no longer waits does not need the answer.
        self.waiters.into_iter().for_each(|waiter| drop(waiter.send(outcome.clone())));
    }
}

/// The two states of a store and those who wait for them.
pub(crate) struct Core {
    head: Mutex<Head>,
    ready: Condvar,
    published: ArcSwap<World>,
    watchers: Mutex<HashMap<KindKey, watch::Sender<u64>>>,
    /// The published revision, for those who follow all kinds.
    everything: watch::Sender<u64>,
    /// Why the last batch failed.
    health: watch::Sender<Option<Error>>,
}

impl Core {
    pub(crate) fn new(world: World) -> Self {
        Self {
            published: ArcSwap::from_pointee(world.clone()),
            head: Mutex::new(Head { world, ..Head::default() }),
            ready: Condvar::new(),
            watchers: Mutex::default(),
            everything: watch::Sender::new(0),
            health: watch::Sender::new(None),
        }
    }

    /// The head, locked. A panic of an earlier holder left it whole: it is replaced in one assignment.
    pub(crate) fn head(&self) -> MutexGuard<'_, Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn published(&self) -> Arc<World> {
        self.published.load_full()
    }

    /// Wakes the commit thread.
    pub(crate) fn wake(&self) {
        self.ready.notify_one();
    }

    /// Shows a state to readers and tells the watchers of what changed.
    pub(crate) fn publish<'a>(&self, world: World, touched: impl Iterator<Item = &'a KindKey>) {
        let revision = world.revision;
        self.published.store(Arc::new(world));
        self.everything.send_replace(revision);
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        for kind in touched {
            if watchers.get(kind).is_some_and(|sender| sender.is_closed()) {
                watchers.remove(kind);
            } else if let Some(sender) = watchers.get(kind) {
                sender.send_replace(revision);
            }
        }
    }

    pub(crate) fn subscribe(&self, kind: &KindKey) -> watch::Receiver<u64> {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.entry(kind.clone()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    pub(crate) fn subscribe_to_all(&self) -> watch::Receiver<u64> {
        self.everything.subscribe()
    }

    pub(crate) fn health(&self) -> watch::Receiver<Option<Error>> {
        self.health.subscribe()
    }

    /// Waits for writes, or for one who asks whether they can be made; `None` once closed and all is written.
    fn take_pending(&self) -> Option<(Pending, World)> {
        let mut head = self.head();
        while head.pending.waiters.is_empty() && !head.closed {
            head = self.ready.wait(head).unwrap_or_else(PoisonError::into_inner);
        }
        let pending = std::mem::take(&mut head.pending);
        (!pending.waiters.is_empty()).then(|| (pending, head.world.clone()))
    }

    fn recovered(&self) {
        if self.health.send_replace(None).is_some() {
            tracing::info!("the disk takes writes again");
        }
    }

    /// Takes back everything that is not durable: what came after the failed batch may build on it. Answers the keys
    /// of the failed batch.
    fn roll_back(&self, mut failed: Pending, error: &BackendError) -> BTreeSet<ObjectKey> {
        let outcome = Err(Error::write(error));
        let mut head = self.head();
        head.world = World::clone(&self.published());
        let later = std::mem::take(&mut head.pending);
        drop(head);
        self.health.send_replace(outcome.clone().err());
        let keys = std::mem::take(&mut failed.writes).into_keys().collect();
        failed.answer(&outcome);
        later.answer(&outcome);
        keys
    }
}

/// The thread that commits; closing or dropping it finishes what is pending and stops it.
pub(crate) struct Committer {
    core: Arc<Core>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Committer {
    pub(crate) fn start(core: Arc<Core>, backend: Box<dyn Backend>) -> std::io::Result<Self> {
        let shared = core.clone();
        let thread = std::thread::Builder::new().name("store-commit".into()).spawn(move || run(&shared, backend))?;
        Ok(Self { core, thread: Mutex::new(Some(thread)) })
    }
}

impl Committer {
    /// Refuses new writes and blocks until the pending ones are durable and the backend is released.
    pub(crate) fn close(&self) {
        self.core.head().closed = true;
        self.core.wake();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.close();
    }
}

fn run(core: &Core, mut backend: Box<dyn Backend>) {
    // Keys of failed batches, of which nobody knows whether they reached the disk.
    let mut suspect = BTreeSet::new();
    while let Some((mut pending, world)) = core.take_pending() {
        let mut writes = repairs(&suspect, &core.published());
        writes.append(&mut pending.writes);
        let batch = Batch { revision: world.revision, writes, kinds: std::mem::take(&mut pending.kinds) };
        match backend.commit(&batch) {
            Ok(()) => {
                suspect.clear();
                core.publish(world, batch.kinds.keys());
                core.recovered();
                pending.answer(&Ok(()));
                backend.tidy(&Snapshot { world: core.published() });
            }
            Err(error) => {
                tracing::error!(%error, writes = batch.writes.len(), "failed to make writes durable");
                pending.writes = batch.writes;
                suspect.extend(core.roll_back(pending, &error));
            }
        }
    }
}

/// Writes that set suspect keys back to what readers see.
fn repairs(suspect: &BTreeSet<ObjectKey>, published: &World) -> BTreeMap<ObjectKey, Option<Stored>> {
    let state =
        |key| published.get(key).map(|record| Stored { revision: record.revision, bytes: record.bytes.clone() });
    suspect.iter().map(|key| (key.clone(), state(key))).collect()
}
