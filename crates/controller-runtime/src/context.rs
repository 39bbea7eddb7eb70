//! What every controller of one cluster is given.

use kube::Client;
use kube::core::ApiResource;
use tokio_util::sync::CancellationToken;

use crate::{Api, Clock, IdleProbe, Ids, Informers, Mapper};

/// One cluster as seen by one identity: its client, and the seams. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// Name of the cluster, such as `dev`.
    pub cluster: String,
    /// Client with the controller's own identity.
    pub client: Client,
    /// Time.
    pub clock: Clock,
    /// Ids.
    pub ids: Ids,
    /// Idleness, shared by all controllers of a world.
    pub probe: IdleProbe,
    /// Shared caches, one per resource.
    pub informers: Informers,
    /// Kinds to resources, by discovery.
    pub mapper: Mapper,
    /// Ends every task of the context.
    pub shutdown: CancellationToken,
}

impl Context {
    /// A context with new caches.
    #[must_use]
    pub fn new(cluster: &str, client: Client, seams: Seams) -> Self {
        let Seams { clock, ids, probe, shutdown } = seams;
        Self {
            cluster: cluster.to_owned(),
            informers: Informers::new(client.clone(), clock.clone(), shutdown.clone()),
            mapper: Mapper::new(client.clone()),
            client,
            clock,
            ids,
            probe,
            shutdown,
        }
    }

    /// The API of a resource in a namespace; `None` or empty for cluster-scoped resources and lists over all.
    #[must_use]
    pub fn api(&self, resource: &ApiResource, namespace: Option<&str>) -> Api {
        Api::new(self.client.clone(), resource.clone(), namespace)
    }
}

/// The seams a world shares: time, ids, idleness and its end.
#[derive(Clone, Debug)]
pub struct Seams {
    /// Time.
    pub clock: Clock,
    /// Ids.
    pub ids: Ids,
    /// Idleness.
    pub probe: IdleProbe,
    /// Ends every task.
    pub shutdown: CancellationToken,
}

impl Seams {
    /// The machine's clock and randomness.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Clock::system(), ids: Ids::system(), probe: IdleProbe::new(), shutdown: CancellationToken::new() }
    }

    /// A clock that starts at `start` and follows tokio's clock, and ids from a seed. Must be called within a runtime.
    #[must_use]
    pub fn deterministic(start: jiff::Timestamp, seed: u64) -> Self {
        Self {
            clock: Clock::starting_at(start),
            ids: Ids::seeded(seed),
            probe: IdleProbe::new(),
            shutdown: CancellationToken::new(),
        }
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

/// A resource from its names, for the ones a controller knows at compile time.
#[must_use]
pub fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: mainstay_apimachinery::gvk::join_api_version(group, version),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}
