//! A source that is built by a kustomization.
//! It must not know how a build works, nor what becomes of its objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use mainstay_api::argoproj::Source;
use mainstay_git::{Files, Repositories};
use mainstay_kustomize::Overrides;
use serde::Deserialize;

use super::Ask;
use crate::plan::problem::{Cause, Problem};
use crate::plan::target::Manifest;

/// What a build came to.
#[derive(Clone, Debug)]
pub(super) struct Built {
    pub(super) manifests: Vec<Manifest>,
    /// Why there are none.
    pub(super) problems: Vec<Problem>,
    /// Paths that were read or looked for.
    pub(super) reads: Vec<String>,
    /// What keeping it costs.
    pub(super) bytes: usize,
}

/// Builds the directory of a source at a commit.
pub(super) async fn build(
    repositories: &Repositories,
    ask: &Ask<'_>,
    (source, sha, root): (&Source, &str, &str),
) -> mainstay_git::Result<Built> {
    let options = source.kustomize.as_ref().and_then(|options| Overrides::deserialize(options).ok());
    let overrides = options.unwrap_or_default().with_environment(environment(ask, source, sha));
    let directory = root.to_owned();
    let work = move |files: &Files<'_>| of_files(files, &directory, &overrides);
    repositories.with_files(&source.repo_url, sha, work).await
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
    Built { manifests, problems, reads: reads.into_iter().collect(), bytes }
}

/// What Argo CD calls the build environment.
fn environment(ask: &Ask<'_>, source: &Source, sha: &str) -> BTreeMap<String, String> {
    let short = |length: usize| sha.get(..length).unwrap_or(sha).to_owned();
    let known = [
        ("ARGOCD_APP_NAME", ask.app.name.clone()),
        ("ARGOCD_APP_NAMESPACE", ask.destination.namespace.clone()),
        ("ARGOCD_APP_PROJECT_NAME", ask.project.0.to_owned()),
        ("ARGOCD_APP_REVISION", sha.to_owned()),
        ("ARGOCD_APP_REVISION_SHORT", short(7)),
        ("ARGOCD_APP_REVISION_SHORT_8", short(8)),
        ("ARGOCD_APP_SOURCE_PATH", source.path.clone()),
        ("ARGOCD_APP_SOURCE_REPO_URL", source.repo_url.clone()),
        ("ARGOCD_APP_SOURCE_TARGET_REVISION", source.target_revision.clone()),
    ];
    known.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
