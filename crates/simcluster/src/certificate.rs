//! TLS Secrets: what cert-manager would issue for an Ingress or a Certificate, signed by the cluster's own authority.
//! It must not know how an authority signs, nor whether cert-manager's definitions are installed.

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Class, Classify, api};
use serde_json::{Value, json};

use crate::authority::{self, CertificateRequest, Issued};
use crate::cluster::Cluster;
use crate::{kinds, read};

/// cert-manager's default `spec.duration`: 90 days.
const LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// cert-manager renews after two thirds of the lifetime.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);
const ALT_NAMES: &str = "cert-manager.io/alt-names";
const COMMON_NAME: &str = "cert-manager.io/common-name";
const ISSUER: &str = "cert-manager.io/issuer-name";
/// When the certificate in the Secret ends, so that nothing has to parse it.
const NOT_AFTER: &str = "mainstay.dev/certificate-not-after";

/// A Secret that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Namespace of the Secret.
    pub namespace: String,
    /// Name of the Secret.
    pub secret: String,
    /// DNS names, sorted.
    pub dns_names: Vec<String>,
    /// The issuer asked for.
    pub issuer: String,
}

/// A Secret could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The authority did not sign.
    #[error("failed to issue the certificate of Secret/{secret}")]
    Issue {
        /// `namespace/name` of the Secret.
        secret: String,
        /// Why.
        #[source]
        source: authority::Error,
    },
    /// The API server did not take it.
    #[error("failed to keep the certificate of Secret/{secret}")]
    Write {
        /// `namespace/name` of the Secret.
        secret: String,
        /// Why.
        #[source]
        source: api::Error,
    },
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Issue { .. } => Class::Terminal,
            Self::Write { source, .. } => source.class(),
        }
    }
}

/// What is there for a wanted Secret.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Valid,
    /// Ours, but for other names or nearly over.
    Stale,
    /// Somebody else's: left alone.
    Foreign,
}

fn examine(secret: Option<&Value>, wanted: &Wanted, now: Timestamp) -> Found {
    let Some(secret) = secret else { return Found::Nothing };
    let Some(names) = object::annotation(secret, ALT_NAMES) else { return Found::Foreign };
    let end: Option<Timestamp> = object::annotation(secret, NOT_AFTER).and_then(|end| end.parse().ok());
    let lasts = end.is_some_and(|end| now < end - RENEW_BEFORE);
    if names == wanted.dns_names.join(",") && lasts { Found::Valid } else { Found::Stale }
}

/// Makes sure that the Secret is there and valid; true if so, false if a foreign Secret has its name.
pub(crate) async fn ensure(cluster: &Cluster, wanted: &Wanted) -> Result<bool, Error> {
    let secrets = kinds::secrets();
    let known = cluster.informer(&secrets).get(&wanted.namespace, &wanted.secret);
    let found = examine(known.as_ref(), wanted, cluster.now());
    let secret = match found {
        Found::Valid => return Ok(true),
        Found::Foreign => return Ok(false),
        Found::Nothing | Found::Stale => manifest(wanted, &issue(cluster, wanted)?, cluster.now()),
    };
    let written = match known {
        Some(known) => cluster.patch(&secrets, &known, &secret).await,
        None => cluster.create(&secrets, &secret).await.map(drop),
    };
    written.map_err(|source| Error::Write { secret: wanted.path(), source })?;
    Ok(true)
}

impl Wanted {
    /// `namespace/name` of the Secret.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.secret)
    }
}

/// From when and until when a certificate issued at a time is valid.
fn validity(now: Timestamp) -> (Timestamp, Timestamp) {
    let from = Timestamp::from_second(now.as_second()).unwrap_or(now);
    (from, from + LIFETIME)
}

fn issue(cluster: &Cluster, wanted: &Wanted) -> Result<Issued, Error> {
    let (not_before, not_after) = validity(cluster.now());
    let request = CertificateRequest { dns_names: wanted.dns_names.clone(), not_before, not_after };
    cluster.options.authority.issue(&request).map_err(|source| Error::Issue { secret: wanted.path(), source })
}

fn manifest(wanted: &Wanted, issued: &Issued, now: Timestamp) -> Value {
    let (_, not_after) = validity(now);
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {
            "name": wanted.secret, "namespace": wanted.namespace,
            "labels": {"controller.cert-manager.io/fao": "true"},
            "annotations": {
                ALT_NAMES: wanted.dns_names.join(","),
                COMMON_NAME: wanted.dns_names.first(),
                ISSUER: wanted.issuer,
                "cert-manager.io/certificate-name": wanted.secret,
                NOT_AFTER: read::rfc3339(not_after),
                crate::SIMULATED: "true",
            },
        },
        "data": {
            "tls.crt": base64(&issued.certificate),
            "tls.key": base64(&issued.key),
            "ca.crt": base64(&issued.authority),
        },
    })
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_renewed_for_new_names_or_late_in_its_life_and_a_foreign_one_is_left_alone() {
        let now = Timestamp::UNIX_EPOCH;
        let mut wanted =
            Wanted { namespace: "n".into(), secret: "s".into(), dns_names: vec!["a.b".into()], issuer: "i".into() };
        let issued = Issued { certificate: "c".into(), key: "k".into(), authority: "a".into() };
        let secret = manifest(&wanted, &issued, now);
        assert_eq!(secret["data"]["tls.crt"], "Yw==");
        assert_eq!(examine(Some(&secret), &wanted, now), Found::Valid);
        assert_eq!(examine(Some(&secret), &wanted, now + SignedDuration::from_hours(61 * 24)), Found::Stale);
        wanted.dns_names.push("c.d".into());
        assert_eq!(examine(Some(&secret), &wanted, now), Found::Stale);
        assert_eq!(examine(Some(&json!({"metadata": {}})), &wanted, now), Found::Foreign);
        assert_eq!(examine(None, &wanted, now), Found::Nothing);
    }
}
