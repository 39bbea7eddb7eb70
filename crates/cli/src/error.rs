//! What can go wrong for somebody at a terminal, and what to do about it.

use std::path::PathBuf;

/// A command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to start the async runtime")]
    Runtime(#[source] std::io::Error),
    #[error("failed to start the server")]
    Server(#[source] mainstay_server::Error),
    #[error("no server has been started here: there is no {}", path.display())]
    NoKubeconfig { path: PathBuf },
    #[error("failed to read kubeconfig {}", path.display())]
    Kubeconfig { path: PathBuf, source: Box<kube::config::KubeconfigError> },
    #[error("failed to connect to cluster {cluster}")]
    Connect { cluster: String, source: Box<kube::Error> },
    #[error("failed to reach the server at {url}")]
    Unreachable { url: String, source: std::io::Error },
    #[error("failed to ask the server")]
    Call(#[source] mainstay_controller_runtime::api::Error),
    #[error("failed to look at the application")]
    Gather(#[source] mainstay_portal::Error),
    #[error("there is no application {name}")]
    NoApplication { name: String, near: Vec<String> },
    #[error("there is no page on {code}")]
    NoPage { code: String, near: Vec<String> },
    #[error("{app} is not live within {seconds} s: {state}")]
    NotLive { app: String, seconds: u64, state: String },
    #[error("the sync of {app} ended as {phase}: {message}")]
    SyncFailed { app: String, phase: String, message: String },
    #[error("failed to work on the store")]
    Store(#[source] mainstay_server::Error),
    #[error("{} is damaged: {findings} findings", path.display())]
    Damaged { path: PathBuf, findings: usize },
    #[error("failed to read the snapshot from the server")]
    Snapshot(#[source] Box<kube::Error>),
    #[error("{0}")]
    Refused(String),
    #[error("failed to use git")]
    Git(#[source] mainstay_git::Error),
    #[error("failed to {0}")]
    Io(String, #[source] std::io::Error),
}

impl Error {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoKubeconfig { .. } => {
                "start a server with `mainstay up`; is it elsewhere, name its --data-dir or its --kubeconfig"
            }
            Self::Kubeconfig { .. } => "name the kubeconfig of a running server with --kubeconfig",
            Self::Connect { .. } | Self::Unreachable { .. } => {
                "it was stopped, or listens elsewhere now; start it with `mainstay up`"
            }
            Self::NoApplication { near, .. } => return Some(meant(near, "`mainstay get` lists the applications")),
            Self::NoPage { near, .. } => return Some(meant(near, "`mainstay explain` lists the pages")),
            Self::NotLive { app, .. } | Self::SyncFailed { app, .. } => {
                return Some(format!("`mainstay why {app}` tells what is in the way"));
            }
            Self::Server(error) if error.is_locked() => {
                "if one runs already, use it or stop it; --data-dir starts another one elsewhere"
            }
            Self::Server(mainstay_server::Error::Listen { .. }) => {
                "is it a mainstay that runs already? `mainstay get` tells; --listen 127.0.0.1:0 takes any free port"
            }
            Self::Store(error) if error.is_locked() => {
                "stop the server first; `mainstay store snapshot FILE` works while it runs"
            }
            Self::Damaged { .. } => mainstay_server::store::REMEDY,
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn meant(near: &[String], otherwise: &str) -> String {
    match near {
        [] => otherwise.to_owned(),
        [only] => format!("did you mean {only}?"),
        [some @ .., last] => format!("did you mean {} or {last}?", some.join(", ")),
    }
}

impl From<mainstay_controller_runtime::api::Error> for Error {
    fn from(error: mainstay_controller_runtime::api::Error) -> Self {
        Self::Call(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered() {
        let near = |names: &[&str]| Error::NoApplication {
            name: "x".to_owned(),
            near: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert_eq!(near(&["a", "b", "c"]).hint().unwrap(), "did you mean a, b or c?");
        assert_eq!(near(&["a"]).hint().unwrap(), "did you mean a?");
        assert!(near(&[]).hint().unwrap().contains("mainstay get"));
    }
}
