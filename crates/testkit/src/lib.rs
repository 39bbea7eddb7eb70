//! A whole cluster in a test: the API server over an ephemeral store, a simulated cluster if wanted, a virtual clock,
//! and ways to wait for a condition or for rest. It must not know any domain.
//!
//! Start at [`TestCluster`]. Tests run on a paused runtime (`#[tokio::test(start_paused = true)]`): time moves only
//! when everything waits, so a simulated minute costs nothing and every run is the same. Everything here panics where
//! a test should fail.

#![allow(clippy::panic, reason = "a test fails by panicking")]

pub mod build;
mod cluster;
mod wait;
mod world;

pub use cluster::{Setup, TestCluster};
pub use world::{Difference, World};

/// The logical cluster that a [`TestCluster`] has unless it is set up otherwise.
pub const CLUSTER: &str = "dev";
