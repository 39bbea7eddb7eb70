//! Files of a directory source that are Jsonnet.
//! It must not know how a file is evaluated, nor what becomes of its manifests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mainstay_api::argoproj::Source;
use mainstay_git::Files;
use mainstay_jsonnet::{Options, Variable};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::Error;
use super::desired::failed;
use super::kustomize::Built;
use super::read::{Reader, environment};
use crate::plan::environment::substitute;
use crate::plan::problem::{Cause, Problem};
use crate::plan::source;
use crate::plan::target::Manifest;

/// Evaluations at a time. One cannot be stopped, so those that do not end take these places and no more.
static PLACES: Semaphore = Semaphore::const_new(2);
/// How long somebody waits for the evaluation of a directory.
const PATIENCE: Duration = Duration::from_secs(60);

/// `ApplicationSourceJsonnet`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Written {
    ext_vars: Vec<WrittenVariable>,
    tlas: Vec<WrittenVariable>,
    libs: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WrittenVariable {
    name: String,
    value: String,
    code: bool,
}

/// Evaluates files of a source at a commit, which are given by path.
pub(super) async fn build(
    reader: &Reader<'_>,
    (source, sha): (&Source, &str),
    paths: Vec<String>,
) -> Result<Built, Error> {
    let directory = source.directory.clone().unwrap_or_default();
    let written = directory.jsonnet.map(Written::deserialize).transpose();
    let written = written.map_err(|error| Error::Jsonnet(error.to_string()))?.unwrap_or_default();
    let (options, any_commit) = options(reader, (source, sha), written);
    let slow = || Error::Slow { place: format!("Jsonnet in {:?} of {}", source.path, source.repo_url) };
    let evaluated = async {
        // It is never closed.
        let place = PLACES.acquire().await;
        let work = move |files: &Files<'_>| {
            let _place = place;
            of_files(files, &paths, &options)
        };
        reader.repositories.with_files(&source.repo_url, sha, work).await
    };
    let built = tokio::time::timeout(PATIENCE, evaluated).await.map_err(|_| slow())?;
    let mut built = built.map_err(|error| failed(source, sha, error))?;
    if any_commit {
        // The commit is part of it, so every commit is read anew.
        built.reads.push(String::new());
    }
    Ok(built)
}

/// How files are evaluated, and whether that hangs on the commit.
fn options(reader: &Reader<'_>, (source, sha): (&Source, &str), written: Written) -> (Options, bool) {
    let environment = environment(reader.ask, source, sha);
    let variables = |list: Vec<WrittenVariable>| -> Vec<Variable> {
        let one =
            |WrittenVariable { name, value, code }| Variable { name, value: substitute(&value, &environment), code };
        list.into_iter().map(one).collect()
    };
    let mut all = written.ext_vars.iter().chain(&written.tlas);
    let any_commit = all.any(|variable| variable.value.contains("ARGOCD_APP_REVISION"));
    // As upstream, the directory of the application is looked in before the libraries.
    let own = std::iter::once(source::root(&source.path));
    let libraries = own.chain(written.libs.iter().map(|path| source::root(path))).collect();
    let options = Options { ext_vars: variables(written.ext_vars), arguments: variables(written.tlas), libraries };
    (options, any_commit)
}

struct InGit<'a, 'r>(&'a Files<'r>);

impl mainstay_jsonnet::Files for InGit<'_, '_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.0.read(path).map(|bytes| bytes.to_vec()))
    }
}

fn of_files(files: &Files<'_>, paths: &[String], options: &Options) -> Built {
    let (mut manifests, mut problems, mut reads) = (Vec::new(), Vec::new(), BTreeSet::new());
    for path in paths {
        let found = match mainstay_jsonnet::evaluate(path, &InGit(files), options) {
            Ok(outcome) => {
                reads.extend(outcome.reads.iter().cloned());
                outcome.manifests().map_err(|why| format!("{path}: {why}"))
            }
            Err(error) => {
                reads.extend(error.reads);
                Err(error.message)
            }
        };
        match found {
            Ok(objects) => {
                let file: Arc<str> = path.as_str().into();
                let manifest = |object| Manifest { object, file: Arc::clone(&file), line: 0, anchor: None };
                manifests.extend(objects.into_iter().map(manifest));
            }
            Err(message) => problems.push(Problem::new(Cause::Unreadable, path, format!("jsonnet: {message}"))),
        }
    }
    let bytes = manifests.iter().map(|manifest: &Manifest| manifest.object.to_string().len()).sum();
    Built { manifests, problems, reads: reads.into_iter().collect(), elsewhere: Vec::new(), bytes }
}
