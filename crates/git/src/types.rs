//! The plain data that goes in and out of this crate.
//! It must not know gix.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;

/// Who wrote a commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Author {
    /// Display name.
    pub name: String,
    /// E-mail address, without angle brackets.
    pub email: String,
}

impl Author {
    /// An author from name and e-mail.
    #[must_use]
    pub fn new(name: impl Into<String>, email: impl Into<String>) -> Self {
        Self { name: name.into(), email: email.into() }
    }
}

/// Who asks a remote repository.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The name; hosts that take a token take any.
    pub username: String,
    /// The password or token.
    pub password: String,
}

impl Account {
    /// The header that tells it.
    pub(crate) fn header(&self) -> String {
        // Hosts that want a token alone still want some name before it.
        let name = if self.username.is_empty() { "git" } else { &self.username };
        format!("Authorization: Basic {}", BASE64_STANDARD.encode(format!("{name}:{}", self.password)))
    }
}

/// Without the password.
impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({})", self.username)
    }
}

/// A commit that a revision resolved to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Full hexadecimal SHA.
    pub sha: String,
    /// Who wrote it.
    pub author: Author,
    /// The whole message.
    pub message: String,
    /// When it was committed (the committer's time), to the second.
    pub time: Timestamp,
    /// SHAs of the parents.
    pub parents: Vec<String>,
}

impl Commit {
    /// The first line of the message.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }

    /// The first seven characters of the SHA, as git prints it.
    #[must_use]
    pub fn short_sha(&self) -> &str {
        self.sha.get(..7).unwrap_or(&self.sha)
    }
}

/// One file to write or delete in a new commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Path from the root of the repository, separated by `/`.
    pub path: String,
    /// The new content; `None` deletes the file, or the whole directory.
    pub content: Option<Vec<u8>>,
}

impl Change {
    /// Writes a file, new or not.
    #[must_use]
    pub fn write(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), content: Some(content.into()) }
    }

    /// Deletes a file or a directory; no error when there is none.
    #[must_use]
    pub fn delete(path: impl Into<String>) -> Self {
        Self { path: path.into(), content: None }
    }
}

/// A commit to be made on a branch. The same one on the same parent always gets the same SHA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCommit {
    /// The branch, such as `main`; made when it does not exist.
    pub branch: String,
    /// What changes; of two changes of one path the later counts.
    pub changes: Vec<Change>,
    /// Author and committer.
    pub author: Author,
    /// The whole message.
    pub message: String,
    /// Author's and committer's time; git keeps whole seconds.
    pub time: Timestamp,
}

/// How a path differs between two commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathStatus {
    /// Only in the later commit.
    Added,
    /// In both, with different content or mode.
    Modified,
    /// Only in the earlier commit.
    Deleted,
}

/// A path that differs between two commits. A rename is a deletion and an addition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangedPath {
    /// Path from the root of the repository.
    pub path: String,
    /// How it differs.
    pub status: PathStatus,
}

/// A branch or tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Full name, such as `refs/heads/main`.
    pub name: String,
    /// The object it names, which is the tag object for an annotated tag.
    pub sha: String,
}
