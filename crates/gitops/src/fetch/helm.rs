//! A source that is a Helm chart: reads the chart, the files of values that the Application names and local
//! dependencies, and has them rendered.
//! It must not know how rendering works, nor what becomes of the objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use mainstay_api::argoproj::{self, Source};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::Served;
use mainstay_git::{Repositories, Tree};
use mainstay_helm::{Capabilities, Chart, Dependency, Entropy, File, Options, Release, Rendered};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::desired::Ask;
use super::kustomize::Built;
use super::read::{Reader, environment};
use crate::plan::glob::Pattern;
use crate::plan::helm::{HelmOptions, Place, place};
use crate::plan::problem::{Cause, Problem};
use crate::plan::source::{self, SourceFile};
use crate::plan::target::Manifest;
use crate::revisions;

/// Why a chart cannot be rendered.
enum Failure {
    /// In words, for whoever wrote it.
    Told(String),
    /// A repository cannot be read.
    Repository(revisions::Error),
}

impl From<mainstay_git::Error> for Failure {
    fn from(error: mainstay_git::Error) -> Self {
        Self::Repository(error.into())
    }
}

impl From<mainstay_charts::Error> for Failure {
    fn from(error: mainstay_charts::Error) -> Self {
        Self::Repository(error.into())
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Told(message)
    }
}

impl From<mainstay_helm::Error> for Failure {
    fn from(error: mainstay_helm::Error) -> Self {
        Self::Told(error.to_string())
    }
}

/// What was looked at.
#[derive(Default)]
struct Looked {
    reads: Vec<String>,
    elsewhere: Vec<(usize, String)>,
}

/// Renders the chart in a directory of a repository at a commit.
pub(super) async fn build(
    reader: &Reader<'_>,
    (source, sha, root): (&Source, &str, &str),
    served: &Served,
) -> Result<Built, revisions::Error> {
    let mut looked = Looked::default();
    if source.chart.is_empty() {
        looked.reads.push(root.to_owned());
    }
    let work = Work { reader, source, sha, root, options: options(source) };
    let (manifests, problems) = match work.render(served, &mut looked).await {
        Ok(rendered) => work.manifests(rendered),
        Err(Failure::Repository(error)) => return Err(error),
        Err(Failure::Told(message)) => {
            let origin = [root, source.chart.as_str(), "."].into_iter().find(|part| !part.is_empty()).unwrap_or(".");
            (Vec::new(), vec![Problem::new(Cause::Unreadable, origin, format!("helm template: {message}"))])
        }
    };
    let bytes = manifests.iter().map(|manifest| manifest.object.to_string().len()).sum();
    looked.reads.sort();
    looked.reads.dedup();
    Ok(Built { manifests, problems, reads: looked.reads, elsewhere: looked.elsewhere, bytes })
}

/// The options of a source, which were found sound when the Application was validated.
fn options(source: &Source) -> HelmOptions {
    source.helm.as_ref().and_then(|options| HelmOptions::deserialize(options).ok()).unwrap_or_default()
}

struct Work<'a> {
    reader: &'a Reader<'a>,
    source: &'a Source,
    sha: &'a str,
    root: &'a str,
    options: HelmOptions,
}

