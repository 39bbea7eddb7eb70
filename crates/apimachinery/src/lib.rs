//! The untyped object model of Kubernetes: names of kinds, object accessors, selectors, structural
//! schemas, patches, managed fields (server-side apply), diffs, health and YAML.
//!
//! Pure: no clock, no network, no tokio. It must not know how objects are stored or served.
//!
//! Objects are `serde_json::Value`; start at [`object`] and [`schema`].

pub mod builtin;
pub mod cron;
pub mod diff;
pub mod glob;
pub mod gvk;
pub mod health;
pub mod json;
pub mod managed_fields;
pub mod names;
pub mod object;
pub mod patch;
pub mod path;
pub mod quantity;
pub mod quota;
pub mod schema;
pub mod selector;
pub mod version;
pub mod yaml;

pub use gvk::{GroupKind, GroupResource, GroupVersionKind, GroupVersionResource};
pub use path::{FieldError, FieldErrorKind, FieldPath};
pub use schema::Schema;
