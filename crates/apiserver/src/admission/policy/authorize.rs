//! The server's authorizer, as expressions ask it.
//! It must not decide anything itself.

use std::sync::Arc;

use mainstay_cel::policy::{Access, Authorize, Decision};

use super::super::Operation;
use super::super::review::Review;
use crate::authz::Attributes;
use crate::identity::Identity;
use crate::server::ApiServer;

/// Asks on behalf of the user of one write.
pub(in crate::admission) struct Asker {
    server: ApiServer,
    cluster: Arc<str>,
    identity: Arc<Identity>,
}

impl Asker {
    pub(super) fn of(review: &Review<'_>) -> Self {
        let call = review.call;
        Self { server: call.server.clone(), cluster: call.cluster.clone(), identity: call.identity.clone() }
    }
}

impl Authorize for Asker {
    fn decide(&self, access: &Access) -> Decision {
        let attributes = Attributes {
            cluster: &self.cluster,
            verb: &access.verb,
            on_resource: !access.resource.is_empty(),
            group: &access.group,
            resource: &access.resource,
            subresource: &access.subresource,
            namespace: &access.namespace,
            name: &access.name,
            path: &access.path,
        };
        let decided = match &access.service_account {
            Some((namespace, name)) => self.server.decide(&Identity::service_account(namespace, name), &attributes),
            None => self.server.decide(&self.identity, &attributes),
        };
        Decision { allowed: decided.allowed, reason: decided.reason, error: String::new() }
    }
}

/// What is being written, as something one can ask access to.
pub(super) fn of_request(review: &Review<'_>) -> Access {
    let request = &review.request;
    Access {
        group: request.resource.group.to_string(),
        resource: request.resource.plural.to_string(),
        subresource: request.subresource.to_owned(),
        namespace: request.namespace.to_owned(),
        // A new object has no name to be allowed by.
        name: if request.operation == Operation::Create { String::new() } else { request.name.to_owned() },
        ..Access::default()
    }
}
