//! Why a chart cannot be read or rendered.

use mainstay_gotemplate as gotemplate;

/// A chart cannot be read or rendered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that a chart must have is not there.
    #[error("{path} is missing; a chart needs it")]
    Missing {
        /// Where it should be.
        path: String,
    },
    /// A file of the chart is not what it should be.
    #[error("{path}: {message}")]
    File {
        /// Where it is, from the chart's directory.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// An archive is not one, or holds what no archive of a chart should.
    #[error("chart archive: {0}")]
    Archive(String),
    /// Dependencies are named in `Chart.yaml` but are not in `charts/`.
    #[error(
        "found in Chart.yaml, but missing in charts/ directory: {}; run `helm dependency build`, or let them be fetched",
        .0.join(", ")
    )]
    Dependencies(Vec<String>),
    /// Values do not fit together or are malformed.
    #[error("values: {0}")]
    Values(String),
    /// Values do not meet the chart's schema.
    #[error("values don't meet the specifications of the schema(s) in the following chart(s):\n{0}")]
    Schema(String),
    /// The chart is for other versions of Kubernetes.
    #[error("chart requires kubeVersion: {wanted} which is incompatible with Kubernetes {found}")]
    KubeVersion {
        /// What it wants.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// A library chart renders nothing by itself.
    #[error("library charts are not installable")]
    Library,
    /// A template cannot be parsed or executed.
    #[error(transparent)]
    Template(#[from] gotemplate::Error),
    /// The machine gives no thread to render on.
    #[error("failed to start a thread to render on: {0}")]
    Thread(#[from] std::io::Error),
}

impl Error {
    pub(crate) fn file(path: &str, message: impl std::fmt::Display) -> Self {
        Self::File { path: path.to_owned(), message: message.to_string() }
    }
}
