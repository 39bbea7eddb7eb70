//! A cluster simulated on the clock: what kube-controller-manager, kube-scheduler and kubelet do, for one logical
//! cluster and without running anything. It must not know which API server it works on, nor what put the objects there.

mod condition;
mod deployment;
mod hash;
mod note;
mod owner;
mod pod;
mod read;

pub use mainstay_telemetry::thread::ANNOTATION as THREAD;

/// Annotation that marks nodes and pods as simulated.
pub const SIMULATED: &str = "mainstay.dev/simulated";
/// Annotation of a pod template that asks for a failure: `image-pull`, `crash-loop` or `never-ready`.
pub const FAIL: &str = "sim.mainstay.dev/fail";
