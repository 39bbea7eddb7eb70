//! Desired resources of an application at its sources' commits. A commit that changes nothing they read costs a look at
//! the ids of what they read, and a file that did not change is not parsed again.
//! It must not know what is live.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use mainstay_api::argoproj::{AppProjectSpec, Destination, Source};
use mainstay_controller_runtime::{Context, ObjectKey};
use mainstay_git::{Files, NewCommit, Repositories, Skipped, Tree};
use mainstay_helm::Entropy;

use super::read::{Content, Read, Reader};
use super::{Capabilities, Charts, Error};
use crate::cache::Cache;
use crate::plan::options::SyncOptions;
use crate::plan::problem::{Cause, Problem};
use crate::plan::settings::Settings;
use crate::plan::source::{self, Parsed, Selection, SourceFile};
use crate::plan::target::{self, Manifest, Mode, Naming, Scopes, Targets};
use crate::plan::tracking::Owner;
use crate::plan::{key::Key, project};
use crate::revisions;

/// Bytes of YAML whose parsed form is kept, over all applications: an app of apps over 1000 directories fits.
const PARSED_BUDGET: usize = 16 * 1024 * 1024;
/// Bytes of YAML whose desired resources are kept, over all applications.
const TARGETS_BUDGET: usize = 16 * 1024 * 1024;

/// Reads sources, and remembers within bounds what it read.
pub(crate) struct Sources {
    repositories: Repositories,
    charts: Charts,
    capabilities: Capabilities,
    entropy: Entropy,
    parsed: Cache<(String, String), Arc<Parsed>>,
    targets: Cache<ObjectKey, (u64, Arc<Targets>)>,
}

/// Whose desired resources are asked for.
pub(crate) struct Ask<'a> {
    pub(crate) app: &'a ObjectKey,
    pub(crate) owner: &'a Owner,
    pub(crate) sources: &'a [Source],
    pub(crate) destination: &'a Destination,
    pub(crate) options: &'a SyncOptions,
    pub(crate) project: (&'a str, &'a AppProjectSpec),
    pub(crate) cluster: &'a Context,
    pub(crate) settings: &'a Settings,
}

/// What is remembered of an application's sources between two looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    sources: Vec<SeenSource>,
    /// Of what all sources hold, and of everything that says how it is read.
    fingerprint: u64,
    /// Of everything that says how sources are read.
    identity: u64,
}

/// What is remembered of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SeenSource {
    /// The commit last looked at.
    pub(super) sha: String,
    /// The commit that last changed what is read, as far as it was seen.
    pub(super) revision: String,
    /// Paths that were read, or looked for.
    pub(super) reads: Vec<String>,
    /// Their ids at that commit.
    pub(super) ids: Vec<Option<String>>,
    /// Of what was read.
    pub(super) fingerprint: u64,
    /// What the destination served, as a number, if the tool asked for that; else 0.
    pub(super) served: u64,
    /// The tool that read it.
    pub(super) tool: &'static str,
}

/// Desired resources.
pub(crate) struct Desired {
    /// The commits they stand for, one for each source: the last one that changed them, as far as it was seen.
    pub(crate) revisions: Vec<String>,
    /// What reads each source, as upstream calls it.
    pub(crate) tools: Vec<&'static str>,
    pub(crate) targets: Arc<Targets>,
    pub(crate) seen: Seen,
}

impl Seen {
    /// The paths that each source reads.
    pub(crate) fn reads(&self) -> Vec<Vec<String>> {
        self.sources.iter().map(|source| source.reads.clone()).collect()
    }

    fn desired(self, targets: Arc<Targets>) -> Desired {
        let revisions = self.sources.iter().map(|source| source.revision.clone()).collect();
        let tools = self.sources.iter().map(|source| source.tool).collect();
        Desired { revisions, tools, targets, seen: self }
    }
}

impl Sources {
    /// `entropy` is where random values in charts come from.
    pub(crate) fn new(
        (repositories, charts): (Repositories, Charts),
        capabilities: Capabilities,
        entropy: Entropy,
    ) -> Self {
        let (parsed, targets) = (Cache::new(PARSED_BUDGET), Cache::new(TARGETS_BUDGET));
        Self { repositories, charts, capabilities, entropy, parsed, targets }
    }

    /// Forgets an application.
    pub(crate) fn forget(&self, app: &ObjectKey) {
        self.targets.forget(app);
        self.capabilities.forget(app);
    }

