//! The binary as a user runs it: real processes, a real port, real git pushes, real time.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive real programs, and panic"
)]

mod app;
mod bench_api;
mod crash;
mod explain;
mod get;
mod kill;
mod new_application;
mod platform;
mod push;
mod store;
mod up;
mod usage;
mod why;
