//! What a controller is made of: informers, a keyed work queue, server-side apply with inventory and prune,
//! events, and the seams for time, ids and idleness.
//!
//! Works over any `kube::Client`: the embedded API server in process or a real cluster. It must not know which.
//!
//! Start at [`Context`], [`Informers`] and [`Controller`]; writes go through [`Api`] and [`Applier`].

pub mod api;
pub mod applier;
pub mod class;
pub mod clock;
pub mod context;
pub mod controller;
mod correlator;
pub mod ids;
pub mod informer;
pub mod mapper;
pub mod probe;
pub mod queue;
pub mod recorder;
pub mod served;
mod watched;

pub use api::{Api, ApplyOptions, DeleteOptions};
pub use applier::{Applied, Applier, Change, Complete, Outcome};
pub use class::{Class, Classify};
pub use clock::Clock;
pub use context::Context;
pub use controller::{Action, Controller};
pub use ids::Ids;
pub use informer::{Event, Informer, Informers};
pub use kube::core::ApiResource;
pub use kube::core::params::PropagationPolicy;
pub use mapper::{Mapper, Mapping};
pub use probe::IdleProbe;
pub use queue::WorkQueue;
pub use recorder::{EventType, Note, Recorder};
pub use served::{Served, served};
pub use tokio_util::sync::CancellationToken;

/// Namespace and name of an object; the namespace is empty for cluster-scoped kinds. The usual key of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Namespace, empty for cluster-scoped kinds.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectKey {
    /// A key from its two names.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The key of an object.
    #[must_use]
    pub fn of(object: &serde_json::Value) -> Self {
        use mainstay_apimachinery::object;
        Self::new(object::namespace(object).unwrap_or_default(), object::name(object))
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}
