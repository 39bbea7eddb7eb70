//! The assembly: everything embedded, in one process. It alone wires stand-ins (store, API server, simulated
//! clusters, git host) to the domains, and serves them on one port.
//!
//! It must not know how any engine works. Start at [`Server::start`].

mod access;
mod audit;
mod bootstrap;
mod clusters;
mod data_dir;
mod engines;
mod error;
mod hosts;
mod news;
mod plain;
mod recovery;
mod seed;
mod server;
pub mod store;
mod webhooks;

pub use audit::AuditLog;
pub use bootstrap::info_key;
pub use error::Error;
pub use mainstay_simcluster::Timings;
pub use server::{MEMBERS, Options, Server};
