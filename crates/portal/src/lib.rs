//! The web portal: pages rendered on the server from what the API says now, kept live by server-sent events.
//! It must not change anything, and it must not know the engines: all it sees are objects on the API.
//!
//! - [`model`] is pure: an application's tree, its timeline and why it is not ready, built from plain objects. The
//!   command line shows the same.
//! - [`gather`] reads those objects from the clusters.
//! - [`router`] serves the pages.

mod assets;
mod context;
mod error;
pub mod gather;
mod kinds;
mod layout;
mod live;
pub mod model;
mod routes;
mod security;
mod svg;
mod view;

pub use context::PortalContext;
pub use error::Error;
pub use routes::router;
