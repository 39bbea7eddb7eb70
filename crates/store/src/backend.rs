//! What a store needs of a disk.
//! It must not know revisions' meaning, watches or snapshots.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{Damage, KindKey, ObjectKey, Snapshot};

/// An object as a backend keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Revision of the write that made it.
    pub revision: u64,
    /// The object.
    pub bytes: Bytes,
}

/// Everything a backend holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Revision of the last committed batch; 0 if there was none.
    pub revision: u64,
    /// Watches from before this revision are refused, whatever their kind.
    pub floor: u64,
    /// Revision of the last write of each kind; one that is not here was last written before `floor`, or never.
    pub kinds: Vec<(KindKey, u64)>,
    /// All objects.
    pub objects: Vec<(ObjectKey, Stored)>,
}

/// Writes that become durable together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Revision after the batch.
    pub revision: u64,
    /// The last state of each key written; `None` deletes.
    pub writes: BTreeMap<ObjectKey, Option<Stored>>,
    /// Revision of the last write of each kind that was written.
    pub kinds: BTreeMap<KindKey, u64>,
}

impl Loaded {
    /// Adds the writes of a later batch.
    pub(crate) fn add(&mut self, batch: Batch) {
        self.revision = batch.revision;
        self.kinds.retain(|(kind, _)| !batch.kinds.contains_key(kind));
        self.kinds.extend(batch.kinds);
        self.objects.retain(|(key, _)| !batch.writes.contains_key(key));
        self.objects.extend(batch.writes.into_iter().filter_map(|(key, stored)| Some((key, stored?))));
    }
}

impl Batch {
    /// Adds the writes of a later batch, as if both had been one.
    pub(crate) fn absorb(&mut self, later: &Self) {
        self.revision = later.revision;
        self.writes.extend(later.writes.iter().map(|(key, stored)| (key.clone(), stored.clone())));
        self.kinds.extend(later.kinds.iter().map(|(kind, revision)| (kind.clone(), *revision)));
    }
}

/// Why a backend could not do its work.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BackendError {
    /// There is no room.
    #[error("{0}")]
    Full(String),
    /// Anything else that may pass.
    #[error("{0}")]
    Failed(String),
    /// What is there is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

/// A disk. After an error from `commit` it is unknown whether the batch is on disk; the store then rewrites
/// the keys of that batch with the next one, so a backend only has to be ready for a further `commit`.
pub trait Backend: Send + 'static {
    /// Reads everything.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&mut self) -> Result<Loaded, BackendError>;

    /// Writes a batch, all or nothing; returns once it is durable. A batch without writes asks whether the disk takes
    /// any.
    ///
    /// # Errors
    /// When it could not be made durable.
    fn commit(&mut self, batch: &Batch) -> Result<(), BackendError>;

    /// Called between batches with what is on disk, for work that makes the disk's own life better. Must be short.
    fn tidy(&mut self, _now: &Snapshot) {}
}
