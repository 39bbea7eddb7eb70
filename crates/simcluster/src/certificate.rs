//! TLS Secrets: what cert-manager would issue for an Ingress or a Certificate, signed by the cluster's own authority.
//! It must not know how an authority signs, nor whether cert-manager's definitions are installed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Action, Class, Classify, Controller, ObjectKey, api};
use serde_json::{Value, json};

use crate::authority::{self, CertificateRequest, Issued};
use crate::cluster::{CONTROLLER_MANAGER, Cluster};
use crate::condition::{self, Condition};
use crate::{kinds, read};

/// cert-manager's default `spec.duration`: 90 days.
const LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// cert-manager renews after two thirds of the lifetime.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How often certificates are looked at for renewal.
pub(crate) const RENEWAL_CHECK: Duration = Duration::from_secs(12 * 3600);
/// The definition of Certificates.
const DEFINITION: &str = "certificates.cert-manager.io";
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

/// Starts the controller of `cert-manager.io` Certificates as soon as their definition is there.
pub(crate) fn start(cluster: &Cluster) {
    let definitions = cluster.informer(&kinds::definitions());
    let cluster = cluster.clone();
    let started = Arc::new(AtomicBool::new(false));
    Controller::new("certificate-definition", &cluster.context.clone())
        .watch(&definitions, |event| {
            let object = event.object();
            (object::name(object) == DEFINITION).then(|| ObjectKey::of(object))
        })
        .spawn(move |_| {
            let (cluster, started) = (cluster.clone(), Arc::clone(&started));
            async move {
                if !started.swap(true, Ordering::Relaxed) {
                    follow(&cluster);
                }
                Ok::<_, Error>(Action::done())
            }
        });
}

fn follow(cluster: &Cluster) {
    let certificates = cluster.informer(&kinds::certificates());
    let cluster = cluster.clone();
    Controller::new("certificate", &cluster.context.clone())
        .watch(&certificates, |event| [ObjectKey::of(event.object())])
        .spawn(move |key| reconcile(cluster.clone(), key));
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(certificate) = cluster.informer(&kinds::certificates()).get_key(&key) else { return Ok(Action::done()) };
    let Some(wanted) = wanted(&certificate).filter(|_| !object::is_deleting(&certificate)) else {
        return Ok(Action::done());
    };
    let ready = ensure(&cluster, &wanted).await?;
    if let Some(patch) = read::status_patch(&certificate, &status(&certificate, ready, cluster.now())) {
        let patched = cluster.patch_status(CONTROLLER_MANAGER, &kinds::certificates(), &certificate, &patch).await;
        patched.map_err(|source| Error::Write { secret: wanted.path(), source })?;
    }
    Ok(Action::resync_after(RENEWAL_CHECK))
}

/// The Secret that a Certificate asks for.
fn wanted(certificate: &Value) -> Option<Wanted> {
    let names = read::items(certificate, "/spec/dnsNames").filter_map(Value::as_str);
    let common_name = read::text(certificate, "/spec/commonName");
    let dns_names: BTreeSet<String> = names.chain(common_name).map(str::to_owned).collect();
    Some(Wanted {
        namespace: object::namespace(certificate)?.to_owned(),
        secret: read::text(certificate, "/spec/secretName").filter(|_| !dns_names.is_empty())?.to_owned(),
        dns_names: dns_names.into_iter().collect(),
        issuer: read::text(certificate, "/spec/issuerRef/name").unwrap_or_default().to_owned(),
    })
}

fn status(certificate: &Value, ready: bool, now: Timestamp) -> Value {
    let mut conditions = condition::all(certificate);
    let condition = if ready {
        Condition::new("Ready", true, "Ready", "Certificate is up to date and has not expired")
    } else {
        Condition::new("Ready", false, "SecretConflict", "the Secret is there and was not issued for a certificate")
    };
    condition::set(&mut conditions, &condition, now);
    for condition in &mut conditions {
        condition["observedGeneration"] = json!(object::generation(certificate));
    }
    let mut status = certificate.get("status").cloned().unwrap_or_else(|| json!({}));
    status["conditions"] = Value::from(conditions);
    if ready && read::text(&status, "/notAfter").is_none() {
        let (from, to) = validity(now);
        status["notBefore"] = json!(read::rfc3339(from));
        status["notAfter"] = json!(read::rfc3339(to));
        status["renewalTime"] = json!(read::rfc3339(to - RENEW_BEFORE));
        status["revision"] = json!(1);
    }
    status
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

    #[test]
    fn a_certificate_asks_for_its_names_and_becomes_ready() {
        let mut certificate = json!({"metadata": {"name": "c", "namespace": "n"},
            "spec": {"secretName": "s", "commonName": "a.b", "dnsNames": ["c.d", "a.b"]}});
        assert_eq!(wanted(&certificate).unwrap().dns_names, ["a.b", "c.d"]);
        certificate["status"] = status(&certificate, true, Timestamp::UNIX_EPOCH);
        assert!(condition::is_true(&certificate, "Ready"));
        assert_eq!(status(&certificate, true, Timestamp::MAX), certificate["status"]);
    }
}
