//! CustomResourceDefinitions: what they say, whether they may be written, and their status.
//! It must not know storage or HTTP.

mod definition;
mod status;
mod version;

pub use definition::Definition;
pub use status::{CLEANUP_FINALIZER, complete, is_established, set_terminating};
pub use version::compare as compare_versions;