    /// The desired resources at a commit of each source; `seen` is what an earlier look returned.
    pub(crate) async fn desired(&self, ask: &Ask<'_>, shas: &[String], seen: Option<&Seen>) -> Result<Desired, Error> {
        let identity = identity(ask);
        let seen = seen.filter(|seen| seen.identity == identity && seen.sources.len() == shas.len());
        if let Some(seen) = seen
            && let Some(targets) = self.known(ask.app, seen.fingerprint)
            && let Some(moved) = self.unchanged(ask, shas, seen).await?
        {
            return Ok(moved.desired(targets));
        }
        let Self { repositories, charts, capabilities, entropy, .. } = self;
        let mut reads = Reader { repositories, charts, capabilities, entropy, ask, shas }.all().await?;
        for (index, read) in reads.iter_mut().enumerate() {
            let before = seen.and_then(|seen| seen.sources.get(index));
            if let Some(before) = before.filter(|before| before.fingerprint == read.seen.fingerprint) {
                read.seen.revision.clone_from(&before.revision);
            }
        }
        let fingerprint = fingerprint(identity, &reads);
        let targets = match self.known(ask.app, fingerprint) {
            Some(targets) => targets,
            None => self.targets(ask, &reads, fingerprint).await?,
        };
        let sources = reads.into_iter().map(|read| read.seen).collect();
        Ok(Seen { sources, fingerprint, identity }.desired(targets))
    }

    /// The same as before at newer commits; `None` if something changed that is read.
    async fn unchanged(&self, ask: &Ask<'_>, shas: &[String], seen: &Seen) -> Result<Option<Seen>, Error> {
        let mut moved = seen.clone();
        for ((source, sha), before) in ask.sources.iter().zip(shas).zip(&mut moved.sources) {
            if before.served != 0 && self.served(ask) != Some(before.served) {
                return Ok(None);
            }
            if before.sha == *sha {
                continue;
            }
            // Another version of a chart is another chart.
            if !source.chart.is_empty() {
                return Ok(None);
            }
            if self.ids(source, sha, &before.reads).await? != before.ids {
                return Ok(None);
            }
            before.sha.clone_from(sha);
        }
        Ok(Some(moved))
    }

    /// What the destination is known to serve, as a number.
    fn served(&self, ask: &Ask<'_>) -> Option<u64> {
        self.capabilities.known(&ask.cluster.cluster).map(|served| fingerprint_of(&*served))
    }

    /// Remembered targets; not those with unknown kinds, which may be served by now.
    fn known(&self, app: &ObjectKey, fingerprint: u64) -> Option<Arc<Targets>> {
        let (known, targets) = self.targets.get(app)?;
        let unsettled = targets.problems.iter().any(|problem| problem.cause == Cause::UnknownKind);
        (known == fingerprint && !unsettled).then_some(targets)
    }

    async fn ids(&self, source: &Source, sha: &str, paths: &[String]) -> Result<Vec<Option<String>>, Error> {
        let ids = self.repositories.path_oids(&source.repo_url, sha, paths).await;
        ids.map_err(|error| failed(source, sha, error))
    }

    /// The manifests of a single source at a commit, what is wrong with it, and the paths that were read.
    pub(crate) async fn rendered(
        &self,
        ask: &Ask<'_>,
        sha: &str,
    ) -> Result<(Vec<Manifest>, Vec<Problem>, Vec<String>), Error> {
        let shas = [sha.to_owned()];
        let Self { repositories, charts, capabilities, entropy, .. } = self;
        let reads = Reader { repositories, charts, capabilities, entropy, ask, shas: &shas }.all().await?;
        let (manifests, problems, _) = self.gather(&reads);
        Ok((manifests, problems, reads.into_iter().flat_map(|read| read.seen.reads).collect()))
    }

