//! Reads one source at a commit, with the tool that is meant for it.
//! It must not know what becomes of what a source holds.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use mainstay_api::argoproj::Source;
use mainstay_git::{File, Files, Repositories, Tree};
use mainstay_helm::Entropy;
use mainstay_kustomize::FILE_NAMES;

use super::desired::{Ask, SeenSource, failed, fingerprint_of};
use super::kustomize::{self, Built};
use super::{Capabilities, Charts, Error, helm, jsonnet};
use crate::plan::environment::{self, environment as variables};
use crate::plan::overrides;
use crate::plan::source::{CHART_FILE, Selection, Tool, is_jsonnet, is_left_out};

/// What a source is read with.
pub(super) struct Reader<'a> {
    pub(super) repositories: &'a Repositories,
    pub(super) charts: &'a Charts,
    pub(super) capabilities: &'a Capabilities,
    /// Where random values come from.
    pub(super) entropy: &'a Entropy,
    pub(super) ask: &'a Ask<'a>,
    /// The commit of each source.
    pub(super) shas: &'a [String],
}

/// One source at a commit, read but not parsed.
pub(super) struct Read<'a> {
    pub(super) source: &'a Source,
    pub(super) content: Content,
    pub(super) seen: SeenSource,
}

/// What a source holds.
pub(super) enum Content {
    /// Nothing of its own.
    Nothing,
    /// Files of plain manifests, and what came of those that have to be evaluated.
    Files(Box<(Tree, Selection, Built)>),
    /// What a tool has made of it.
    Built(Built),
}

