//! Whether a request may go on: the seam between requests and those who decide.
//! It must not know rules.

use std::sync::Arc;

use crate::Error;
use crate::identity::{ANONYMOUS, Identity};
use crate::server::ApiServer;

/// What a request wants to do, as `authorizer.Attributes`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes<'a> {
    /// Logical cluster.
    pub cluster: &'a str,
    /// Verb, such as `get` or `deletecollection`.
    pub verb: &'a str,
    /// Whether it is about a resource; if not, only `path` counts.
    pub on_resource: bool,
    /// API group; empty for the core group.
    pub group: &'a str,
    /// Plural resource.
    pub resource: &'a str,
    /// Subresource, or empty.
    pub subresource: &'a str,
    /// Namespace, or empty.
    pub namespace: &'a str,
    /// Name, or empty.
    pub name: &'a str,
    /// URL path.
    pub path: &'a str,
}

/// What was decided, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether the request may go on.
    pub allowed: bool,
    /// Which rule lets it, or what went wrong in looking for one; often empty.
    pub reason: String,
}

/// Decides who may do what.
pub trait Authorizer: Send + Sync {
    /// Whether the request may go on, and why. Asked on every request of those who are no masters.
    fn decide(&self, identity: &Identity, attributes: &Attributes<'_>) -> Decision;
}

/// Lets everyone who is known do everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAuthenticated;

impl Authorizer for AllowAuthenticated {
    fn decide(&self, identity: &Identity, _: &Attributes<'_>) -> Decision {
        let allowed = !identity.user.is_empty() && identity.user != ANONYMOUS;
        Decision { allowed, reason: String::new() }
    }
}

/// Who decides.
#[derive(Clone, Default)]
pub enum Authorization {
    /// The Roles and bindings of the cluster.
    #[default]
    Rbac,
    /// Somebody else.
    By(Arc<dyn Authorizer>),
}

impl ApiServer {
    /// Whether a request may go on.
    pub(crate) fn allows(&self, identity: &Identity, attributes: &Attributes<'_>) -> bool {
        identity.is_master()
            || match &self.options().authorization {
                Authorization::Rbac => self.rbac().allows(&self.snapshot(), identity, attributes),
                Authorization::By(authorizer) => authorizer.decide(identity, attributes).allowed,
            }
    }

    /// Whether a request may go on, and why.
    pub(crate) fn decide(&self, identity: &Identity, attributes: &Attributes<'_>) -> Decision {
        if identity.is_master() {
            return Decision { allowed: true, reason: String::new() };
        }
        match &self.options().authorization {
            Authorization::Rbac => self.rbac().decide(&self.snapshot(), identity, attributes),
            Authorization::By(authorizer) => authorizer.decide(identity, attributes),
        }
    }

    /// Lets a request go on, or says why not.
    pub(crate) fn authorize(&self, identity: &Identity, attributes: &Attributes<'_>) -> Result<(), Error> {
        if self.allows(identity, attributes) {
            return Ok(());
        }
        let reason = self.decide(identity, attributes).reason;
        Err(Error::not_allowed(&identity.user, attributes, &reason))
    }
}
