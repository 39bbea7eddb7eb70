//! The Kubernetes API over the store, as one `tower::Service` for many logical clusters.
//! It must not know what any controller does with the objects.

pub mod crd;
pub mod discovery;
pub mod openapi;
pub mod registry;
pub mod table;
