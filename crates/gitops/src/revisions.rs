//! What a branch or tag means now, asked once per repository and revision; pushes and polls move it on.
//! It must not know applications.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use mainstay_git::{Author, Commit, Repositories};

use crate::fetch::Charts;

/// A revision of a repository, as an application asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Asked {
    pub(crate) url: String,
    /// The chart, if this is a repository of charts; its versions are the revisions.
    pub(crate) chart: String,
    pub(crate) revision: String,
}

/// A revision cannot be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Of a git repository.
    #[error(transparent)]
    Git(#[from] mainstay_git::Error),
    /// Of a chart.
    #[error(transparent)]
    Chart(#[from] mainstay_charts::Error),
}

impl Error {
    /// Whether trying again may help without anybody changing anything.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Git(error) => error.class() == mainstay_git::Class::Retry,
            Self::Chart(error) => error.is_transient(),
        }
    }
}

/// A revision that means another commit than before.
#[derive(Clone, Debug)]
pub(crate) struct Moved {
    pub(crate) asked: Asked,
    /// The commit before.
    pub(crate) from: String,
    /// The commit now; `None` if it can no longer be told.
    pub(crate) to: Option<String>,
}

/// The known meanings.
pub(crate) struct Revisions {
    repositories: Repositories,
    charts: Charts,
    known: Mutex<BTreeMap<Asked, Arc<Commit>>>,
    /// Grows when something may have moved: an answer asked for before that is used once but not kept.
    epoch: AtomicU64,
    /// One refresh at a time, so that an older answer cannot overwrite a newer one.
    refreshing: tokio::sync::Mutex<()>,
}

impl Revisions {
    pub(crate) fn new(repositories: Repositories, charts: Charts) -> Self {
        Self {
            repositories,
            charts,
            known: Mutex::default(),
            epoch: AtomicU64::default(),
            refreshing: tokio::sync::Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Asked, Arc<Commit>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The commit that a revision means, as it was last asked.
    pub(crate) async fn resolve(&self, asked: &Asked) -> Result<Arc<Commit>, Error> {
        if let Some(commit) = self.known().get(asked) {
            return Ok(Arc::clone(commit));
        }
        let epoch = self.epoch.load(Ordering::SeqCst);
        let commit = Arc::new(self.ask(asked).await?);
        let mut known = self.known();
        if epoch == self.epoch.load(Ordering::SeqCst) {
            known.insert(asked.clone(), Arc::clone(&commit));
        }
        Ok(commit)
    }

    async fn ask(&self, asked: &Asked) -> Result<Commit, Error> {
        if asked.chart.is_empty() {
            return Ok(self.repositories.resolve(&asked.url, &asked.revision).await?);
        }
        let wanted = if asked.revision == "HEAD" { "" } else { &asked.revision };
        let version = self.charts.resolve(&asked.url, &asked.chart, wanted).await?;
        Ok(Commit {
            message: format!("chart {} {version}", asked.chart),
            sha: version,
            author: Author::new(asked.url.as_str(), ""),
            time: Timestamp::UNIX_EPOCH,
            parents: Vec::new(),
        })
    }

    /// Whether a meaning is known.
    pub(crate) fn knows(&self, asked: &Asked) -> bool {
        self.known().contains_key(asked)
    }

    /// Forgets one meaning, so that it is asked again.
    pub(crate) fn forget(&self, asked: &Asked) {
        self.known().remove(asked);
    }

    /// URLs of the repositories that were asked for.
    pub(crate) fn urls(&self) -> Vec<String> {
        let mut urls: Vec<String> = self.known().keys().map(|asked| asked.url.clone()).collect();
        urls.dedup();
        urls
    }

    /// Asks again for every revision of a repository, and tells which moved. One that cannot be told any more is
    /// forgotten, so that its applications ask for themselves and report why.
    pub(crate) async fn refresh(&self, url: &str) -> Vec<Moved> {
        let _one_at_a_time = self.refreshing.lock().await;
        let asked: Vec<(Asked, String)> = {
            let known = self.known();
            self.epoch.fetch_add(1, Ordering::SeqCst);
            known
                .iter()
                .filter(|(asked, _)| same_repository(&asked.url, url))
                .map(|(a, commit)| (a.clone(), commit.sha.clone()))
                .collect()
        };
        let mut moved = Vec::new();
        for (asked, from) in asked {
            if is_full_sha(&asked.revision) {
                continue;
            }
            match self.ask(&asked).await {
                Ok(commit) if commit.sha == from => {}
                Ok(commit) => {
                    let to = commit.sha.clone();
                    self.known().insert(asked.clone(), Arc::new(commit));
                    moved.push(Moved { asked, from, to: Some(to) });
                }
                Err(error) if error.is_transient() => {
                    tracing::warn!(url = asked.url, error = %mainstay_telemetry::chain(&error), "failed to poll repository");
                }
                Err(_) => {
                    self.known().remove(&asked);
                    moved.push(Moved { asked, from, to: None });
                }
            }
        }
        moved
    }
}

/// Whether two URLs mean the same repository, as Argo CD's `git.SameURL`: case of the host, `.git` and a slash at the
/// end do not count.
pub(crate) fn same_repository(a: &str, b: &str) -> bool {
    let plain = |url: &str| url.trim().trim_end_matches('/').trim_end_matches(".git").to_ascii_lowercase();
    plain(a) == plain(b)
}

fn is_full_sha(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_repository() {
        assert!(same_repository("http://Git/apps.git", "http://git/apps/"));
        assert!(!same_repository("http://git/apps", "http://git/app"));
    }
}
