//! GitOps: the role of Argo CD.
pub mod plan;
pub mod validate;
