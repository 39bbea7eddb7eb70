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
mod daemonset;
mod deployment;
mod disruption;
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
mod quota;
mod read;
mod replicaset;
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
/// Annotation of a pod template that asks for a failure: `image-pull`, `crash-loop` or `never-ready`.
pub const FAIL: &str = "sim.mainstay.dev/fail";

/// Starts all controllers of a simulated cluster. They end with the context's shutdown.
/// Must be called within a runtime.
pub fn run(context: Context, options: Options) {
    let cluster = cluster::Cluster::new(context, options);
    node::start(&cluster);
    scheduler::start(&cluster);
    kubelet::start(&cluster);
    replicaset::start(&cluster);
    deployment::start(&cluster);
    statefulset::start(&cluster);
    daemonset::start(&cluster);
    job::start(&cluster);
    service::start(&cluster);
    ingress::start(&cluster);
    certificate::start(&cluster);
    autoscaler::start(&cluster);
    disruption::start(&cluster);
    quota::start(&cluster);
    volume::start(&cluster);
    namespace::start(&cluster);
    admission_policy::start(&cluster);
}
