//! An application as people look at it, built from plain objects: its line in a list, its tree, its timeline, and
//! why it is not ready. Pure: no clock, no client, no HTML.
//! It must not know who shows it; the portal and the command line both do.

mod age;
mod health;
mod mask;
mod reference;
mod summary;
mod timeline;
mod tree;
mod why;
mod world;

pub use age::age;
pub use health::{Health, Verdict};
pub use mask::displayable;
pub use reference::ObjectRef;
pub use summary::{Summary, summary};
pub use timeline::{Entry, Thread, Timeline, timeline};
pub(crate) use tree::short_image;
pub use tree::{Node, Tree, tree};
pub use why::{Cause, Explanation, known_reasons, why};
pub(crate) use world::is_simulated;
pub use world::{Located, World};
