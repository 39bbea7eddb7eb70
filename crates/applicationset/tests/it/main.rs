//! ApplicationSets against a real API server and a real git repository, on a virtual clock. One file per behaviour.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod budget;
mod cluster_addons;
mod decision;
mod gitops_bridge;
mod go_templates;
mod lab;
mod plugin;
mod policies;
mod rolling_sync;
mod with_gitops;
