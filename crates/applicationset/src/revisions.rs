//! What a branch or tag means now, asked once and then kept until a push or for a while.
//! It must not know sets.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use mainstay_controller_runtime::Clock;
use mainstay_git::{Error, Repositories};
use mainstay_webhook::RepositoryKey;

/// A URL and a revision.
type Asked = (String, String);

/// The known meanings.
pub(crate) struct Revisions {
    repositories: Repositories,
    clock: Clock,
    hold: Duration,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    meanings: BTreeMap<Asked, (String, Timestamp)>,
    /// Grows when something may have moved: an answer asked for before that is used once but not kept.
    epoch: u64,
}

impl Revisions {
    pub(crate) fn new(repositories: Repositories, clock: Clock, hold: Duration) -> Self {
        Self { repositories, clock, hold, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The commit that a revision means.
    pub(crate) async fn resolve(&self, url: &str, revision: &str) -> Result<String, Error> {
        let asked = (url.to_owned(), revision.to_owned());
        let now = self.clock.now();
        let epoch = {
            let known = self.known();
            if let Some((sha, at)) = known.meanings.get(&asked)
                && Duration::try_from(now.duration_since(*at)).unwrap_or_default() < self.hold
            {
                return Ok(sha.clone());
            }
            known.epoch
        };
        let sha = self.repositories.resolve(url, revision).await?.sha;
        let mut known = self.known();
        if known.epoch == epoch {
            known.meanings.insert(asked, (sha.clone(), now));
        }
        Ok(sha)
    }

    /// Forgets everything.
    pub(crate) fn forget_all(&self) {
        let mut known = self.known();
        known.epoch += 1;
        known.meanings.clear();
    }

    /// Forgets the meanings of all revisions of a repository, so that they are asked again.
    pub(crate) fn forget(&self, url: &str) {
        let repository = RepositoryKey::of(url);
        let mut known = self.known();
        known.epoch += 1;
        known.meanings.retain(|(other, _), _| RepositoryKey::of(other) != repository);
    }
}
