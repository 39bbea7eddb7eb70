//! A chart in memory: what its files say.
//! It must not know where the files came from, or what becomes of them.

use mainstay_apimachinery::version::{Range, Version};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// A file of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// From the chart's directory, with `/`.
    pub path: String,
    /// What it holds.
    pub content: Vec<u8>,
}

impl File {
    /// Its content as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
}

/// What `Chart.yaml` says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// `v1` or `v2`.
    pub api_version: String,
    /// The chart's name.
    pub name: String,
    /// The chart's version.
    pub version: String,
    /// The version of what it deploys.
    pub app_version: String,
    /// In one sentence.
    pub description: String,
    /// `application` or `library`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which versions of Kubernetes it is for.
    pub kube_version: String,
    /// Whether it is no longer kept.
    pub deprecated: bool,
    /// URL of the project.
    pub home: String,
    /// URL of a picture.
    pub icon: String,
    /// URLs of the sources.
    pub sources: Vec<String>,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// Who keeps it.
    pub maintainers: Vec<Maintainer>,
    /// Free to use.
    pub annotations: Map<String, Json>,
    /// Paths of values that turn the chart on or off.
    pub condition: String,
    /// Tags that turn the chart on or off.
    pub tags: String,
    /// What it needs.
    pub dependencies: Vec<Dependency>,
}

/// Who keeps a chart.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Maintainer {
    /// The name.
    pub name: String,
    /// Where to write to.
    pub email: String,
    /// Where to read more.
    pub url: String,
}

/// A chart that another needs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Dependency {
    /// The chart's name.
    pub name: String,
    /// A range of versions.
    pub version: String,
    /// Where it comes from: `https://`, `oci://`, `file://`, or `@name`.
    pub repository: String,
    /// Paths of values, of which the first that is a boolean turns it on or off.
    pub condition: String,
    /// Tags that turn it on or off.
    pub tags: Vec<String>,
    /// The name it has in the parent, if not its own.
    pub alias: String,
    /// Values of it that the parent takes over.
    pub import_values: Vec<Json>,
}

impl Dependency {
    /// The name it has in the parent.
    #[must_use]
    pub fn local_name(&self) -> &str {
        if self.alias.is_empty() { &self.name } else { &self.alias }
    }

    /// Whether a chart is the one that is meant.
    pub(crate) fn is(&self, chart: &Chart) -> bool {
        self.name == chart.metadata.name && fits(&self.version, &chart.metadata.version)
    }
}

/// Whether a version is in a range; an empty range holds all.
pub(crate) fn fits(range: &str, version: &str) -> bool {
    let Some(version) = Version::parse(version) else { return range == version };
    Range::parse(range).is_ok_and(|range| range.contains(&version))
}

/// A chart.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// What `Chart.yaml` says.
    pub metadata: Metadata,
    /// What `values.yaml` says.
    pub values: Map<String, Json>,
    /// What `values.schema.json` says.
    pub schema: Option<Json>,
    /// Files below `templates/`.
    pub templates: Vec<File>,
    /// All other files that it may read, those below `crds/` among them.
    pub files: Vec<File>,
    /// Charts below `charts/`.
    pub dependencies: Vec<Chart>,
    /// What `Chart.lock` says of each dependency: the versions that were chosen.
    pub lock: Vec<Dependency>,
}

impl Chart {
    /// Whether it only has definitions for others.
    #[must_use]
    pub fn is_library(&self) -> bool {
        self.metadata.kind.eq_ignore_ascii_case("library")
    }

    /// Dependencies that are named but not there.
    #[must_use]
    pub fn missing_dependencies(&self) -> Vec<&Dependency> {
        let is_there = |wanted: &&Dependency| self.dependencies.iter().any(|chart| chart.metadata.name == wanted.name);
        self.metadata.dependencies.iter().filter(|wanted| !is_there(wanted)).collect()
    }

    /// Its CustomResourceDefinitions and those of its dependencies, with their paths from the chart's directory.
    #[must_use]
    pub fn crds(&self) -> Vec<File> {
        let is_manifest = |path: &str| [".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end));
        let own = self.files.iter().filter(|file| file.path.starts_with("crds/") && is_manifest(&file.path));
        let mut crds: Vec<File> = own.cloned().collect();
        for chart in &self.dependencies {
            let inner = chart.crds().into_iter();
            crds.extend(
                inner.map(|file| File { path: format!("charts/{}/{}", chart.metadata.name, file.path), ..file }),
            );
        }
        crds
    }
}
