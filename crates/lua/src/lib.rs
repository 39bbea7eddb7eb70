//! Argo CD's customizations of resources: users' scripts in Lua 5.1 that judge health, offer actions and carry them out, the
//! rules beside them in the ConfigMap `argocd-cm`, and the built-in actions of common kinds.
//!
//! It must not know clusters or Applications, nor the time: scripts and objects in, values out. A script cannot reach anything
//! but what it is given, and cannot run or grow without end.
//!
//! Start at [`Customizations`], then `vm.rs`: one script is one run in a state of its own.

mod action;
mod builtin;
mod config;
mod customizations;
mod error;
mod health;
mod reshape;
mod vm;

pub use action::{Action, Impacted, Operation, Parameter};
pub use config::{
    CompareOptions, ConfigError, Filter, Filtered, IgnoreDifferences, IgnoreRule, KnownTypeField, StatusField, Tracking,
};
pub use customizations::Customizations;
pub use error::Error;
pub use vm::Limits;
