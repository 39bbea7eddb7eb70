//! `kustomize build`, from files in memory to objects: the rules of kustomize v5, with what Argo CD lets an Application
//! override.
//!
//! It must not know git, clusters or Applications, and reads nothing but the files it is given.
//!
//! Start at [`build`], then `accumulate.rs`: one kustomization is resources, generators, components, transformers.

mod accumulate;
mod config;
mod error;
mod fieldspec;
mod files;
mod generate;
mod hash;
mod id;
mod images;
mod kustomization;
mod labels;
mod merge;
mod names;
mod order;
mod overrides;
mod patch;
mod references;
mod replacement;
mod replicas;
mod resource;

use std::collections::BTreeSet;

use mainstay_apimachinery::yaml;

pub use error::Error;
pub use files::Files;
pub use kustomization::FILE_NAMES;
pub use overrides::Overrides;
pub use resource::Resource;

use accumulate::Target;
use config::Config;
use files::Recorder;

/// What a build made, and what it looked at.
#[derive(Clone, Debug, Default)]
pub struct Build {
    /// The objects, in kustomize's order.
    pub resources: Vec<Resource>,
    /// Every path that was read or looked for, from the root of the repository: as long as none of them changes, nor
    /// does the outcome.
    pub reads: BTreeSet<String>,
}

/// A build that failed, and what it looked at.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failed {
    /// Why.
    pub error: Error,
    /// See [`Build::reads`].
    pub reads: BTreeSet<String>,
}

/// Builds the directory `root` of a repository.
///
/// # Errors
/// When something is missing, malformed, or asks for what is not supported; with everything that was looked at.
pub fn build(files: &dyn Files, root: &str, overrides: &Overrides) -> Result<Build, Box<Failed>> {
    let recorder = Recorder::new(files);
    let made = customized(&recorder, root, overrides);
    let reads = recorder.reads();
    match made {
        Ok(resources) => Ok(Build { resources, reads }),
        Err(error) => Err(Box::new(Failed { error, reads })),
    }
}

fn customized(files: &Recorder<'_>, root: &str, overrides: &Overrides) -> Result<Vec<Resource>, Error> {
    let root = files::normal("", root)?;
    let mut target = Target::load(files, &root)?;
    overrides.apply(&mut target.kustomization, files, &root)?;
    let mut config = Config::builtin();
    let mut resources = target.accumulate(Vec::new(), &mut config)?;
    hash::add(&mut resources);
    references::fix(&mut resources, &config)?;
    resources.retain(|resource| !resource.is_local());
    order::sort(&mut resources, target.kustomization.sort_options.as_ref())?;
    Ok(resources)
}

/// The objects as one stream of YAML documents.
#[must_use]
pub fn to_yaml(resources: &[Resource]) -> String {
    yaml::to_string_documents(resources.iter().map(|resource| &resource.object))
}