impl<'a> Reader<'a> {
    /// Reads all sources.
    pub(super) async fn all(&self) -> Result<Vec<Read<'a>>, Error> {
        let mut reads = Vec::new();
        for (source, sha) in self.ask.sources.iter().zip(self.shas) {
            reads.push(self.one(source, sha).await?);
        }
        self.lend(&mut reads).await?;
        Ok(reads)
    }

    /// A source that others call so, with its place among the sources and its commit.
    pub(super) fn reference(&self, name: &str) -> Option<(usize, &'a Source, &'a str)> {
        let index = self.ask.sources.iter().position(|source| source.reference == name)?;
        Some((index, &self.ask.sources[index], self.shas.get(index)?))
    }

    async fn one(&self, source: &'a Source, sha: &str) -> Result<Read<'a>, Error> {
        let seen = SeenSource { sha: sha.to_owned(), revision: sha.to_owned(), ..SeenSource::default() };
        if !source.has_manifests() {
            return Ok(Read { source, content: Content::Nothing, seen });
        }
        let (own, overrides) = self.overridden(source, sha).await?;
        let selection = Selection::new(&own).map_err(Error::Pattern)?;
        let tool = self.tool(&own, sha, selection.root()).await?;
        let seen = SeenSource { tool: tool.as_str(), ..seen };
        let own = &*own;
        match tool {
            Tool::Directory => self.directory((source, own), selection, seen).await,
            Tool::Kustomize => {
                let built = kustomize::build(self, (own, sha, selection.root())).await;
                let mut built = built.map_err(|error| failed(source, sha, error))?;
                built.reads.extend(overrides);
                self.built(source, built, seen).await
            }
            Tool::Helm => {
                let served = self.capabilities.of(self.ask.cluster, self.ask.app).await?;
                let built = helm::build(self, (own, sha, selection.root()), &served).await;
                let built = built.map_err(|error| failed(source, sha, error))?;
                let mut read = self.built(source, built, seen).await?;
                read.seen.served = fingerprint_of(&*served);
                read.seen.fingerprint = fingerprint_of(&(read.seen.fingerprint, read.seen.served));
                Ok(read)
            }
        }
    }

    /// A source with what the repository says of its tools, and the files that may say it.
    async fn overridden(&self, source: &'a Source, sha: &str) -> Result<(Cow<'a, Source>, Vec<String>), Error> {
        if !source.chart.is_empty() {
            return Ok((Cow::Borrowed(source), Vec::new()));
        }
        let paths = overrides::paths(&source.path, &self.ask.owner.instance);
        let wanted = paths.clone();
        let read = move |files: &Files<'_>| wanted.iter().map(|path| files.read(path)).collect::<Vec<_>>();
        let found = self.repositories.with_files(&source.repo_url, sha, read).await;
        let found = found.map_err(|error| failed(source, sha, error))?;
        let mut merged = Cow::Borrowed(source);
        for (path, text) in paths.iter().zip(found).filter_map(|(path, bytes)| Some((path, bytes?))) {
            let told = overrides::merge(&merged, &String::from_utf8_lossy(&text));
            merged = Cow::Owned(told.map_err(|why| Error::Overrides { path: path.clone(), why })?);
        }
        Ok((merged, paths))
    }

    async fn tool(&self, source: &Source, sha: &str, root: &str) -> Result<Tool, Error> {
        if let Some(tool) = Tool::named(source) {
            return Ok(tool);
        }
        let mut files = vec![CHART_FILE];
        files.extend(FILE_NAMES);
        let files: Vec<String> = files
            .into_iter()
            .map(|name| if root.is_empty() { name.to_owned() } else { format!("{root}/{name}") })
            .collect();
        let found = self.ids(source, sha, &files).await?;
        Ok(match found.iter().position(Option::is_some) {
            None => Tool::Directory,
            Some(0) => Tool::Helm,
            Some(_) => Tool::Kustomize,
        })
    }

    async fn directory(
        &self,
        (source, own): (&'a Source, &Source),
        selection: Selection,
        seen: SeenSource,
    ) -> Result<Read<'a>, Error> {
        let (url, root, wanted) = (&source.repo_url, selection.root().to_owned(), selection.clone());
        let tree = self.repositories.tree_where(url, &seen.sha, &root, move |path| wanted.wants(path)).await;
        let mut tree = tree.map_err(|error| failed(source, &seen.sha, error))?;
        let mut fingerprint = fingerprint_of_files(&tree);
        let mut reads = vec![root];
        let mut built = Built::default();
        let counts = |file: &&File| is_jsonnet(&file.path) && !is_left_out(&String::from_utf8_lossy(&file.bytes));
        let scripts: Vec<String> = tree.files.iter().filter(counts).map(|file| file.path.clone()).collect();
        tree.files.retain(|file| !is_jsonnet(&file.path));
        if !scripts.is_empty() {
            built = jsonnet::build(self, (own, &seen.sha), scripts).await?;
            reads.extend(built.reads.iter().cloned());
        }
        let ids = self.ids(source, &seen.sha, &reads).await?;
        if reads.len() > 1 {
            fingerprint = fingerprint_of(&(fingerprint, &reads, &ids));
        }
        let seen = SeenSource { reads, ids, fingerprint, ..seen };
        Ok(Read { source, content: Content::Files(Box::new((tree, selection, built))), seen })
    }

    async fn built(&self, source: &'a Source, built: Built, seen: SeenSource) -> Result<Read<'a>, Error> {
        let reads = built.reads.clone();
        let ids = self.ids(source, &seen.sha, &reads).await?;
        // A chart of a repository of charts is known by its version, and reads nothing else of it.
        let version = (!source.chart.is_empty()).then_some(&seen.sha);
        let fingerprint = fingerprint_of(&(&reads, &ids, version));
        Ok(Read { source, content: Content::Built(built), seen: SeenSource { reads, ids, fingerprint, ..seen } })
    }

    /// Notes on each source what others have read of it.
    async fn lend(&self, reads: &mut [Read<'a>]) -> Result<(), Error> {
        let mut lent: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for read in reads.iter() {
            let Content::Built(built) = &read.content else { continue };
            for (index, path) in &built.elsewhere {
                lent.entry(*index).or_default().push(path.clone());
            }
        }
        for (index, paths) in lent {
            let Read { source, seen, .. } = &mut reads[index];
            seen.reads.extend(paths);
            seen.ids = self.ids(source, &seen.sha, &seen.reads).await?;
            seen.fingerprint = fingerprint_of(&(seen.fingerprint, &seen.reads, &seen.ids));
        }
        Ok(())
    }

    async fn ids(&self, source: &Source, sha: &str, paths: &[String]) -> Result<Vec<Option<String>>, Error> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let ids = self.repositories.path_oids(&source.repo_url, sha, paths).await;
        ids.map_err(|error| failed(source, sha, error))
    }
}

/// What Argo CD calls the build environment.
pub(super) fn environment(ask: &Ask<'_>, source: &Source, sha: &str) -> BTreeMap<String, String> {
    variables(&environment::Built {
        app: &ask.owner.instance,
        namespace: &ask.destination.namespace,
        project: ask.project.0,
        source,
        revision: sha,
    })
}

fn fingerprint_of_files(tree: &Tree) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in &tree.files {
        (&file.path, &file.oid).hash(&mut hasher);
    }
    for skipped in &tree.skipped {
        skipped.to_string().hash(&mut hasher);
    }
    hasher.finish()
}
