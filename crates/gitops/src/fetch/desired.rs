//! Desired resources of an application at a commit. A commit that changes none of its files costs one tree lookup,
//! and a file that did not change is not parsed again.
//! It must not know what is live.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use mainstay_api::argoproj::{AppProjectSpec, Destination, Source};
use mainstay_controller_runtime::{Context, ObjectKey};
use mainstay_git::{Repositories, Skipped, Tree};

use super::Error;
use crate::cache::Cache;
use crate::plan::problem::{Cause, Problem};
use crate::plan::source::{self, Parsed, Selection, SourceFile};
use crate::plan::target::{self, Manifest, Naming, Scopes, Targets};
use crate::plan::{key::Key, project};

/// Bytes of YAML whose parsed form is kept, over all applications: an app of apps over 1000 directories fits.
const PARSED_BUDGET: usize = 16 * 1024 * 1024;
/// Bytes of YAML whose desired resources are kept, over all applications.
const TARGETS_BUDGET: usize = 16 * 1024 * 1024;

/// Reads sources, and remembers within bounds what it read.
pub(crate) struct Sources {
    repositories: Repositories,
    parsed: Cache<(String, String), Arc<Parsed>>,
    targets: Cache<ObjectKey, (u64, Arc<Targets>)>,
}

/// Whose desired resources are asked for.
pub(crate) struct Ask<'a> {
    pub(crate) app: &'a ObjectKey,
    pub(crate) source: &'a Source,
    pub(crate) destination: &'a Destination,
    pub(crate) project: (&'a str, &'a AppProjectSpec),
    pub(crate) cluster: &'a Context,
}

/// What is remembered of an application's source between two looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The commit last looked at.
    sha: String,
    /// The commit that last changed its files, as far as it was seen.
    revision: String,
    /// The directory's id at that commit.
    tree: Option<String>,
    /// Of the files and of everything that says how they are read.
    fingerprint: u64,
    /// Of everything that says how they are read.
    identity: u64,
}

/// Desired resources.
pub(crate) struct Desired {
    /// The commit they stand for: the last one that changed them, as far as it was seen.
    pub(crate) revision: String,
    pub(crate) targets: Arc<Targets>,
    pub(crate) seen: Seen,
}

impl Sources {
    pub(crate) fn new(repositories: Repositories) -> Self {
        Self { repositories, parsed: Cache::new(PARSED_BUDGET), targets: Cache::new(TARGETS_BUDGET) }
    }

    /// Forgets an application.
    pub(crate) fn forget(&self, app: &ObjectKey) {
        self.targets.forget(app);
    }

    /// The desired resources at a commit; `seen` is what an earlier look returned.
    pub(crate) async fn desired(&self, ask: &Ask<'_>, sha: &str, seen: Option<&Seen>) -> Result<Desired, Error> {
        let selection = Selection::new(ask.source).map_err(Error::Pattern)?;
        let identity = identity(ask);
        let seen = seen.filter(|seen| seen.identity == identity);
        let mut tree = None;
        if let Some(seen) = seen {
            tree = if seen.sha == sha { seen.tree.clone() } else { self.tree_id(ask, sha, selection.root()).await? };
            if tree == seen.tree
                && let Some(targets) = self.known(ask.app, seen.fingerprint)
            {
                let seen = Seen { sha: sha.to_owned(), ..seen.clone() };
                return Ok(Desired { revision: seen.revision.clone(), targets, seen });
            }
        }
        if tree.is_none() {
            tree = self.tree_id(ask, sha, selection.root()).await?;
        }
        let files = self.read(ask, sha, &selection).await?;
        let fingerprint = fingerprint(identity, &files);
        let unchanged = seen.filter(|seen| seen.fingerprint == fingerprint);
        let revision = unchanged.map_or(sha, |seen| &seen.revision).to_owned();
        let targets = match self.known(ask.app, fingerprint) {
            Some(targets) => targets,
            None => self.render(ask, &files, &selection, fingerprint).await?,
        };
        let seen = Seen { sha: sha.to_owned(), revision: revision.clone(), tree, fingerprint, identity };
        Ok(Desired { revision, targets, seen })
    }

