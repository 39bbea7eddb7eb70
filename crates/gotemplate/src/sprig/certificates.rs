//! X.509 certificates, as Sprig makes them: RSA, for servers and clients, valid from now on.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::{Span, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm, SigningKey,
};
use rsa::PrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::DecodePrivateKey;
use sha2::{Digest, Sha256};

use super::keys;
use crate::arguments::Arguments;
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::{Dict, Value};

const BITS: usize = 2048;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("genCA", Function::fixed(2, |machine, all| authority(machine, all, None))),
    ("genCAWithKey", Function::fixed(3, |machine, all| authority(machine, all, Some(2)))),
    ("genSelfSignedCert", Function::fixed(4, |machine, all| own(machine, all, None))),
    ("genSelfSignedCertWithKey", Function::fixed(5, |machine, all| own(machine, all, Some(4)))),
    ("genSignedCert", Function::fixed(5, |machine, all| signed(machine, all, None))),
    ("genSignedCertWithKey", Function::fixed(6, |machine, all| signed(machine, all, Some(5)))),
    ("buildCustomCert", Function::fixed(2, custom)),
];

/// A key that signs.
struct Signer {
    key: Arc<PrivateKey>,
    public: Vec<u8>,
}

impl Signer {
    fn new(key: Arc<PrivateKey>) -> Result<Self, Fault> {
        let public = key.to_public_key().to_pkcs1_der().map_err(|error| Fault::new(error.to_string()))?;
        Ok(Self { public: public.as_bytes().to_vec(), key })
    }

    /// A new key, or the one that an argument holds.
    fn of(machine: &mut Machine<'_>, all: &[Value], given: Option<usize>) -> Result<Self, Fault> {
        match given {
            None => Self::new(keys::rsa(machine, BITS)?),
            Some(at) => Self::parse(&Arguments(all).text(at)?),
        }
    }

    fn parse(pem: &str) -> Result<Self, Fault> {
        let key = PrivateKey::from_pkcs1_pem(pem).ok().or_else(|| PrivateKey::from_pkcs8_pem(pem).ok());
        let key = key.ok_or_else(|| Fault::new("parsing private key: it is no RSA key in PEM"))?;
        Self::new(Arc::new(key))
    }
}

impl PublicKeyData for Signer {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl SigningKey for Signer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let scheme = rsa::Pkcs1v15Sign::new::<Sha256>();
        self.key.sign(scheme, &Sha256::digest(message)).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

fn failed(error: rcgen::Error) -> Fault {
    Fault::new(format!("error creating certificate: {error}"))
}

/// What all certificates have alike.
fn parameters(machine: &mut Machine<'_>, name: &str, days: i64) -> Result<CertificateParams, Fault> {
    let mut parameters = CertificateParams::new(Vec::new()).map_err(failed)?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    let mut serial = machine.random.bytes(16);
    serial[0] &= 0x7f;
    parameters.serial_number = Some(SerialNumber::from_slice(&serial));
    let from = machine.environment.now;
    let hours = days.checked_mul(24).ok_or_else(|| Fault::new("days are too many"))?;
    let span = Span::new().try_hours(hours).map_err(|error| Fault::new(error.to_string()))?;
    let until = from.checked_add(span).map_err(|error| Fault::new(error.to_string()))?;
    (parameters.not_before, parameters.not_after) = (date(from)?, date(until)?);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(parameters)
}

fn date(at: Timestamp) -> Result<time::OffsetDateTime, Fault> {
    time::OffsetDateTime::from_unix_timestamp(at.as_second()).map_err(|error| Fault::new(error.to_string()))
}

fn told(certificate: &rcgen::Certificate, signer: &Signer) -> Result<Value, Fault> {
    let entries = [("Cert", keys::pem("CERTIFICATE", certificate.der())), ("Key", keys::rsa_pem(&signer.key)?)];
    Ok(Value::Map(entries.into_iter().map(|(key, text)| (key, Value::from(text))).collect::<Dict>()))
}

fn authority(machine: &mut Machine<'_>, all: &[Value], key: Option<usize>) -> Result<Value, Fault> {
    let signer = Signer::of(machine, all, key)?;
    let mut parameters = parameters(machine, &Arguments(all).text(0)?, Arguments(all).int(1)?)?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages.push(KeyUsagePurpose::KeyCertSign);
    told(&parameters.self_signed(&signer).map_err(failed)?, &signer)
}

/// The parameters of a certificate of a host: name, IP addresses, DNS names, days.
fn host(machine: &mut Machine<'_>, all: Arguments<'_>) -> Result<CertificateParams, Fault> {
    let mut parameters = parameters(machine, &all.text(0)?, all.int(3)?)?;
    for address in all.strings(1) {
        let address: IpAddr = address
            .parse()
            .map_err(|_| Fault::new(format!("error parsing ip: {address} is not a valid ip address")))?;
        parameters.subject_alt_names.push(SanType::IpAddress(address));
    }
    for name in all.strings(2) {
        let name = name.as_str().try_into().map_err(failed)?;
        parameters.subject_alt_names.push(SanType::DnsName(name));
    }
    Ok(parameters)
}

fn own(machine: &mut Machine<'_>, all: &[Value], key: Option<usize>) -> Result<Value, Fault> {
    let signer = Signer::of(machine, all, key)?;
    let parameters = host(machine, Arguments(all))?;
    told(&parameters.self_signed(&signer).map_err(failed)?, &signer)
}

fn signed(machine: &mut Machine<'_>, all: &[Value], key: Option<usize>) -> Result<Value, Fault> {
    let signer = Signer::of(machine, all, key)?;
    let parameters = host(machine, Arguments(all))?;
    let authority = Arguments(all).dict(4)?;
    let part = |name: &str| authority.get(name).map(|part| crate::encode::text(&part)).unwrap_or_default();
    let issuer = Issuer::from_ca_cert_pem(&part("Cert"), Signer::parse(&part("Key"))?).map_err(failed)?;
    told(&parameters.signed_by(&signer, &issuer).map_err(failed)?, &signer)
}

/// A certificate and key that are there already, in base 64.
fn custom(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let decoded = |at: usize, what: &str| {
        let text = Arguments(all).text(at)?;
        let bytes = BASE64_STANDARD.decode(text.as_bytes());
        let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or_else(|| Fault::new(format!("unable to decode base64 {what}")))
    };
    let (certificate, key) = (decoded(0, "certificate")?, decoded(1, "private key")?);
    if !certificate.contains("-----BEGIN CERTIFICATE-----") {
        return Err(Fault::new("unable to decode certificate"));
    }
    Signer::parse(&key)?;
    let entries = [("Cert", certificate), ("Key", key)];
    Ok(Value::Map(entries.into_iter().map(|(key, text)| (key, Value::from(text))).collect::<Dict>()))
}