    /// Commits files to a repository and gives the commit: the branch's present one if `telling`, a file of them, is there as
    /// it is to be, whatever the others say.
    pub(crate) async fn commit(
        &self,
        url: &str,
        commit: NewCommit,
        telling: (String, String),
    ) -> Result<String, mainstay_git::Error> {
        let (path, text) = telling;
        match self.repositories.resolve(url, &commit.branch).await {
            Ok(head) => {
                let read = move |files: &Files<'_>| files.read(&path);
                let there = self.repositories.with_files(url, &head.sha, read).await?;
                if there.is_some_and(|there| *there == *text.as_bytes()) {
                    return Ok(head.sha);
                }
            }
            // The branch is made.
            Err(mainstay_git::Error::RevisionNotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        self.repositories.commit_files(url, commit).await
    }

    /// All manifests of some sources, what is wrong with them, and how large they are.
    fn gather(&self, reads: &[Read<'_>]) -> (Vec<Manifest>, Vec<Problem>, usize) {
        let (mut manifests, mut problems, mut bytes) = (Vec::new(), Vec::new(), 0);
        for read in reads {
            match &read.content {
                Content::Nothing => {}
                Content::Files(files) => {
                    let (tree, selection, evaluated) = &**files;
                    let size: usize = tree.files.iter().map(|file| file.bytes.len()).sum();
                    let (found, wrong) = self.manifests(tree, selection, size);
                    manifests.extend(found);
                    problems.extend(wrong);
                    manifests.extend(evaluated.manifests.iter().cloned());
                    problems.extend(evaluated.problems.iter().cloned());
                    bytes += size + evaluated.bytes;
                }
                Content::Built(built) => {
                    manifests.extend(built.manifests.iter().cloned());
                    problems.extend(built.problems.iter().cloned());
                    bytes += built.bytes;
                }
            }
        }
        (manifests, problems, bytes)
    }

    async fn targets(&self, ask: &Ask<'_>, reads: &[Read<'_>], fingerprint: u64) -> Result<Arc<Targets>, Error> {
        let (manifests, problems, bytes) = self.gather(reads);
        let served = scopes(ask.cluster, &manifests).await?;
        let (name, spec) = ask.project;
        let permits = |key: &Key| project::check_resource(name, spec, key, ask.destination);
        let excludes = |key: &Key| ask.settings.excludes(&key.group, &key.kind, ask.destination);
        let naming = Naming {
            app: ask.owner,
            namespace: &ask.destination.namespace,
            options: ask.options,
            permits: &permits,
            excludes: &excludes,
        };
        let mut targets = target::targets(&manifests, &naming, &served);
        targets.problems.splice(0..0, problems);
        let targets = Arc::new(targets);
        self.targets.put(ask.app.clone(), (fingerprint, Arc::clone(&targets)), bytes);
        Ok(targets)
    }

    fn manifests(&self, tree: &Tree, selection: &Selection, bytes: usize) -> (Vec<Manifest>, Vec<Problem>) {
        if let Some(problem) = source::too_big(bytes, selection.root()) {
            return (Vec::new(), vec![problem]);
        }
        let (mut manifests, mut problems) = (Vec::new(), Vec::new());
        for file in &tree.files {
            let parsed = self.parse(file);
            manifests.extend(parsed.manifests.iter().cloned());
            problems.extend(parsed.problems.iter().cloned());
        }
        problems.extend(tree.skipped.iter().map(skipped));
        (manifests, problems)
    }

    fn parse(&self, file: &mainstay_git::File) -> Arc<Parsed> {
        let id = (file.path.clone(), file.oid.clone());
        if let Some(parsed) = self.parsed.get(&id) {
            return parsed;
        }
        let text = std::str::from_utf8(&file.bytes).map(Arc::from).map_err(|error| format!("it is not UTF-8: {error}"));
        let parsed = Arc::new(source::parse(&SourceFile { path: id.0.clone(), oid: id.1.clone(), text }));
        self.parsed.put(id, Arc::clone(&parsed), file.bytes.len());
        parsed
    }
}

pub(super) fn failed(read: &Source, sha: &str, source: impl Into<revisions::Error>) -> Error {
    let source = source.into();
    let short = sha.get(..7).unwrap_or(sha);
    Error::Source { place: format!("{} of {} at {short}", named(read), read.repo_url), source }
}

fn named(source: &Source) -> String {
    if source.chart.is_empty() { format!("path {:?}", source.path) } else { format!("chart {}", source.chart) }
}

fn skipped(skipped: &Skipped) -> Problem {
    Problem::new(
        Cause::Unreadable,
        &skipped.path,
        format!("{skipped}; replace it by the file itself, or leave it out with directory.exclude"),
    )
}

/// What the kinds of a set of manifests are at the destination.
async fn scopes(cluster: &Context, manifests: &[Manifest]) -> Result<Scopes, Error> {
    let mut scopes = Scopes::new();
    for gvk in target::kinds(manifests) {
        let resolved = cluster.mapper.resolve(&gvk).await;
        let mapping = resolved.map_err(|source| Error::Discovery { cluster: cluster.cluster.clone(), source })?;
        if let Some(mapping) = mapping {
            scopes.insert(gvk, mapping.namespaced);
        }
    }
    Ok(scopes)
}

/// How everything is read; not what is read, nor at which commit.
fn identity(ask: &Ask<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for source in ask.sources {
        let how = Source { target_revision: String::new(), ..source.clone() };
        format!("{how:?}").hash(&mut hasher);
    }
    Mode::of(&SyncOptions::default(), ask.options).hash(&mut hasher);
    (ask.settings.filter(), project::canonical(ask.destination)).hash(&mut hasher);
    format!("{:?}", ask.owner).hash(&mut hasher);
    (&ask.destination.namespace, &ask.cluster.cluster, ask.project.0, format!("{:?}", ask.project.1)).hash(&mut hasher);
    hasher.finish()
}

fn fingerprint(identity: u64, reads: &[Read<'_>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    identity.hash(&mut hasher);
    for read in reads {
        read.seen.fingerprint.hash(&mut hasher);
    }
    hasher.finish()
}

pub(super) fn fingerprint_of(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
