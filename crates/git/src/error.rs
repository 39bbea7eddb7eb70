//! What can go wrong with a repository, with the class that says what to do about it.
//! It must not know who asked.

use std::sync::Arc;

/// How the caller goes on after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Transient: try again with backoff.
    Retry,
    /// Trying again cannot help until the repository, its URL or the revision changes.
    Terminal,
}

/// The cause of an [`Error`]. Shared, so that callers who waited for the same fetch get the same answer.
pub(crate) type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed git operation.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The `git` program cannot be used.
    #[error("failed to start the embedded git host: {problem}; {advice}")]
    GitUnavailable {
        /// What is wrong with it.
        problem: String,
        /// What to install.
        advice: &'static str,
    },
    /// A repository name that could not be a directory of its own.
    #[error(
        "failed to use repository name {name:?}: a name has 1 to 100 of the characters a-z, 0-9, '-', '.', '_', starts \
         with a letter or digit, has no \"..\" and does not end in .git or .lock"
    )]
    InvalidName {
        /// The refused name.
        name: String,
    },
    /// A branch name that git would refuse.
    #[error("failed to use branch name {branch:?}: git does not allow it, see `git help check-ref-format`")]
    InvalidBranch {
        /// The refused name.
        branch: String,
    },
    /// A path that may not be in a commit, or asked for.
    #[error("failed to use path {path:?}: {reason}")]
    InvalidPath {
        /// The refused path.
        path: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// A URL of a kind that is not read.
    #[error("failed to use repository URL {url:?}: {reason}")]
    UnsupportedUrl {
        /// The refused URL.
        url: String,
        /// Why, and what to use instead.
        reason: &'static str,
    },
    /// There is no repository.
    #[error("failed to find repository {url}: check the URL, or create the repository")]
    RepositoryNotFound {
        /// Where it was looked for.
        url: String,
    },
    /// The repository has no such branch, tag or commit.
    #[error("failed to find revision {revision:?} in {url}: {hint}")]
    RevisionNotFound {
        /// The repository.
        url: String,
        /// The revision asked for.
        revision: String,
        /// What is there instead, or what to do.
        hint: String,
    },
    /// The commit has no such path.
    #[error("failed to find path {path:?} in {url} at {revision}: check the spelling, paths are case-sensitive")]
    PathNotFound {
        /// The repository.
        url: String,
        /// The commit.
        revision: String,
        /// The path asked for.
        path: String,
    },
    /// A file is larger than what is read.
    #[error("failed to read {path:?} in {url}: it has {size} bytes, the limit is {limit}")]
    FileTooLarge {
        /// The repository.
        url: String,
        /// The file.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The remote wants credentials, or refused those in the URL.
    #[error("failed to access {url}: the server asks for credentials or refused them; put them into the URL")]
    AccessDenied {
        /// The repository, without credentials.
        url: String,
    },
    /// The remote did not answer, or not as a git server.
    #[error("failed to fetch from {url}")]
    Unreachable {
        /// The repository, without credentials.
        url: String,
        /// What the transport said.
        #[source]
        source: Cause,
    },
    /// Others changed the branch each time in between.
    #[error("failed to update branch {branch} of {url}: it changed {attempts} times in between, try again")]
    Contended {
        /// The repository.
        url: String,
        /// The branch.
        branch: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The branch is checked out in a working tree, which would go stale.
    #[error(
        "failed to commit to branch {branch} of {url}: it is checked out there; commit with git in that working tree"
    )]
    CheckedOut {
        /// The repository.
        url: String,
        /// The branch.
        branch: String,
    },
    /// `git push` failed for another reason than a race.
    #[error("failed to push to {url}: {message}")]
    PushRefused {
        /// The repository, without credentials.
        url: String,
        /// What git said.
        message: String,
    },
    /// Objects or refs on disk could not be read or written.
    #[error("failed to {action} in {url}")]
    Repository {
        /// The repository.
        url: String,
        /// What was being done.
        action: &'static str,
        /// What went wrong.
        #[source]
        source: Cause,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Unreachable { .. } | Self::Contended { .. } | Self::Repository { .. } => Class::Retry,
            _ => Class::Terminal,
        }
    }

    /// The variant's name: condition reason, metric label and page of `docs/errors/`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::GitUnavailable { .. } => "GitUnavailable",
            Self::InvalidName { .. } => "InvalidName",
            Self::InvalidBranch { .. } => "InvalidBranch",
            Self::InvalidPath { .. } => "InvalidPath",
            Self::UnsupportedUrl { .. } => "UnsupportedUrl",
            Self::RepositoryNotFound { .. } => "RepositoryNotFound",
            Self::RevisionNotFound { .. } => "RevisionNotFound",
            Self::PathNotFound { .. } => "PathNotFound",
            Self::FileTooLarge { .. } => "FileTooLarge",
            Self::AccessDenied { .. } => "AccessDenied",
            Self::Unreachable { .. } => "Unreachable",
            Self::Contended { .. } => "Contended",
            Self::CheckedOut { .. } => "CheckedOut",
            Self::PushRefused { .. } => "PushRefused",
            Self::Repository { .. } => "Repository",
        }
    }

    /// A failure on disk while doing `action` in the repository at `url`.
    pub(crate) fn on_disk(
        url: &str,
        action: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Repository { url: url.to_owned(), action, source: Arc::new(source) }
    }
}
