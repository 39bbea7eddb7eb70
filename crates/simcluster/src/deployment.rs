//! The Deployment controller. It must not know pods beyond their ReplicaSets' counts.

mod plan;
mod rollout;
mod status;
