//! Why a chart cannot be had.

/// A chart cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The repository does not answer, or with an error of its own.
    #[error("{url} does not answer: {why}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What happened.
        why: String,
    },
    /// The repository wants somebody else, or nobody.
    #[error(
        "{url} refuses access ({status}); give a Secret with label argocd.argoproj.io/secret-type: repository the username and password"
    )]
    Denied {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// There is no such thing.
    #[error("there is no {what} in {repository}")]
    Missing {
        /// The chart or version.
        what: String,
        /// Where it was looked for.
        repository: String,
    },
    /// What was answered is not what it should be.
    #[error("{url}: {why}")]
    Malformed {
        /// What was asked.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The URL cannot be used.
    #[error("{url:?} is no chart repository: {why}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong.
        why: String,
    },
}

impl Error {
    /// Whether trying again may help without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}
