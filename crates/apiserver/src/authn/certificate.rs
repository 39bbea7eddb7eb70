//! Whose a client certificate is: the common name is the user, the organizations are the groups, as
//! upstream's `x509.CommonNameUserConversion`. It must not know handshakes.

use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::identity::Identity;

/// What a connection's client certificate came to; travels in the extensions of its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// It is good.
    Known(Arc<Identity>),
    /// It is of another authority, over, or names nobody.
    Unknown,
}

/// Whose certificate it is; `None` if it names nobody.
pub(crate) fn identity(der: &[u8]) -> Option<Identity> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let subject = certificate.subject();
    let user = subject.iter_common_name().next()?.as_str().ok().filter(|name| !name.is_empty())?;
    let groups: Vec<&str> = subject.iter_organization().filter_map(|group| group.as_str().ok()).collect();
    let mut id = "X509SHA256=".to_owned();
    for byte in Sha256::digest(der) {
        write!(id, "{byte:02x}").ok()?;
    }
    Some(Identity::new(user, &groups).authenticated().with_credential(id))
}
