//! The keys that sign the tokens of service accounts: one per cluster, so that a token of one is nothing to another.
//! ECDSA on P-256 with SHA-256 (`ES256`). It must not know what the tokens say.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What precedes an uncompressed point in the `SubjectPublicKeyInfo` of a P-256 key (RFC 5480).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// Characters of base64 in a line of PEM.
const PEM_LINE: usize = 64;

/// A key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to {0} a key for service account tokens")]
pub struct KeyError(&'static str);

/// A key pair.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    pem: String,
    id: String,
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        Self::from_der(document.map_err(|_| KeyError("make"))?.as_ref())
    }

    /// A key made earlier, as PKCS #8 in PEM.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError("read"))?;
        Self::from_der(der.secret_pkcs8_der())
    }

    fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random);
        let pair = pair.map_err(|_| KeyError("read"))?;
        let mut info = SPKI_PREFIX.to_vec();
        info.extend_from_slice(pair.public_key().as_ref());
        let id = URL_SAFE_NO_PAD.encode(Sha256::digest(&info));
        Ok(Self { pair, pem: to_pem(der), id })
    }

    /// The key as PKCS #8 in PEM, to be kept.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// `kid` of tokens: the digest of the public key, as upstream's `keyIDFromPublicKey`.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| KeyError("sign with"))?;
        Ok(signature.as_ref().to_vec())
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref());
        public.verify(message, signature).is_ok()
    }

    /// The public key as a JSON Web Key (RFC 7517).
    pub(crate) fn jwk(&self) -> Value {
        // An uncompressed point is 4, then both coordinates.
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({
            "use": "sig", "kty": "EC", "kid": self.id, "crv": "P-256", "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }
}

fn to_pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(PEM_LINE).map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
    format!("-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----\n", lines.collect::<String>())
}

/// The keys of all clusters. Clones share them.
#[derive(Clone, Default)]
pub struct SigningKeys {
    known: Arc<RwLock<HashMap<String, Arc<SigningKey>>>>,
}

impl SigningKeys {
    /// Lets a cluster's tokens be signed with a key.
    pub fn insert(&self, cluster: &str, key: SigningKey) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(cluster.to_owned(), Arc::new(key));
    }

    /// A cluster's key; one that lives as long as the process where none was given.
    ///
    /// # Errors
    /// When none can be made.
    pub fn of(&self, cluster: &str) -> Result<Arc<SigningKey>, KeyError> {
        if let Some(key) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(cluster) {
            return Ok(key.clone());
        }
        let new = Arc::new(SigningKey::generate()?);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        Ok(known.entry(cluster.to_owned()).or_insert(new).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_signs_and_survives_being_kept() {
        let key = SigningKey::generate().unwrap();
        let signature = key.sign(b"message").unwrap();
        let again = SigningKey::from_pem(key.pem()).unwrap();
        assert!(again.verifies(b"message", &signature));
        assert!(!again.verifies(b"another", &signature));
        assert_eq!((again.id(), again.jwk()), (key.id(), key.jwk()));
        assert_eq!(SigningKey::from_pem("nothing").err(), Some(KeyError("read")));
    }

    #[test]
    fn every_cluster_has_its_own() {
        let keys = SigningKeys::default();
        assert_eq!(keys.of("dev").unwrap().id(), keys.of("dev").unwrap().id());
        assert_ne!(keys.of("dev").unwrap().id(), keys.of("production").unwrap().id());
    }
}
