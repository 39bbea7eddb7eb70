//! The whole server, as a user meets it: over its port, with real git pushes.

mod broken_repository;
mod golden_path;
mod platform;
mod restart;