    /// Remembered targets; not those with unknown kinds, which may be served by now.
    fn known(&self, app: &ObjectKey, fingerprint: u64) -> Option<Arc<Targets>> {
        let (known, targets) = self.targets.get(app)?;
        let unsettled = targets.problems.iter().any(|problem| problem.cause == Cause::UnknownKind);
        (known == fingerprint && !unsettled).then_some(targets)
    }

    async fn tree_id(&self, ask: &Ask<'_>, sha: &str, root: &str) -> Result<Option<String>, Error> {
        if root.is_empty() {
            return Ok(Some(sha.to_owned()));
        }
        self.repositories.tree_oid(&ask.source.repo_url, sha, root).await.map_err(|source| failed(ask, sha, source))
    }

    async fn read(&self, ask: &Ask<'_>, sha: &str, selection: &Selection) -> Result<Tree, Error> {
        let (url, root, wanted) = (&ask.source.repo_url, selection.root().to_owned(), selection.clone());
        let read = self.repositories.tree_where(url, sha, &root, move |path| wanted.wants(path)).await;
        read.map_err(|source| failed(ask, sha, source))
    }

    async fn render(
        &self,
        ask: &Ask<'_>,
        tree: &Tree,
        selection: &Selection,
        fingerprint: u64,
    ) -> Result<Arc<Targets>, Error> {
        let bytes: usize = tree.files.iter().map(|file| file.bytes.len()).sum();
        let (manifests, problems) = self.manifests(ask, tree, selection, bytes);
        let served = scopes(ask.cluster, &manifests).await?;
        let (name, spec) = ask.project;
        let permits = |key: &Key| project::check_resource(name, spec, key, ask.destination);
        let naming = Naming { app: &ask.app.name, namespace: &ask.destination.namespace, permits: &permits };
        let mut targets = target::targets(&manifests, &naming, &served);
        targets.problems.splice(0..0, problems);
        let targets = Arc::new(targets);
        self.targets.put(ask.app.clone(), (fingerprint, Arc::clone(&targets)), bytes);
        Ok(targets)
    }

    fn manifests(
        &self,
        ask: &Ask<'_>,
        tree: &Tree,
        selection: &Selection,
        bytes: usize,
    ) -> (Vec<Manifest>, Vec<Problem>) {
        if let Some(problem) = source::too_big(bytes, selection.root()) {
            return (Vec::new(), vec![problem]);
        }
        let paths = tree.files.iter().map(|file| file.path.as_str());
        if ask.source.directory.is_none()
            && let Some(problem) = source::other_tool(paths, selection.root())
        {
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

fn failed(ask: &Ask<'_>, sha: &str, source: mainstay_git::Error) -> Error {
    let short = sha.get(..7).unwrap_or(sha);
    Error::Source { place: format!("path {:?} of {} at {short}", ask.source.path, ask.source.repo_url), source }
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

fn identity(ask: &Ask<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let directory = ask.source.directory.as_ref();
    (
        &ask.source.repo_url,
        &ask.source.path,
        directory.map(|directory| {
            (directory.recurse, &directory.include, &directory.exclude, directory.disable_extension_filter)
        }),
    )
        .hash(&mut hasher);
    (&ask.destination.namespace, &ask.cluster.cluster, ask.project.0, format!("{:?}", ask.project.1)).hash(&mut hasher);
    hasher.finish()
}

fn fingerprint(identity: u64, tree: &Tree) -> u64 {
    let mut hasher = DefaultHasher::new();
    identity.hash(&mut hasher);
    for file in &tree.files {
        (&file.path, &file.oid).hash(&mut hasher);
    }
    for skipped in &tree.skipped {
        skipped.to_string().hash(&mut hasher);
    }
    hasher.finish()
}
