//! CustomResourceDefinitions: what they say, whether they may be written, and their status.
//! It must not know storage or HTTP; `establish.rs` alone writes, through the one way into the store.

use crate::registry::Resource;

mod definition;
mod establish;
mod form;
mod status;
mod version;

pub use definition::Definition;
pub(crate) use establish::{DEFINITION_MANAGER, settle_all};
pub use form::{apply_defaults, drop_empty};
pub use status::{
    CLEANUP_FINALIZER, begin, begin_deletion, complete, is_established, keep_stored_versions, set_terminating,
};
pub use version::compare as compare_versions;

/// Whether a resource is the definitions themselves.
#[must_use]
pub fn is_definition(resource: &Resource) -> bool {
    &*resource.group == "apiextensions.k8s.io" && &*resource.plural == "customresourcedefinitions"
}
