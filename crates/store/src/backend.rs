//! What a store needs of a disk.
//! It must not know revisions' meaning, watches or snapshots.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::ObjectKey;

/// An object as a backend keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Revision of the write that made it.
    pub revision: u64,
    /// The object.
    pub bytes: Bytes,
}

/// Everything a backend holds.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Revision of the last committed batch; 0 if there was none.
    pub revision: u64,
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
}

/// Why a backend could not do its work.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BackendError(pub String);

/// A disk. After an error from `commit` it is unknown whether the batch is on disk; the store then rewrites
/// the keys of that batch with the next one, so a backend only has to be ready for a further `commit`.
pub trait Backend: Send + 'static {
    /// Reads everything.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&mut self) -> Result<Loaded, BackendError>;

    /// Writes a batch, all or nothing; returns once it is durable.
    ///
    /// # Errors
    /// When it could not be made durable.
    fn commit(&mut self, batch: &Batch) -> Result<(), BackendError>;
}
