//! Who asks, and whether they may.
//! It must not know what is asked for beyond its names.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// A user and their groups, as `user.Info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// User name.
    pub user: String,
    /// Groups.
    pub groups: Vec<String>,
}

/// Namespace of the service accounts that controllers act as.
const CONTROLLER_NAMESPACE: &str = "mainstay-system";

impl Identity {
    /// A user with groups.
    pub fn new(user: impl Into<String>, groups: &[&str]) -> Self {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        Self { user: user.into(), groups }
    }

    /// The administrator.
    #[must_use]
    pub fn admin() -> Self {
        Self::new("admin", &["system:masters", "system:authenticated"])
    }

    /// The service account of a controller, by its crate's short name.
    #[must_use]
    pub fn controller(name: &str) -> Self {
        Self::service_account(CONTROLLER_NAMESPACE, name)
    }

    /// A service account.
    #[must_use]
    pub fn service_account(namespace: &str, name: &str) -> Self {
        let namespace_group = format!("system:serviceaccounts:{namespace}");
        let groups = ["system:serviceaccounts", &namespace_group, "system:authenticated"];
        Self::new(format!("system:serviceaccount:{namespace}:{name}"), &groups)
    }
}

/// What a request wants to do, as `authorizer.Attributes`.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    /// Logical cluster.
    pub cluster: &'a str,
    /// Verb, such as `get` or `deletecollection`.
    pub verb: &'a str,
    /// API group; empty for the core group and for paths that are no resource.
    pub group: &'a str,
    /// Plural resource; empty for paths that are no resource.
    pub resource: &'a str,
    /// Subresource, or empty.
    pub subresource: &'a str,
    /// Namespace, or empty.
    pub namespace: &'a str,
    /// Name, or empty.
    pub name: &'a str,
    /// URL path, for paths that are no resource.
    pub path: &'a str,
}

/// Decides who may do what.
pub trait Authorizer: Send + Sync {
    /// Whether the request may go on.
    fn allows(&self, identity: &Identity, attributes: &Attributes<'_>) -> bool;
}

/// Lets everyone who is known do everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAuthenticated;

impl Authorizer for AllowAuthenticated {
    fn allows(&self, identity: &Identity, _: &Attributes<'_>) -> bool {
        !identity.user.is_empty() && identity.user != "system:anonymous"
    }
}

/// Bearer tokens and whose they are. Clones share one table.
#[derive(Clone, Default)]
pub struct Tokens {
    /// By digest, so that a lookup's time tells nothing about a token.
    known: Arc<RwLock<HashMap<[u8; 32], Known>>>,
}

#[derive(Clone)]
struct Known {
    identity: Arc<Identity>,
    until: Timestamp,
}

impl Tokens {
    /// Lets a token stand for an identity.
    pub fn insert(&self, token: &str, identity: Identity) {
        self.insert_until(token, identity, Timestamp::MAX);
    }

    /// Lets a token stand for an identity for a while.
    pub fn insert_until(&self, token: &str, identity: Identity, until: Timestamp) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(digest(token), Known { identity: Arc::new(identity), until });
    }

    /// Whose token it is, if it is still good; what is over is forgotten.
    #[must_use]
    pub fn identity(&self, token: &str, now: Timestamp) -> Option<Arc<Identity>> {
        let digest = digest(token);
        let found = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned()?;
        if found.until > now {
            return Some(found.identity);
        }
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(&digest);
        None
    }
}

/// Prints nothing that could be used.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_owner() {
        let tokens = Tokens::default();
        tokens.insert("secret", Identity::controller("gitops"));
        let now = Timestamp::UNIX_EPOCH;
        let found = tokens.identity("secret", now).unwrap();
        assert_eq!(found.user, "system:serviceaccount:mainstay-system:gitops");
        assert_eq!(tokens.identity("other", now), None);
        tokens.insert_until("short", Identity::admin(), now);
        assert_eq!(tokens.identity("short", now), None);
    }
}
