//! Git, both ways: a host for repositories over smart HTTP, and a reader of any repository by URL.
//! It must not know Kubernetes, or what the files it serves mean.
//!
//! - [`GitHost`] keeps bare repositories under one directory, serves them with [`GitHost::router`] and tells every
//!   change of a ref through [`GitHost::pushes`], whether it came in by `git push` or by [`GitHost::commit_files`].
//! - [`Repositories`] reads: a revision to a [`Commit`], a commit to its files, two commits to the paths between
//!   them. Repositories of the embedded host and local ones are read in place; remote ones through a mirror that is
//!   fetched incrementally.
//!
//! Reading and writing objects is gix, in process; only serving and pushing start the `git` program.

mod cgi;
mod error;
mod host;
mod location;
mod mirror;
mod name;
mod pack;
mod program;
mod push;
mod range;
mod read;
mod repositories;
mod routes;
mod tree;
mod types;
mod write;

pub use error::{Class, Error, Result};
pub use host::{GitHost, HostOptions, Push, RefUpdate};
pub use repositories::{Accounts, Options, Repositories};
pub use routes::RemoteUser;
pub use tree::{File, Files, SkipReason, Skipped, Tree};
pub use types::{Account, Author, Change, ChangedPath, Commit, NewCommit, PathStatus, Reference};

/// The branch that a new repository starts with.
pub const DEFAULT_BRANCH: &str = "main";
