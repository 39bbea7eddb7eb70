//! What a simulated cluster is like: its nodes, its latencies, its certificate authority.
//! It must not know how any of it is used.

use std::sync::Arc;
use std::time::Duration;

use crate::authority::CertificateAuthority;

/// Latencies of a simulated node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// Pulling an image; each pod takes up to a quarter more, always the same for the same name.
    pub image_pull: Duration,
    /// Starting the containers, and each init container.
    pub start: Duration,
    /// How long a container runs that is meant to end (`restartPolicy` `Never` or `OnFailure`).
    pub run_to_completion: Duration,
    /// How long a deleted pod takes to end; never more than its grace period.
    pub terminate: Duration,
}

impl Default for Timings {
    /// Short enough that a developer waits for nothing, long enough that each stage can be seen.
    fn default() -> Self {
        Self {
            image_pull: Duration::from_millis(400),
            start: Duration::from_millis(200),
            run_to_completion: Duration::from_secs(1),
            terminate: Duration::from_millis(200),
        }
    }
}

/// A simulated cluster.
#[derive(Clone)]
pub struct Options {
    /// How many nodes it has.
    pub nodes: usize,
    /// Latencies of its nodes.
    pub timings: Timings,
    /// Whether a healthy pod's `Pulled` and `Created` are recorded as Events too, beside `Scheduled` and `Started`.
    pub detailed_events: bool,
    /// The address that every Ingress gets.
    pub ingress_address: String,
    /// Signs the certificates that an Ingress or Certificate asks for.
    pub authority: Arc<dyn CertificateAuthority>,
}

impl Options {
    /// The default cluster: three nodes, an ingress address that belongs to documentation (RFC 5737).
    #[must_use]
    pub fn new(authority: Arc<dyn CertificateAuthority>) -> Self {
        Self {
            nodes: 3,
            timings: Timings::default(),
            detailed_events: true,
            ingress_address: "203.0.113.10".to_owned(),
            authority,
        }
    }
}
