//! The host and the reader, against the real `git` program over a loopback port.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests drive the real git program, and panic")]

mod commit_files;
mod host;
mod reading;
mod remote;
mod world;
