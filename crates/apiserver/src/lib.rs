//! The Kubernetes API over the store, as one `tower::Service` for many logical clusters.
//! It must not know what any controller does with the objects.
//!
//! A request goes one way: `handler.rs` finds its function, `body.rs` reads it, `write.rs` prepares, admits,
//! validates and stores it, `respond.rs` answers. Start at [`ApiServer`].

mod addresses;
pub mod admission;
mod audit;
mod authn;
pub mod authz;
mod body;
mod call;
mod client;
mod convert;
pub mod crd;
pub mod discovery;
mod error;
mod filter;
mod handler;
pub mod identity;
mod kubeconfig;
mod lifecycle;
pub mod limits;
pub mod listen;
mod managers;
mod negotiate;
pub mod openapi;
mod options;
mod protobuf;
mod rbac;
pub mod registry;
mod respond;
mod route;
mod router;
mod scale;
mod server;
mod strategy;
pub mod table;
pub mod tls;
mod validation;
pub mod verify;
mod write;
mod yaml;

pub use admission::{Admission, AdmissionRequest, Exemptions, Operation, Resolve, WebhookClient};
pub use audit::{Audit, Level, Policy as AuditPolicy, PolicyError};
pub use authn::Anonymous;
pub use authn::keys::{KeyError, SigningKey, SigningKeys};
pub use authn::tokens::Tokens;
pub use authz::{Authorization, Authorizer};
pub use error::Error;
pub use identity::Identity;
pub use kubeconfig::Kubeconfig;
pub use lifecycle::Duties;
pub use respond::Reply;
pub use server::{ApiServer, Controller, DEFAULT_CLUSTER, Options};

/// What only fuzz targets may reach; not there in any other build.
#[cfg(feature = "fuzzing")]
pub mod fuzzing {
    /// Decodes a protobuf request body; `None` if it is refused.
    #[must_use]
    pub fn decode_protobuf(bytes: &[u8]) -> Option<serde_json::Value> {
        crate::protobuf::decode(bytes).ok()
    }
}
