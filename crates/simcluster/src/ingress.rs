//! Ingresses: an address for each, and the TLS Secrets that those annotated for cert-manager name.
//! It must not know what routes traffic: nothing does.

use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Action, Class, Classify, Controller, Event, Informer, ObjectKey, api};
use serde_json::{Value, json};

use crate::certificate::{self, Wanted};
use crate::cluster::{CONTROLLER_MANAGER, Cluster};
use crate::{kinds, read};

/// Annotations that ask for a certificate, with cert-manager's precedence.
const ISSUER_ANNOTATIONS: [&str; 2] = ["cert-manager.io/cluster-issuer", "cert-manager.io/issuer"];

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("failed to give an address to Ingress/{0}")]
    Address(ObjectKey, #[source] api::Error),
    #[error("failed to provide TLS for Ingress/{0}")]
    Certificate(ObjectKey, #[source] certificate::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Address(_, source) => source.class(),
            Self::Certificate(_, source) => source.class(),
        }
    }
}

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let ingresses = cluster.informer(&kinds::ingresses());
    let secrets = cluster.informer(&kinds::secrets());
    let known = ingresses.clone();
    let cluster = cluster.clone();
    Controller::new("ingress", &cluster.context.clone())
        .watch(&ingresses, |event| [ObjectKey::of(event.object())])
        .watch(&secrets, move |event| missing(&known, event))
        .spawn(move |key| reconcile(cluster.clone(), key));
}

/// A deleted Secret is issued again for the Ingresses that name it.
fn missing(ingresses: &Informer, event: &Event<'_>) -> Vec<ObjectKey> {
    let Event::Deleted { object: secret } = event else { return Vec::new() };
    let near = ingresses.list_namespace(object::namespace(secret).unwrap_or_default());
    let names = |ingress: &&Value| wanted(ingress).iter().any(|wanted| wanted.secret == object::name(secret));
    near.iter().filter(names).map(ObjectKey::of).collect()
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(ingress) = cluster.informer(&kinds::ingresses()).get_key(&key) else { return Ok(Action::done()) };
    if object::is_deleting(&ingress) {
        return Ok(Action::done());
    }
    let secrets = wanted(&ingress);
    for wanted in &secrets {
        certificate::ensure(&cluster, wanted).await.map_err(|source| Error::Certificate(key.clone(), source))?;
    }
    if let Some(patch) = address(&ingress, &cluster.options.ingress_address) {
        let patched = cluster.patch_status(CONTROLLER_MANAGER, &kinds::ingresses(), &ingress, &patch).await;
        patched.map_err(|source| Error::Address(key, source))?;
    }
    Ok(if secrets.is_empty() { Action::done() } else { Action::resync_after(certificate::RENEWAL_CHECK) })
}

fn address(ingress: &Value, address: &str) -> Option<Value> {
    let entry = json!([{ "ip": address }]);
    if ingress.pointer("/status/loadBalancer/ingress") == Some(&entry) {
        return None;
    }
    Some(json!({"status": {"loadBalancer": {"ingress": entry}}}))
}

/// The Secrets that an Ingress asks for.
fn wanted(ingress: &Value) -> Vec<Wanted> {
    let Some(issuer) = ISSUER_ANNOTATIONS.iter().find_map(|key| object::annotation(ingress, key)) else {
        return Vec::new();
    };
    let namespace = object::namespace(ingress).unwrap_or_default();
    read::items(ingress, "/spec/tls").filter_map(|tls| wanted_by_tls(tls, namespace, issuer)).collect()
}

fn wanted_by_tls(tls: &Value, namespace: &str, issuer: &str) -> Option<Wanted> {
    let mut dns_names: Vec<String> = read::items(tls, "/hosts").filter_map(Value::as_str).map(str::to_owned).collect();
    dns_names.sort();
    dns_names.dedup();
    let secret = read::text(tls, "/secretName").filter(|_| !dns_names.is_empty())?.to_owned();
    Some(Wanted { namespace: namespace.to_owned(), secret, dns_names, issuer: issuer.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_annotated_ingress_asks_for_certificates() {
        let mut ingress = json!({"metadata": {"name": "web", "namespace": "n"},
            "spec": {"tls": [{"hosts": ["b.x", "a.x"], "secretName": "web-tls"}, {"secretName": "none"}]}});
        assert!(wanted(&ingress).is_empty());
        object::set_annotation(&mut ingress, ISSUER_ANNOTATIONS[0], "local");
        let found = wanted(&ingress);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path().as_str(), found[0].dns_names.join(" ").as_str()), ("n/web-tls", "a.x b.x"));
    }

    #[test]
    fn an_address_is_given_once() {
        let mut ingress = json!({});
        ingress["status"] = address(&ingress, "1.1.1.1").unwrap()["status"].clone();
        assert_eq!(address(&ingress, "1.1.1.1"), None);
    }
}
