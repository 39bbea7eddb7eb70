//! Why a build fails, in words that say where and what to do.
//! It must not know how files are read.

use mainstay_apimachinery::yaml::YamlError;

/// A build failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A directory has no kustomization.
    #[error("unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '{0}'")]
    NoKustomization(String),
    /// A directory has several.
    #[error("found multiple kustomization files under '{0}'; keep one of them")]
    SeveralKustomizations(String),
    /// A file is no YAML that can be taken.
    #[error("{path}:{}:{}: {}", .error.line, .error.column, .error.message)]
    Yaml {
        /// The file.
        path: String,
        /// What is wrong.
        error: YamlError,
    },
    /// A file does not hold what it should.
    #[error("{path}: {message}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// A resource, base or component is not there.
    #[error("{from}: '{path}' is neither a file nor a directory with a kustomization")]
    Missing {
        /// The kustomization that names it.
        from: String,
        /// What it names.
        path: String,
    },
    /// Something to be fetched from elsewhere.
    #[error("{from}: '{url}' is remote, and remote resources and bases are not fetched; copy it into the repository")]
    Remote {
        /// The kustomization that names it.
        from: String,
        /// What it names.
        url: String,
    },
    /// A path leads out of the repository, or a file out of its kustomization's directory.
    #[error("{from}: '{path}' leads out of {boundary}, which is not allowed")]
    Outside {
        /// The kustomization that names it.
        from: String,
        /// What it names.
        path: String,
        /// What it must stay in.
        boundary: String,
    },
    /// A base that is reached through itself, or too deep.
    #[error("{0}: bases lead to one another in a circle")]
    Cycle(String),
    /// Something kustomize does that is not supported here.
    #[error("{path}: {field} is not supported; {advice}")]
    Unsupported {
        /// The kustomization.
        path: String,
        /// The field.
        field: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// Two resources with one id.
    #[error("may not add resource with an already registered id: {0}")]
    Repeated(String),
    /// Something that is to be done to resources cannot be done.
    #[error("{path}: {message}")]
    Transform {
        /// The kustomization.
        path: String,
        /// What and why.
        message: String,
    },
    /// More than a build may hold.
    #[error("{path}: a build may hold at most {limit} {what}")]
    TooMuch {
        /// Where it came to that.
        path: String,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}
