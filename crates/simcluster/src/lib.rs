//! A cluster simulated on the clock: what kube-controller-manager, kube-scheduler and kubelet do, for one logical
//! cluster and without running anything. It must not know which API server it works on, nor what put the objects there.
//!
//! Start at [`run`]. Each controller is one module: a pure part that decides from objects (`plan`, `fit`, `timeline`,
//! `status`), and a thin part that reads caches and writes. All are level-based: what they do follows from what is
//! there, never from what happened, so any of them can stop and start again at any point.

pub mod authority;
pub mod options;

mod access;
mod addresses;
mod admission_policy;
mod autoscaler;
mod certificate;
mod cluster;
mod condition;
mod cronjob;
mod daemonset;
mod deployment;
mod disruption;
mod eviction;
mod hash;
mod ingress;
mod job;
mod kinds;
mod kubelet;
mod namespace;
mod node;
mod note;
mod owner;
mod pod;
mod protection;
mod quota;
mod read;
mod replicaset;
mod revision;
mod scheduler;
mod service;
mod statefulset;
mod volume;

use mainstay_controller_runtime::Context;

pub use access::rules;
pub use authority::{CertificateAuthority, LocalAuthority};
pub use mainstay_telemetry::thread::ANNOTATION as THREAD;
pub use options::{Options, Timings};

/// Annotation that marks nodes and pods as simulated.
pub const SIMULATED: &str = "mainstay.dev/simulated";
/// Annotation of a pod template that asks for a failure: `image-pull`, `crash-loop`, `never-ready` or `exit-<code>`.
/// On a node: `node`, whose kubelet is silent from then on, or `not-ready`.
pub const FAIL: &str = "sim.mainstay.dev/fail";
/// Annotation of the template of an indexed Job: only these indexes fail, such as `0,2`.
pub const FAIL_INDEXES: &str = "sim.mainstay.dev/fail-indexes";
/// Annotation of a node with what it has room for, such as `cpu=4,memory=8Gi`.
pub const CAPACITY: &str = "sim.mainstay.dev/capacity";

/// Starts all controllers of a simulated cluster. They end with the context's shutdown.
/// Must be called within a runtime.
pub fn run(context: Context, options: Options) {
    let cluster = cluster::Cluster::new(context, options);
    node::start(&cluster);
    scheduler::start(&cluster);
    kubelet::start(&cluster);
    eviction::start(&cluster);
    replicaset::start(&cluster);
    deployment::start(&cluster);
    statefulset::start(&cluster);
    daemonset::start(&cluster);
    job::start(&cluster);
    cronjob::start(&cluster);
    service::start(&cluster);
    service::endpoints::start(&cluster);
    ingress::start(&cluster);
    certificate::start(&cluster);
    autoscaler::start(&cluster);
    disruption::start(&cluster);
    quota::start(&cluster);
    volume::start(&cluster);
    protection::start(&cluster);
    namespace::start(&cluster);
    admission_policy::start(&cluster);
}
