//! ApplicationSets against a real API server and a real git repository, on a virtual clock.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clusters;
mod git;
mod lab;
