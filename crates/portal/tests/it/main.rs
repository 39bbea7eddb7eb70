//! The portal on a simulated fleet.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests panic")]

mod fixture;
mod pages;
