//! The whole server, as a user meets it: over its port, with real git pushes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod broken_repository;
mod clusters;
mod golden_path;
mod platform;
mod restart;
mod webhooks;
