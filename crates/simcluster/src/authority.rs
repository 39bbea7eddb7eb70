//! The certificate authority that a simulated cluster asks for certificates.
//! It must not know which object wants one.

use jiff::{SignedDuration, Timestamp};

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

/// An authority of its own, with a key that is in memory only.
pub struct LocalAuthority {
    certificate: String,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl LocalAuthority {
    /// A new authority, valid for ten years from `now`.
    ///
    /// # Errors
    /// If no key can be made.
    pub fn generate(common_name: &str, now: Timestamp) -> Result<Self, Error> {
        Self::try_generate(common_name, now).map_err(|source| failure(&[common_name.to_owned()], source))
    }

    fn try_generate(common_name: &str, now: Timestamp) -> Result<Self, rcgen::Error> {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
        set_validity(&mut params, now, now + SignedDuration::from_hours(10 * 365 * 24));
        let key = rcgen::KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { certificate, issuer: rcgen::Issuer::new(params, key) })
    }

    /// An authority kept elsewhere, in PEM.
    ///
    /// # Errors
    /// If one of the texts is no certificate or key.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, Error> {
        let issuer = rcgen::KeyPair::from_pem(key).and_then(|key| rcgen::Issuer::from_ca_cert_pem(certificate, key));
        let issuer = issuer.map_err(|source| failure(&["the authority itself".to_owned()], source))?;
        Ok(Self { certificate: certificate.to_owned(), issuer })
    }

    fn sign(&self, request: &CertificateRequest) -> Result<Issued, rcgen::Error> {
        let mut params = rcgen::CertificateParams::new(request.dns_names.clone())?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(name) = request.dns_names.first() {
            params.distinguished_name.push(rcgen::DnType::CommonName, name.as_str());
        }
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, request.not_before, request.not_after);
        // The one thing here that is random: a private key must be.
        let key = rcgen::KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Issued { certificate, key: key.serialize_pem(), authority: self.certificate.clone() })
    }
}

impl CertificateAuthority for LocalAuthority {
    fn issue(&self, request: &CertificateRequest) -> Result<Issued, Error> {
        self.sign(request).map_err(|source| failure(&request.dns_names, source))
    }

    fn root(&self) -> String {
        self.certificate.clone()
    }
}

fn failure(dns_names: &[String], source: rcgen::Error) -> Error {
    Error { dns_names: dns_names.join(", "), source: Box::new(source) }
}

/// Sets a validity in whole days that covers the one asked for.
fn set_validity(params: &mut rcgen::CertificateParams, from: Timestamp, to: Timestamp) {
    let [from, to] = [from, to + SignedDuration::from_hours(24)].map(|at| {
        let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let small = |part: i8| u8::try_from(part).expect("months and days are positive");
        rcgen::date_time_ymd(i32::from(date.year()), small(date.month()), small(date.day()))
    });
    (params.not_before, params.not_after) = (from, to);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_signs_and_can_be_kept() {
        let now = "2026-11-23T10:00:00Z".parse().unwrap();
        let authority = LocalAuthority::generate("test", now).unwrap();
        let request = CertificateRequest {
            dns_names: vec!["a.example".to_owned()],
            not_before: now,
            not_after: now + SignedDuration::from_hours(24),
        };
        let issued = authority.issue(&request).unwrap();
        assert!(issued.certificate.starts_with("-----BEGIN CERTIFICATE-----"));
        assert_eq!(issued.authority, authority.root());
        let kept = LocalAuthority::from_pem(&authority.root(), &authority.issuer.key().serialize_pem()).unwrap();
        assert!(kept.issue(&request).is_ok());
        let nonsense = CertificateRequest { dns_names: vec!["\u{7f}ö".to_owned()], ..request };
        assert!(authority.issue(&nonsense).is_err());
    }
}
