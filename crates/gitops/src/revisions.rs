//! What a branch or tag means now, asked once per repository and revision; pushes and polls move it on.
//! It must not know applications.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::join_all;
use jiff::Timestamp;
use mainstay_git::{Author, Commit, Repositories};
use mainstay_webhook::RepositoryKey;

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

/// Meanings by repository.
#[derive(Default)]
struct Known(HashMap<RepositoryKey, BTreeMap<Asked, Arc<Commit>>>);

impl Known {
    fn get(&self, asked: &Asked) -> Option<&Arc<Commit>> {
        self.0.get(&RepositoryKey::of(&asked.url))?.get(asked)
    }

    fn insert(&mut self, asked: Asked, commit: Arc<Commit>) {
        self.0.entry(RepositoryKey::of(&asked.url)).or_default().insert(asked, commit);
    }

    fn remove(&mut self, asked: &Asked) {
        let repository = RepositoryKey::of(&asked.url);
        let Some(meanings) = self.0.get_mut(&repository) else { return };
        meanings.remove(asked);
        if meanings.is_empty() {
            self.0.remove(&repository);
        }
    }

    /// What is known of a repository.
    fn of(&self, url: &str) -> impl Iterator<Item = (&Asked, &Arc<Commit>)> {
        self.0.get(&RepositoryKey::of(url)).into_iter().flatten()
    }
}

/// The known meanings.
pub(crate) struct Revisions {
    repositories: Repositories,
    charts: Charts,
    known: Mutex<Known>,
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

    fn known(&self) -> MutexGuard<'_, Known> {
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
        self.known().get(asked).is_some()
    }

    /// Forgets one meaning, so that it is asked again.
    pub(crate) fn forget(&self, asked: &Asked) {
        self.known().remove(asked);
    }

    /// A URL of each repository that was asked for.
    pub(crate) fn urls(&self) -> Vec<String> {
        let known = self.known();
        let mut urls: Vec<String> =
            known.0.values().filter_map(|of| Some(of.first_key_value()?.0.url.clone())).collect();
        urls.sort();
        urls
    }

    /// Asks again for every revision of a repository, all at once so that they share one answer, and tells which moved.
    /// One that cannot be told any more is forgotten, so that its applications ask for themselves and report why.
    pub(crate) async fn refresh(&self, url: &str) -> Vec<Moved> {
        let _one_at_a_time = self.refreshing.lock().await;
        let asked: Vec<(Asked, String)> = {
            let known = self.known();
            self.epoch.fetch_add(1, Ordering::SeqCst);
            let may_move = known.of(url).filter(|(asked, _)| !is_full_sha(&asked.revision));
            may_move.map(|(asked, commit)| (asked.clone(), commit.sha.clone())).collect()
        };
        let answers = join_all(asked.iter().map(|(asked, _)| self.ask(asked))).await;
        let answered = asked.into_iter().zip(answers);
        answered.filter_map(|((asked, from), answer)| self.take_in(asked, from, answer)).collect()
    }

    /// Takes in what a revision means now.
    fn take_in(&self, asked: Asked, from: String, answer: Result<Commit, Error>) -> Option<Moved> {
        match answer {
            Ok(commit) if commit.sha == from => None,
            Ok(commit) => {
                let to = commit.sha.clone();
                self.known().insert(asked.clone(), Arc::new(commit));
                Some(Moved { asked, from, to: Some(to) })
            }
            Err(error) if error.is_transient() => {
                let error = mainstay_telemetry::chain(&error);
                tracing::warn!(url = asked.url, %error, "failed to poll repository");
                None
            }
            Err(_) => {
                self.known().remove(&asked);
                Some(Moved { asked, from, to: None })
            }
        }
    }
}

fn is_full_sha(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}
