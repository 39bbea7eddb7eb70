//! Why a server does not start, and what to do about it.

use std::net::SocketAddr;
use std::path::PathBuf;

/// The server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory of the data directory cannot be used.
    #[error("failed to use {}: check that the directory exists and is yours", path.display())]
    DataDir {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The address is taken or not ours.
    #[error("failed to listen on {address}: stop what listens there, or choose another address with --listen")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("failed to use the data directory")]
    Store(#[source] mainstay_store::Error),
    /// A snapshot cannot be used.
    #[error("failed to use the snapshot {}", path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// Why.
        source: mainstay_store::Error,
    },
    /// A snapshot holds what no server wrote.
    #[error("failed to use the snapshot {}: {findings}", path.display())]
    StrangeSnapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        findings: String,
    },
    /// The API server cannot start.
    #[error("failed to start the API server")]
    ApiServer(#[source] mainstay_apiserver::Error),
    /// Certificates cannot be made or read.
    #[error("failed to set up TLS: {0}")]
    Tls(String),
    /// The audit log cannot be started.
    #[error("failed to start the audit log with {}: {reason}", path.display())]
    Audit {
        /// The log or its policy.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The git host cannot start.
    #[error("failed to start the git host")]
    Git(#[source] mainstay_git::Error),
    /// What every cluster needs could not be written.
    #[error("failed to set up cluster {cluster}")]
    Bootstrap {
        /// The cluster.
        cluster: String,
        /// Why.
        source: mainstay_controller_runtime::applier::Error,
    },
    /// A task of the start was stopped.
    #[error("failed to start: {0}")]
    Stopped(String),
}

impl Error {
    /// Whether another server has the data directory.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Store(mainstay_store::Error::Locked { .. }))
    }
}
