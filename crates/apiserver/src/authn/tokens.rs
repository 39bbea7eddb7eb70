//! Bearer tokens that stand for somebody because the operator says so, as upstream's token file.
//! It must not know signed tokens.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};

use crate::identity::Identity;

/// Bearer tokens and whose they are, on all clusters. Clones share one table.
#[derive(Clone, Default)]
pub struct Tokens {
    /// By digest, so that a lookup's time tells nothing about a token.
    known: Arc<RwLock<HashMap<[u8; 32], Arc<Identity>>>>,
}

impl Tokens {
    /// Lets a token stand for an identity.
    pub fn insert(&self, token: &str, identity: Identity) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(digest(token), Arc::new(identity.authenticated()));
    }

    /// Whose token it is.
    #[must_use]
    pub fn identity(&self, token: &str) -> Option<Arc<Identity>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(&digest(token)).cloned()
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
        tokens.insert("secret", Identity::new("ann", &["devs"]));
        let found = tokens.identity("secret").unwrap();
        assert_eq!((found.user.as_str(), found.groups.join(" ")), ("ann", "devs system:authenticated".to_owned()));
        assert_eq!(tokens.identity("other"), None);
    }
}
