//! Integration tests of the orchestrator.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic, its helpers too")]

mod application;
mod definition;
mod golden;
mod instance;
mod support;
