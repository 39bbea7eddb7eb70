//! The server over HTTPS: a certificate authority of its own, and certificates from it.
//! It must not know connections or requests.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use mainstay_controller_runtime::{CancellationToken, Clock};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CipherSuite, DigitallySignedStruct, DistinguishedName, SignatureScheme};
use tokio_rustls::TlsAcceptor;

use crate::authn::certificate::{self, Client};
use crate::limits::ConnectionLimits;
use crate::listen::{self, Services};
use crate::server::ApiServer;

/// Why HTTPS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate could not be made or read.
    #[error("failed to make a certificate for {name}: {reason}")]
    Certificate {
        /// Whose certificate.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The listener failed.
    #[error("failed to serve HTTPS")]
    Serve(#[source] std::io::Error),
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Certified {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

/// Prints no key.
impl std::fmt::Debug for Certified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certified")
    }
}

/// A local certificate authority.
pub struct LocalCa {
    issuer: Issuer<'static, KeyPair>,
    pem: Certified,
    clock: Clock,
}

/// How long the authority's own certificate is valid, as kubeadm's: ten years.
const CA_LIFETIME: Duration = Duration::from_hours(10 * 365 * 24);
/// Certificates are valid from a little before they are made, for clients whose clocks are behind.
const BACKDATED: Duration = Duration::from_hours(1);

impl LocalCa {
    /// A new authority.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn generate(clock: &Clock) -> Result<Self, Error> {
        let name = "mainstay-local-ca";
        let key = KeyPair::generate().map_err(|error| failed(name, &error))?;
        let mut params = params(name, &[], (clock, CA_LIFETIME))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key).map_err(|error| failed(name, &error))?;
        Self::load(Certified { certificate: certificate.pem(), key: key.serialize_pem() }, clock)
    }

    /// An authority made earlier.
    ///
    /// # Errors
    /// When it is none.
    pub fn load(pem: Certified, clock: &Clock) -> Result<Self, Error> {
        let name = "mainstay-local-ca";
        let key = KeyPair::from_pem(&pem.key).map_err(|error| failed(name, &error))?;
        let issuer = Issuer::from_ca_cert_pem(&pem.certificate, key).map_err(|error| failed(name, &error))?;
        Ok(Self { issuer, pem, clock: clock.clone() })
    }

    /// The authority's certificate and key, to be kept.
    #[must_use]
    pub fn pem(&self) -> &Certified {
        &self.pem
    }

    /// A server's certificate for host names and addresses.
    ///
    /// # Errors
    /// When a name is none.
    pub fn issue(&self, name: &str, hosts: &[&str], lifetime: Duration) -> Result<Certified, Error> {
        let params = params(name, hosts, (&self.clock, lifetime))?;
        self.sign(name, params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client's certificate: the API server takes its holder for this user in these groups.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn issue_client(&self, user: &str, groups: &[&str], lifetime: Duration) -> Result<Certified, Error> {
        let mut params = params(user, &[], (&self.clock, lifetime))?;
        for group in groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        self.sign(user, params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(
        &self,
        name: &str,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<Certified, Error> {
        let key = KeyPair::generate().map_err(|error| failed(name, &error))?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(|error| failed(name, &error))?;
        Ok(Certified { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

fn params(name: &str, hosts: &[&str], (clock, lifetime): (&Clock, Duration)) -> Result<CertificateParams, Error> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).map_err(|error| failed(name, &error))?;
    params.distinguished_name.push(DnType::CommonName, name);
    let now = u64::try_from(clock.now().as_second()).unwrap_or(0);
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(now).saturating_sub(BACKDATED);
    params.not_after = epoch + Duration::from_secs(now) + lifetime;
    Ok(params)
}

fn failed(name: &str, reason: &dyn std::fmt::Display) -> Error {
    Error::Certificate { name: name.to_owned(), reason: reason.to_string() }
}

impl ApiServer {
    /// Serves HTTPS until shutdown.
    ///
    /// # Errors
    /// When the certificate or the listener cannot be used.
    pub async fn serve_https(
        &self,
        listener: TcpListener,
        certified: &Certified,
        shutdown: CancellationToken,
    ) -> Result<(), Error> {
        self.serve_tls(listener, acceptor(certified)?, shutdown).await
    }

    /// As [`Self::serve_https`], with handshakes of one's own.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub async fn serve_tls(
        &self,
        listener: TcpListener,
        tls: Handshakes,
        shutdown: CancellationToken,
    ) -> Result<(), Error> {
        let connections = ConnectionLimits::default();
        let services = Services { secure: self.router(), plain: None, tls, connections };
        listener.set_nonblocking(true).map_err(Error::Serve)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(Error::Serve)?;
        listen::serve(listener, services, shutdown).await;
        Ok(())
    }
}

/// Does the handshakes of a port, and tells whose certificate a client shows.
#[derive(Clone)]
pub struct Handshakes {
    acceptor: TlsAcceptor,
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

impl Handshakes {
    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// What the certificate of a client came to; `None` if it shows none.
    pub(crate) fn client(&self, connection: &rustls::ServerConnection) -> Option<Client> {
        let (own, intermediates) = connection.peer_certificates()?.split_first()?;
        // By the clock that the rest of the handshake went by.
        let good = self.clients.as_ref()?.verify_client_cert(own, intermediates, UnixTime::now());
        let identity = good.ok().and_then(|_| certificate::identity(own));
        Some(identity.map_or(Client::Unknown, |identity| Client::Known(Arc::new(identity))))
    }
}

/// Takes any certificate that a client holds the key of. Whether it is good is asked after the handshake, so that a
/// client with a bad one is told 401, as upstream tells it.
#[derive(Debug)]
struct Deferred(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Deferred {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Does the handshakes of a server with this certificate, for HTTP/2 and HTTP/1.1; clients show no certificates.
///
/// # Errors
/// When the certificate or its key cannot be read.
pub fn acceptor(certified: &Certified) -> Result<Handshakes, Error> {
    handshakes(certified, None)
}

/// As [`acceptor`], for clients that may show certificates of an authority, given as PEM.
///
/// # Errors
/// When a certificate or the key cannot be read.
pub fn acceptor_for_clients(certified: &Certified, authority: &str) -> Result<Handshakes, Error> {
    let failed = |error: &dyn std::fmt::Display| failed("client authority", error);
    let mut roots = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        roots.add(root.map_err(|error| failed(&error))?).map_err(|error| failed(&error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    handshakes(certified, Some(clients.map_err(|error| failed(&error))?))
}

fn handshakes(certified: &Certified, clients: Option<Arc<dyn ClientCertVerifier>>) -> Result<Handshakes, Error> {
    let chain = CertificateDer::pem_slice_iter(certified.certificate.as_bytes()).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| failed("server", &error))?;
    let key = PrivateKeyDer::from_pem_slice(certified.key.as_bytes()).map_err(|error| failed("server", &error))?;
    let mut provider = rustls::crypto::ring::default_provider();
    // As Go's server: its own order counts, and AES-128 comes first, which takes a third less time than AES-256.
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let provider = Arc::new(provider);
    let builder = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed("server", &error))?;
    let builder = match &clients {
        Some(clients) => builder.with_client_cert_verifier(Arc::new(Deferred(clients.clone()))),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| failed("server", &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ignore_client_order = true;
    Ok(Handshakes { acceptor: TlsAcceptor::from(Arc::new(config)), clients })
}
