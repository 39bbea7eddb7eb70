//! A source that is built by a kustomization.
//! It must not know how a build works, nor what becomes of its objects.

use std::sync::Arc;

use mainstay_api::argoproj::Source;
use mainstay_git::Files;
use mainstay_kustomize::Overrides;
use serde::Deserialize;

use super::read::{Reader, environment};
use crate::plan::problem::{Cause, Problem};
use crate::plan::target::Manifest;

/// What a build came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Built {
    pub(super) manifests: Vec<Manifest>,
    /// Why there are none.
    pub(super) problems: Vec<Problem>,
    /// Paths that were read or looked for.
    pub(super) reads: Vec<String>,
    /// Paths in the repositories of other sources, by their place among the sources.
    pub(super) elsewhere: Vec<(usize, String)>,
    /// What keeping it costs.
    pub(super) bytes: usize,
}

/// Builds the directory of a source at a commit.
pub(super) async fn build(
    reader: &Reader<'_>,
    (source, sha, root): (&Source, &str, &str),
) -> mainstay_git::Result<Built> {
    let options = source.kustomize.as_ref().and_then(|options| Overrides::deserialize(options).ok());
    let overrides = options.unwrap_or_default().with_environment(environment(reader.ask, source, sha));
    let directory = root.to_owned();
    let work = move |files: &Files<'_>| of_files(files, &directory, &overrides);
    reader.repositories.with_files(&source.repo_url, sha, work).await
}

struct InGit<'a, 'r>(&'a Files<'r>);

impl mainstay_kustomize::Files for InGit<'_, '_> {
    fn read(&self, path: &str) -> Option<Arc<[u8]>> {
        self.0.read(path).map(|bytes| Arc::from(bytes.as_ref()))
    }
}

fn of_files(files: &Files<'_>, root: &str, overrides: &Overrides) -> Built {
    let (resources, mut reads, problems) = match mainstay_kustomize::build(&InGit(files), root, overrides) {
        Ok(built) => (built.resources, built.reads, Vec::new()),
        Err(failed) => {
            let origin = if root.is_empty() { "." } else { root };
            let problem = Problem::new(Cause::Unreadable, origin, format!("kustomize build: {failed}"));
            (Vec::new(), failed.reads, vec![problem])
        }
    };
    if overrides.uses_environment() {
        // The commit is part of it, so every commit is read anew.
        reads.insert(String::new());
    }
    let manifests: Vec<Manifest> = resources
        .into_iter()
        .map(|resource| Manifest { object: resource.object, file: resource.origin.into(), line: 0, anchor: None })
        .collect();
    let bytes = manifests.iter().map(|manifest| manifest.object.to_string().len()).sum();
    Built { manifests, problems, reads: reads.into_iter().collect(), elsewhere: Vec::new(), bytes }
}
