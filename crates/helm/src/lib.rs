//! Renders Helm charts: from files in memory to manifests, as `helm template` of Helm v4 does.
//!
//! It must not know git, registries, clusters or Applications, and reads nothing but the files it is given. Time and
//! random values come from the caller.
//!
//! Start at [`Chart::from_files`] and [`render`]; `coalesce.rs` is how values become one, `dependencies.rs` which
//! charts are on.

mod archive;
mod capabilities;
mod chart;
mod coalesce;
mod dependencies;
mod error;
mod files;
mod functions;
mod glob;
mod ignore;
mod load;
mod render;
mod schema;
mod strvals;
mod toml;

pub use archive::files as unpack;
pub use capabilities::Capabilities;
pub use chart::{Chart, Dependency, File, Maintainer, Metadata};
pub use coalesce::overlay;
pub use error::Error;
pub use mainstay_gotemplate::Entropy;
pub use render::{Options, Release, Rendered, render};
pub use strvals::{Typed, set, set_value};

/// Values from a YAML file: a map, or nothing. Numbers are what Helm reads them as, floating point.
///
/// # Errors
/// When it is something else.
pub fn parse_values(text: &str) -> Result<serde_json::Map<String, serde_json::Value>, Error> {
    load::parse_values(text).map_err(Error::Values)
}
