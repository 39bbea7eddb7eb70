//! Everything read from outside: desired manifests from git, live objects from informers, and what the API server
//! says an apply would do.
//! It must not decide anything.

mod capabilities;
mod charts;
mod children;
mod definitions;
mod desired;
mod helm;
mod jsonnet;
mod kustomize;
mod live;
mod orphans;
mod overlay;
mod predict;
mod read;
mod settings;

pub(crate) use capabilities::Capabilities;
pub(crate) use charts::Charts;
pub(crate) use desired::{Ask, Seen, Sources};
pub(crate) use live::{LiveViews, View, Wanted};
pub(crate) use orphans::Search;
pub(crate) use overlay::Overlay;
pub(crate) use predict::{Verdicts, predict};
pub(crate) use settings::SettingsSource;

use mainstay_apimachinery::GroupVersionKind;
use mainstay_controller_runtime::{Class, Classify, api, mapper, served};

use crate::plan::glob::PatternError;
use crate::revisions;

/// Something could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The revision could not be told, or its files not read.
    #[error("failed to read {place}")]
    Source {
        place: String,
        #[source]
        source: revisions::Error,
    },
    /// An include or exclude pattern cannot be read.
    #[error("failed to read spec.source.directory")]
    Pattern(#[source] PatternError),
    /// A file in the repository that changes the source cannot be used.
    #[error("failed to read {path}: {why}")]
    Overrides { path: String, why: String },
    /// Discovery at the destination failed.
    #[error("failed to discover the kinds of cluster {cluster}")]
    Discovery {
        cluster: String,
        #[source]
        source: mapper::Error,
    },
    /// The options of Jsonnet cannot be read.
    #[error("failed to read spec.source.directory.jsonnet: {0}")]
    Jsonnet(String),
    /// A tool has not come to an end.
    #[error("{place} has not come to an end in time; others may be in the way, or it may have none")]
    Slow { place: String },
    /// A cluster does not tell what it serves.
    #[error("failed to ask cluster {cluster} what it serves")]
    Serves {
        cluster: String,
        #[source]
        source: served::Error,
    },
    /// The live objects of a kind could not be listed in time.
    #[error("failed to list {gvk} of cluster {cluster} in time; it is tried again")]
    Unlisted { cluster: String, gvk: GroupVersionKind },
    /// A dry run failed for another reason than the object.
    #[error("failed to compare with cluster {cluster}")]
    Compare {
        cluster: String,
        #[source]
        source: api::Error,
    },
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Source { source, .. } if source.is_transient() => Class::Retry,
            // A push or a poll wakes the application when the repository is repaired.
            Self::Source { .. } | Self::Overrides { .. } => Class::Wait,
            Self::Pattern(_) | Self::Jsonnet(_) => Class::Terminal,
            Self::Discovery { source, .. } => source.class(),
            Self::Serves { source, .. } => source.class(),
            Self::Slow { .. } | Self::Unlisted { .. } | Self::Compare { .. } => Class::Retry,
        }
    }
}
