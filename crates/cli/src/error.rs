//! What can go wrong for somebody at a terminal, and what to do about it.

use std::path::PathBuf;

/// A command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to start the async runtime")]
    Runtime(#[source] std::io::Error),
    #[error("failed to start the server")]
    Server(#[source] mainstay_server::Error),
    #[error("failed to read kubeconfig {}", path.display())]
    Kubeconfig { path: PathBuf, source: Box<kube::config::KubeconfigError> },
    #[error("failed to connect to cluster {cluster}")]
    Connect { cluster: String, source: Box<kube::Error> },
    #[error("failed to reach the server")]
    Call(#[source] mainstay_controller_runtime::api::Error),
    #[error("failed to look at the application")]
    Gather(#[source] mainstay_portal::Error),
    #[error("there is no application {0}")]
    NoApplication(String),
    #[error("{0}")]
    Refused(String),
    #[error("failed to use git")]
    Git(#[source] mainstay_git::Error),
    #[error("failed to {0}")]
    Io(String, #[source] std::io::Error),
}

impl Error {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Kubeconfig { .. } => {
                Some("start a server with `mainstay up`, or name its kubeconfig with --kubeconfig")
            }
            Self::Connect { .. } | Self::Call(_) => Some("is the server running? start it with `mainstay up`"),
            Self::NoApplication(_) => Some("`mainstay get` lists the applications"),
            _ => None,
        }
    }
}

impl From<mainstay_controller_runtime::api::Error> for Error {
    fn from(error: mainstay_controller_runtime::api::Error) -> Self {
        Self::Call(error)
    }
}
