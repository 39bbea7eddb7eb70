//! Errors of the store.

use std::path::{Path, PathBuf};

use crate::{BackendError, Damage};

/// Why the store refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The disk is full; nothing of the write is visible. Worth a retry once there is room.
    #[error(
        "failed to make the write durable, the disk is full: {0}; nothing was changed, reads and watches go on; free \
         space where the data directory is, and writes succeed again"
    )]
    Full(String),
    /// The disk refused a write; nothing of it is visible. Worth a retry.
    #[error(
        "failed to make the write durable: {0}; nothing was changed, reads and watches go on; check the disk that the \
         data directory is on, and writes succeed again once it accepts them"
    )]
    Write(String),
    /// The data could not be read at start. Terminal.
    #[error("failed to open the store at {}: {reason}", path.display())]
    Open {
        /// Where it is.
        path: PathBuf,
        /// What the backend said.
        reason: String,
    },
    /// The data is not what was written. Terminal.
    #[error("failed to open the store at {}: {damage}", path.display())]
    Damaged {
        /// Where it is.
        path: PathBuf,
        /// What was found.
        damage: Damage,
    },
    /// Another store has the file open, in this process or in another. Worth a retry where that one is about to end.
    #[error(
        "failed to open the store at {}: it is open already; is another mainstay running on this data directory?",
        path.display()
    )]
    Locked {
        /// Where it is.
        path: PathBuf,
    },
    /// There is a store where another one is to be put. Terminal.
    #[error("failed to put a store at {}: there is one already; --force replaces it and keeps it beside", path.display())]
    Exists {
        /// Where it is.
        path: PathBuf,
    },
    /// A file of the store could not be used.
    #[error("failed to {doing} {}: {reason}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The store was closed while the write waited. Terminal.
    #[error("failed to write: the store is closed")]
    Closed,
}

impl Error {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Write(_) | Self::Full(_))
    }

    pub(crate) fn open(path: &Path, error: BackendError) -> Self {
        let path = path.to_owned();
        match error {
            BackendError::Damaged(damage) => Self::Damaged { path, damage },
            other => Self::Open { path, reason: other.to_string() },
        }
    }

    pub(crate) fn write(error: &BackendError) -> Self {
        match error {
            BackendError::Full(reason) => Self::Full(reason.clone()),
            other => Self::Write(other.to_string()),
        }
    }

    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { doing, path, reason: error.to_string() }
    }
}
