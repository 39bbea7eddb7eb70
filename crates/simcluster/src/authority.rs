//! The certificate authority that a simulated cluster asks for certificates.
//! It must not know which object wants one.

use jiff::Timestamp;

/// A certificate asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest {
    /// DNS names, the first of which is the common name.
    pub dns_names: Vec<String>,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
}

/// A certificate with its key, all in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The leaf certificate, followed by intermediates.
    pub certificate: String,
    /// The leaf's private key.
    pub key: String,
    /// The authority's own certificate.
    pub authority: String,
}

/// The authority could not sign.
#[derive(Debug, thiserror::Error)]
#[error("failed to sign a certificate for {dns_names}")]
pub struct Error {
    /// The names it was for.
    pub dns_names: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Signs certificates.
pub trait CertificateAuthority: Send + Sync {
    /// Signs one.
    ///
    /// # Errors
    /// If the names cannot stand in a certificate.
    fn issue(&self, request: &CertificateRequest) -> Result<Issued, Error>;

    /// The authority's own certificate in PEM: what `kube-root-ca.crt` holds.
    fn root(&self) -> String;
}
