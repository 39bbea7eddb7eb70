//! Renders the dry source of an application that has a hydrator, and commits what comes of it to the branch it says; what is
//! deployed is read from there like any source.
//! It must not know how manifests are rendered, nor deploy any.

use std::sync::Arc;

use mainstay_api::argoproj::{self, Source, SourceHydrator};
use mainstay_apimachinery::object;
use mainstay_git::{Author, Change, Commit, NewCommit};
use mainstay_telemetry::chain;

use super::{Engine, Error};
use crate::fetch::{self, Ask};
use crate::observe::{Memory, Subject};
use crate::plan::hydrate::{self, Dry};
use crate::report::Besides;
use crate::revisions::Asked;

/// Who commits.
const AUTHOR: (&str, &str) = ("Mainstay", "hydrator@mainstay.dev");

impl Engine {
    /// Renders and commits if the dry source has moved, or if that is asked for. What comes of it is reported at once.
    pub(super) async fn hydrate(&self, subject: &mut Subject, memory: &mut Memory) -> Result<(), Error> {
        let Some(hydrator) = subject.valid.hydrator.clone() else { return Ok(()) };
        let dry = hydrator.dry();
        let asked = Asked { url: dry.repo_url.clone(), chart: String::new(), revision: dry.revision().to_owned() };
        let is_asked = object::annotation(&subject.app, argoproj::HYDRATE).is_some();
        if is_asked || subject.valid.refresh {
            self.revisions.forget(&asked);
        }
        let place = || format!("revision {} of {}", asked.revision, asked.url);
        let resolved = self.revisions.resolve(&asked).await;
        let commit = resolved.map_err(|source| fetch::Error::Source { place: place(), source })?;
        let before = subject.valid.status.source_hydrator.clone();
        if !is_asked && memory.dry.is_some() && hydrate::is_done(before.as_ref(), &hydrator, &commit.sha) {
            return Ok(());
        }
        let started_at = self.control.clock.now_rfc3339();
        let outcome = self.render(subject, &hydrator, (&dry, &commit), memory).await;
        let outcome = outcome.map_err(|error| error.to_string());
        let same = before.as_ref().is_some_and(|_| {
            // After a restart a commit is rendered once more, to know what it reads: that is no news.
            let known = before.as_ref().and_then(|before| before.last_successful_operation.as_ref());
            !is_asked
                && hydrate::is_done(before.as_ref(), &hydrator, &commit.sha)
                && outcome.as_ref().ok() == known.map(|known| &known.hydrated_sha)
        });
        if same {
            return Ok(());
        }
        let times = (started_at, self.control.clock.now_rfc3339());
        let told = hydrate::status(before.as_ref(), &hydrator, &commit.sha, times, outcome);
        let synced = hydrator.synced();
        let url = synced.repo_url.clone();
        self.revisions.forget(&Asked { url, chart: String::new(), revision: synced.revision().to_owned() });
        let mut status = subject.valid.status.clone();
        status.source_hydrator = Some(told);
        let besides = Besides { annotations: vec![(argoproj::HYDRATE, None)], ..Besides::default() };
        if let Some(app) = self.write(&subject.app, &status, besides, memory).await? {
            subject.app = app;
        }
        subject.valid.status = status;
        Ok(())
    }

    /// Renders a commit, and commits what comes of it; gives that commit.
    async fn render(
        &self,
        subject: &Subject,
        hydrator: &SourceHydrator,
        (source, commit): (&Source, &Arc<Commit>),
        memory: &mut Memory,
    ) -> Result<String, String> {
        let ask = Ask { sources: std::slice::from_ref(source), ..subject.ask() };
        let rendered = self.sources.rendered(&ask, &commit.sha).await;
        let (manifests, problems, reads) = rendered.map_err(|error| chain(&error).to_string())?;
        memory.dry = Some(reads);
        if let Some(problem) = problems.iter().find(|problem| problem.leaves_a_gap()) {
            return Err(format!("nothing is committed of what can be read in part only: {problem}"));
        }
        if manifests.is_empty() {
            return Err("the dry source has no manifests; nothing is committed".to_owned());
        }
        let dry = Dry {
            sha: commit.sha.clone(),
            author: format!("{} <{}>", commit.author.name, commit.author.email),
            date: commit.time.to_string(),
            subject: commit.subject().to_owned(),
        };
        let files = hydrate::files(hydrator, &dry, manifests.iter().map(|manifest| &manifest.object));
        // A commit that changes nothing but where it comes from is none.
        let telling = files.last().cloned().unwrap_or_default();
        let new = NewCommit {
            branch: hydrator.branch().to_owned(),
            changes: files.into_iter().map(|(path, text)| Change::write(path, text)).collect(),
            author: Author::new(AUTHOR.0, AUTHOR.1),
            message: dry.message(&source.repo_url),
            time: self.control.clock.now(),
        };
        let committed = self.sources.commit(hydrator.repository(), new, telling).await;
        committed.map_err(|error| chain(&error).to_string())
    }
}
