//! What the repositories that people name are found by. It must not know payloads, and asks no host.

use crate::{RepositoryIdentity, identity};

/// The same for all URLs that mean one repository; of what is no URL of a repository on a host, such as a path, the same for
/// texts that differ in case, in `.git` or in a slash at the end only, as Argo CD's `git.SameURL`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryKey(Kind);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Hosted(RepositoryIdentity),
    Other(String),
}

impl RepositoryKey {
    /// The key of a URL or path.
    ///
    /// ```
    /// # use mainstay_webhook::RepositoryKey;
    /// assert_eq!(RepositoryKey::of("http://Git/apps.git"), RepositoryKey::of("http://git/apps/"));
    /// assert_eq!(RepositoryKey::of("/srv/apps.git"), RepositoryKey::of("/srv/apps"));
    /// assert_ne!(RepositoryKey::of("http://git/apps"), RepositoryKey::of("http://git/app"));
    /// ```
    #[must_use]
    pub fn of(url: &str) -> Self {
        let plain = || url.trim().trim_end_matches('/').trim_end_matches(".git").to_lowercase();
        Self(identity(url).map_or_else(|| Kind::Other(plain()), Kind::Hosted))
    }
}
