//! What can go wrong while a page is made.
//! It must not know how it is shown.

use std::sync::Arc;

/// Something a page needs could not be read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such application.
    #[error("failed to find application {namespace}/{name}: it is not in the control plane; `mainstay get` lists all")]
    NoApplication {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The destination is not a known cluster.
    #[error("failed to reach cluster {0:?}: it is not one of the portal's clusters")]
    UnknownCluster(String),
    /// A call to the API failed.
    #[error("failed to read {what}")]
    Read {
        /// What was read.
        what: String,
        /// What the server said.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    pub(crate) fn read(what: impl Into<String>, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Read { what: what.into(), source: Arc::new(source) }
    }
}