impl Work<'_> {
    fn repositories(&self) -> &Repositories {
        self.reader.repositories
    }

    async fn render(&self, served: &Served, looked: &mut Looked) -> Result<Vec<Rendered>, Failure> {
        let environment = environment(self.reader.ask, self.source, self.sha);
        let files = self.files().await?;
        let values = self.values(&files, &environment, looked).await?;
        let chart = self.chart(files, looked).await?;
        let options = self.rendering(served);
        let skip_crds = self.options.skip_crds;
        let render = move || mainstay_helm::render(chart, &values, &options);
        let rendered = tokio::task::spawn_blocking(render).await;
        let mut rendered = rendered.map_err(|error| format!("rendering stopped: {error}"))??;
        rendered.retain(|file| !(skip_crds && file.path.split('/').nth(1) == Some("crds")));
        Ok(rendered)
    }

    /// The files of the chart itself.
    async fn files(&self) -> Result<Vec<File>, Failure> {
        if self.source.chart.is_empty() {
            return self.directory(self.root).await;
        }
        let Source { repo_url, chart, .. } = self.source;
        let archive = self.reader.charts.archive(repo_url, chart, self.sha).await?;
        Ok(mainstay_helm::unpack(&archive)?)
    }

    /// The chart with the dependencies that it does not bring along.
    async fn chart(&self, files: Vec<File>, looked: &mut Looked) -> Result<Chart, Failure> {
        let mut chart = Chart::from_files(files)?;
        let missing: Vec<Dependency> = chart.missing_dependencies().into_iter().cloned().collect();
        for dependency in missing {
            let found = self.dependency(&dependency, &chart, looked).await?;
            chart.dependencies.extend(found);
        }
        Ok(chart)
    }

    /// A dependency: of the same repository, or from where it is published. As `helm dependency build`, the version is
    /// the one in `Chart.lock` if there is one.
    async fn dependency(
        &self,
        wanted: &Dependency,
        chart: &Chart,
        looked: &mut Looked,
    ) -> Result<Option<Chart>, Failure> {
        if let Some(path) = wanted.repository.strip_prefix("file://") {
            let Place { path, .. } = place(path, self.root, &BTreeMap::new())?;
            looked.reads.push(path.clone());
            return Ok(Some(Chart::from_files(self.directory(&path).await?)?));
        }
        if !["https://", "http://", "oci://"].iter().any(|scheme| wanted.repository.starts_with(scheme)) {
            // Rendering tells that it is missing.
            return Ok(None);
        }
        let locked = chart.lock.iter().find(|locked| locked.name == wanted.name);
        let version = locked.map_or(&wanted.version, |locked| &locked.version);
        let (repository, name) = (&wanted.repository, &wanted.name);
        let version = self.reader.charts.resolve(repository, name, version).await?;
        Ok(Some(Chart::from_archive(&self.reader.charts.archive(repository, name, &version).await?)?))
    }

    /// The files below a directory, by their paths from there.
    async fn directory(&self, directory: &str) -> Result<Vec<File>, Failure> {
        let Tree { files, skipped, .. } = self.repositories().tree(&self.source.repo_url, self.sha, directory).await?;
        if let Some(skipped) = skipped.first() {
            return Err(Failure::Told(format!("{skipped}; replace it by the file itself")));
        }
        let start = if directory.is_empty() { 0 } else { directory.len() + 1 };
        let file =
            |file: mainstay_git::File| File { path: file.path[start..].to_owned(), content: file.bytes.to_vec() };
        Ok(files.into_iter().map(file).collect())
    }

    async fn values(
        &self,
        chart: &[File],
        environment: &BTreeMap<String, String>,
        looked: &mut Looked,
    ) -> Result<Map<String, Value>, Failure> {
        let mut files = Vec::new();
        for named in &self.options.value_files {
            let found = self.read(&place(named, self.root, environment)?, chart, looked).await?;
            if found.is_empty() && !self.options.ignore_missing_value_files {
                return Err(Failure::Told(format!("open {named}: no such file or directory")));
            }
            files.extend(found);
        }
        let mut contents = Vec::new();
        for parameter in &self.options.file_parameters {
            let found = self.read(&place(&parameter.path, self.root, environment)?, chart, looked).await?;
            let (_, content) = found
                .into_iter()
                .next()
                .ok_or_else(|| Failure::Told(format!("open {}: no such file or directory", parameter.path)))?;
            contents.push(content);
        }
        Ok(self.options.values(&files, &contents, environment)?)
    }

    /// The files at a place with their paths: none, one, or all that a pattern stands for.
    async fn read(&self, place: &Place, chart: &[File], looked: &mut Looked) -> Result<Vec<(String, String)>, Failure> {
        let path = place.path.clone();
        if place.reference.is_none() && !self.source.chart.is_empty() {
            let pattern = Pattern::new(&path).map_err(|error| Failure::Told(format!("{path}: {error}")))?;
            let matches = |file: &&File| file.path == path || place.is_pattern() && pattern.matches(&file.path);
            return Ok(chart.iter().filter(matches).map(|file| (file.path.clone(), text(&file.content))).collect());
        }
        let directory = if place.is_pattern() { fixed(&path).to_owned() } else { path.clone() };
        let (url, sha) = match &place.reference {
            None => {
                looked.reads.push(directory.clone());
                (&self.source.repo_url, self.sha)
            }
            Some(reference) => {
                let (index, source, sha) = self.reader.reference(reference).ok_or_else(|| {
                    Failure::Told(format!(
                        "source referenced {reference:?}, which is not one of the source's references"
                    ))
                })?;
                looked.elsewhere.push((index, directory.clone()));
                (&source.repo_url, sha)
            }
        };
        if !place.is_pattern() {
            let named = path.clone();
            let found = self.repositories().with_files(url, sha, move |files| files.read(&named)).await?;
            return Ok(found.map(|bytes| (path, text(&bytes))).into_iter().collect());
        }
        let pattern = Pattern::new(&path).map_err(|error| Failure::Told(format!("{path}: {error}")))?;
        if self.repositories().tree_oid(url, sha, &directory).await?.is_none() {
            return Ok(Vec::new());
        }
        let tree = self.repositories().tree_where(url, sha, &directory, move |path| pattern.matches(path)).await?;
        Ok(tree.files.into_iter().map(|file| (file.path, text(&file.bytes))).collect())
    }

    fn rendering(&self, served: &Served) -> Options {
        let Ask { app, destination, .. } = self.reader.ask;
        let or = |own: &str, other: &str| (if own.is_empty() { other } else { own }).to_owned();
        let options = &self.options;
        let release = Release {
            name: or(&options.release_name, &app.name),
            namespace: or(&options.namespace, &destination.namespace),
            revision: 1,
        };
        let own = !options.api_versions.is_empty();
        let capabilities = Capabilities {
            kube_version: or(&options.kube_version, &served.version),
            api_versions: if own { options.api_versions.clone() } else { served.kinds.clone() },
        };
        let entropy = self.entropy(&release);
        let now = self.reader.ask.cluster.clock.now();
        Options { release, capabilities, now, entropy, skip_schema: options.skip_schema_validation }
    }

    /// Random values stay the same for a release, so that nothing differs from what is live but for a change.
    fn entropy(&self, release: &Release) -> Entropy {
        let Ask { app, cluster, .. } = self.reader.ask;
        let name = format!("{}/{}/{}/{}", app, cluster.cluster, release.namespace, release.name);
        self.reader.entropy.of(&name)
    }

    fn manifests(&self, rendered: Vec<Rendered>) -> (Vec<Manifest>, Vec<Problem>) {
        let (mut manifests, mut problems) = (Vec::new(), Vec::new());
        for file in rendered {
            let text = Ok(Arc::from(file.text));
            let parsed = source::parse(&SourceFile { path: file.path, oid: String::new(), text });
            manifests.extend(parsed.manifests.into_iter().map(|manifest| Manifest { anchor: None, ..manifest }));
            problems.extend(parsed.problems);
        }
        if self.options.skip_tests {
            manifests.retain(|manifest| !is_test(&manifest.object));
        }
        (manifests, problems)
    }
}

/// The directories of a pattern before the first that is one.
fn fixed(pattern: &str) -> &str {
    let end = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
    pattern[..end].rfind('/').map_or("", |slash| &pattern[..slash])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_test(manifest: &Value) -> bool {
    let hooks = object::annotation(manifest, argoproj::HELM_HOOK).unwrap_or_default();
    hooks.split(',').any(|hook| matches!(hook.trim(), "test" | "test-success" | "test-failure"))
}
