//! The engine: from manifests and live objects to what is in sync, what to apply, what to prune, and in which order.
//! Pure: no clock, no client. It must not know how anything is fetched, applied or reported.

pub mod autosync;
pub mod cluster;
pub mod compare;
pub mod environment;
pub mod health;
pub mod helm;
pub mod history;
pub mod hook;
pub mod hydrate;
pub mod jq;
pub mod key;
pub mod operation;
pub mod options;
pub mod order;
pub mod orphan;
pub mod overrides;
pub mod problem;
pub mod project;
pub mod prune;
pub mod settings;
pub mod source;
pub mod summary;
pub mod target;
pub mod tasks;
pub mod tracking;
pub mod turn;
pub mod vain;
pub mod windows;

pub use mainstay_apimachinery::glob;
