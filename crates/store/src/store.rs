//! The store's handle: transactions, snapshots, watches and forks.
//! It must not know how batches reach the disk.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use crate::commit::{Committer, Core};
use crate::feed::Feed;
use crate::journal::SegmentFiles;
use crate::watch::{Compacted, Watch};
use crate::world::World;
use crate::{Backend, Error, Journal, JournalOptions, KindKey, Loaded, RedbBackend, Snapshot, Transaction};

/// Bounds of a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// Most events kept for watches, over all kinds. 8192 let a watcher stall for seconds at two thousand writes a
    /// second; their structs and list slots cost 2 MiB.
    pub log_events: usize,
    /// Most bytes of events kept for watches, over all kinds. 12 MiB hold 5000 writes of 2.5 KiB, and leave
    /// 25000 live objects (60 MiB) and everything else in the process below 400 MiB.
    pub log_bytes: usize,
    /// Bytes the database may use as cache. All objects are in memory anyway, so it only serves the inner
    /// nodes of the tree and the pages of one commit: 8 MiB.
    pub cache_bytes: usize,
    /// Size of each of the two segments of the journal. 512 KiB hold some three hundred creates of 1 KiB. With 2 MiB as
    /// many creates were made in a second, and one in a hundred took 13 ms instead of 8, since the database is longer at it.
    pub journal_bytes: usize,
    /// A file below this size is never compacted. redb makes files of 1 MiB at least and grows them by doubling: 32 MiB.
    pub compact_above_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log_events: 8 << 10,
            log_bytes: 12 << 20,
            cache_bytes: 8 << 20,
            journal_bytes: 512 << 10,
            compact_above_bytes: 32 << 20,
        }
    }
}

/// A handle to a store; clones share it. The last one dropped finishes pending writes.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<Core>,
    options: Options,
    /// `None`: nothing is durable, writes are visible at once.
    committer: Option<Committer>,
}

impl Store {
    /// Opens or makes a durable store in a file.
    ///
    /// # Errors
    /// [`Error::Locked`] when another store holds the file; [`Error::Open`] when it cannot be opened or read.
    pub fn open(path: &Path, options: Options) -> Result<Self, Error> {
        let database = Box::new(RedbBackend::open(path, &options)?);
        let journal = JournalOptions { segment_bytes: options.journal_bytes, salt: random, in_step: false };
        let journal = Journal::over(database, Box::new(SegmentFiles::beside(path)), journal);
        Self::over(Box::new(journal), path, options)
    }

    /// A durable store over any backend.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub fn with_backend(backend: Box<dyn Backend>, options: Options) -> Result<Self, Error> {
        Self::over(backend, Path::new("backend"), options)
    }

    fn over(mut backend: Box<dyn Backend>, path: &Path, options: Options) -> Result<Self, Error> {
        let loaded = backend.load().map_err(|error| Error::open(path, error))?;
        let core = Arc::new(Core::new(World::opened(loaded)));
        let committer = Committer::start(core.clone(), backend).map_err(Error::file("start to write", path))?;
        Ok(Self { inner: Arc::new(Inner { core, options, committer: Some(committer) }) })
    }

    /// A store that lives in memory only.
    #[must_use]
    pub fn ephemeral(options: Options) -> Self {
        Self::in_memory(World::opened(Loaded::default()), options)
    }

    /// Refuses new writes, and blocks until the pending ones are durable and the file is released, whoever else holds
    /// the store. Reads go on. Does nothing to a store in memory.
    pub fn close(&self) {
        if let Some(committer) = &self.inner.committer {
            committer.close();
        }
    }

    /// An independent store in memory with everything that is durable here now. Costs O(1).
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::in_memory(World::clone(&self.inner.core.published()), self.inner.options.clone())
    }

    fn in_memory(world: World, options: Options) -> Self {
        Self { inner: Arc::new(Inner { core: Arc::new(Core::new(world)), options, committer: None }) }
    }

    /// What is durable now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { world: self.inner.core.published() }
    }

    /// Runs a write. The closure runs once, alone, under a lock: it must be short and do no I/O. An error from
    /// it undoes what it did. A transaction that writes nothing consumes no revision and waits for nothing.
    ///
    /// # Errors
    /// Those of the closure; [`Error`] when the write could not be made durable.
    pub async fn transact<T, E, F>(&self, run: F) -> Result<T, E>
    where
        F: FnOnce(&mut Transaction) -> Result<T, E>,
        E: From<Error>,
    {
        let (value, durable) = self.stage(run)?;
        if let Some(durable) = durable {
            durable.await.unwrap_or(Err(Error::Closed))?;
        }
        Ok(value)
    }

    fn stage<T, E, F>(&self, run: F) -> Result<(T, Option<Durable>), E>
    where
        F: FnOnce(&mut Transaction) -> Result<T, E>,
        E: From<Error>,
    {
        let core = &self.inner.core;
        let mut head = core.head();
        if head.closed {
            return Err(Error::Closed.into());
        }
        let mut transaction = Transaction::new(head.world.clone());
        let value = run(&mut transaction)?;
        if transaction.writes.is_empty() {
            return Ok((value, None));
        }
        let revision = transaction.revision();
        let Transaction { mut world, writes, .. } = transaction;
        world.compact(&self.inner.options);
        head.world = world;
        if self.inner.committer.is_none() {
            // Published under the lock, so that states appear in order.
            core.publish(head.world.clone(), writes.keys().map(|key| &key.kind));
            return Ok((value, None));
        }
        head.pending.add(writes, revision);
        let receiver = head.pending.wait();
        drop(head);
        core.wake();
        Ok((value, Some(receiver)))
    }

    /// Why the last batch could not be made durable; `None` while the disk takes writes. Reads and watches go on either
    /// way, and so do attempts to write: the first that succeeds ends the outage.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Option<Error>> {
        self.inner.core.health()
    }

    /// Tries whether the disk takes writes, without writing an object.
    ///
    /// # Errors
    /// When it does not.
    pub async fn probe(&self) -> Result<(), Error> {
        if self.inner.committer.is_none() {
            return Ok(());
        }
        let durable = {
            let mut head = self.inner.core.head();
            if head.closed {
                return Err(Error::Closed);
            }
            head.pending.wait()
        };
        self.inner.core.wake();
        durable.await.unwrap_or(Err(Error::Closed))
    }

    /// Follows the writes of a kind after a revision, in one namespace or in all.
    ///
    /// # Errors
    /// When the events since then are no longer kept.
    pub fn watch(&self, kind: &KindKey, namespace: Option<&str>, from: u64) -> Result<Watch, Compacted> {
        Watch::new(self.inner.core.clone(), kind.clone(), namespace, from)
    }

    /// Follows the writes of all kinds in all clusters after a revision, in the order of writing.
    ///
    /// # Errors
    /// When the events since then are no longer kept.
    pub fn feed(&self, from: u64) -> Result<Feed, Compacted> {
        Feed::new(self.inner.core.clone(), from)
    }
}

/// A number nobody can know, from the keys that the standard library's hash maps have.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

type Durable = oneshot::Receiver<Result<(), Error>>;
