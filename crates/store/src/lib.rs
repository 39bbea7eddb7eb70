//! A durable, revisioned, forkable store of objects, with watches.
//!
//! Everything lives in persistent (structure-sharing) maps, so a [`Snapshot`] and a [`Store::fork`]
//! cost O(1). Two states exist: the *head*, which writers see, and the *published* one, which readers
//! and watchers see; the second follows the first only once a write is durable.
//!
//! It must not know what the bytes mean: neither Kubernetes kinds nor JSON.
//!
//! Start at [`Store::transact`]; the commit thread is in `commit.rs`.

mod archive;
mod backend;
mod commit;
mod compact;
mod damage;
mod error;
mod feed;
mod file;
mod journal;
mod key;
pub mod offline;
mod redb_backend;
mod rows;
mod snapshot;
mod store;
mod transaction;
mod watch;
mod world;

pub use backend::{Backend, BackendError, Batch, Loaded, Stored};
pub use damage::{Damage, Finding, REMEDY};
pub use error::Error;
pub use feed::Feed;
pub use journal::{Journal, JournalOptions, Segments};
pub use key::{KindKey, ObjectKey};
pub use redb_backend::RedbBackend;
pub use snapshot::Snapshot;
pub use store::{Options, Store};
pub use transaction::Transaction;
pub use watch::{Compacted, Watch};
pub use world::{Change, Event, Record};
