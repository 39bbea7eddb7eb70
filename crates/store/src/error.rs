//! Errors of the store.

use std::path::PathBuf;

/// Why the store refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused a write; nothing of it is visible. Worth a retry.
    #[error("failed to make the write durable: {0}; reads go on, writes succeed again once the disk accepts them")]
    Write(String),
    /// The data could not be read at start. Terminal.
    #[error("failed to open the store at {path}: {reason}")]
    Open {
        /// Where it is.
        path: PathBuf,
        /// What the backend said.
        reason: String,
    },
    /// Another store has the file open, in this process or in another. Worth a retry where that one is about to end.
    #[error(
        "failed to open the store at {path}: it is open already; is another mainstay running on this data directory?"
    )]
    Locked {
        /// Where it is.
        path: PathBuf,
    },
    /// The store was closed while the write waited. Terminal.
    #[error("failed to write: the store is closed")]
    Closed,
}

impl Error {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Write(_))
    }
}
