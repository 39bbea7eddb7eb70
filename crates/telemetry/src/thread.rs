//! The causal thread: which commit an object was written for. It travels in one annotation.

use std::fmt;
use std::str::FromStr;

/// Annotation that carries the thread, `<repository>@<commit>`.
pub const ANNOTATION: &str = "mainstay.dev/thread";

/// A commit in a repository, as the cause of a write.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thread {
    /// Short name of the repository, such as `apps`.
    pub repository: String,
    /// Full commit SHA.
    pub commit: String,
}

/// The text is not of the form `<repository>@<commit>`.
#[derive(Debug, thiserror::Error)]
#[error("failed to read thread {0:?}: it must be <repository>@<commit>")]
pub struct ParseError(String);

impl Thread {
    /// The thread of a commit in the repository at a URL; the name is the URL's last segment without `.git`.
    #[must_use]
    pub fn of_commit(repo_url: &str, commit: &str) -> Self {
        let last = repo_url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        Self { repository: last.trim_end_matches(".git").to_owned(), commit: commit.to_owned() }
    }

    /// The first seven characters of the commit, as git prints it.
    #[must_use]
    pub fn short_commit(&self) -> &str {
        self.commit.get(..7).unwrap_or(&self.commit)
    }
}

impl fmt::Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.commit)
    }
}

impl FromStr for Thread {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.rsplit_once('@') {
            Some((repository, commit)) if !repository.is_empty() && !commit.is_empty() => {
                Ok(Self { repository: repository.to_owned(), commit: commit.to_owned() })
            }
            _ => Err(ParseError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        let thread = Thread::of_commit("http://127.0.0.1:1/git/apps.git", "0123456789abcdef");
        assert_eq!(thread.to_string(), "apps@0123456789abcdef");
        assert_eq!(thread.short_commit(), "0123456");
        assert_eq!(thread.to_string().parse::<Thread>().unwrap(), thread);
        assert!("nothing".parse::<Thread>().is_err());
    }
}
