//! What the portal reads from: the control plane, the member clusters and the clock.
//! It must not know whether they are embedded or real.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::Client;
use mainstay_controller_runtime::{CancellationToken, Clock, Mapper};

/// Where the portal (and the command line) read from. Cheap to clone.
#[derive(Clone)]
pub struct PortalContext {
    /// Client of the cluster that holds the argoproj.io objects.
    pub control: Client,
    /// Name of that cluster.
    pub control_name: String,
    /// Clients of all clusters that applications are deployed to, by the name a destination gives them.
    pub clusters: BTreeMap<String, Client>,
    /// Time, for ages.
    pub clock: Clock,
    /// Ends the live connections.
    pub shutdown: CancellationToken,
    mappers: Arc<BTreeMap<String, Mapper>>,
}

impl PortalContext {
    /// A portal on these clusters, with the machine's clock.
    #[must_use]
    pub fn new(control_name: &str, control: Client, clusters: BTreeMap<String, Client>) -> Self {
        let mut clusters = clusters;
        clusters.insert(control_name.to_owned(), control.clone());
        let mappers = clusters.iter().map(|(name, client)| (name.clone(), Mapper::new(client.clone()))).collect();
        Self {
            control,
            control_name: control_name.to_owned(),
            clusters,
            clock: Clock::system(),
            shutdown: CancellationToken::new(),
            mappers: Arc::new(mappers),
        }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The same, ended by this token.
    #[must_use]
    pub fn with_shutdown(mut self, shutdown: CancellationToken) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// The client of a cluster.
    pub(crate) fn client(&self, cluster: &str) -> Option<&Client> {
        self.clusters.get(cluster)
    }

    /// Kinds to resources of a cluster.
    pub(crate) fn mapper(&self, cluster: &str) -> Option<&Mapper> {
        self.mappers.get(cluster)
    }
}
