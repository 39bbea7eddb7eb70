//! Tokens of service accounts: signed statements that end with their time, or with what they are bound to.
//! Claims are those of upstream's `pkg/serviceaccount/claims.go`. It must not know requests.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use mainstay_store::{KindKey, ObjectKey, Snapshot};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::keys::{KeyError, SigningKey};
use crate::identity::Identity;
use crate::server::ApiServer;

/// Who issues the tokens, and the audience that the API server is: upstream's default for both.
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc";
/// Clocks may differ by this much: `jwt.DefaultLeeway`.
const LEEWAY_SECONDS: i64 = 60;
/// Tokens whose signature is known to be good, at a time: a token of a kibibyte each makes 4 MiB.
const REMEMBERED: usize = 4096;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) aud: Vec<String>,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    pub(crate) iss: String,
    pub(crate) jti: String,
    #[serde(rename = "kubernetes.io")]
    pub(crate) kubernetes: Private,
    pub(crate) nbf: i64,
    pub(crate) sub: String,
}

/// What it is bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Private {
    pub(crate) namespace: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<Reference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pod: Option<Reference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Reference>,
    pub(crate) serviceaccount: Reference,
}

/// One object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// Signs claims as a JSON Web Token.
pub(crate) fn sign(key: &SigningKey, claims: &Claims) -> Result<String, KeyError> {
    let header = json!({"alg": "ES256", "kid": key.id()}).to_string();
    let claims = json!(claims).to_string();
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.sign(message.as_bytes())?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Who shows a token, and for which of the wanted audiences it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) identity: Arc<Identity>,
    pub(crate) audiences: Vec<String>,
}

/// Knows the tokens that were seen lately, so that a signature is checked once.
#[derive(Default)]
pub(crate) struct ServiceAccounts {
    verified: RwLock<HashMap<[u8; 32], Arc<Verified>>>,
}

/// A token whose signature is good.
struct Verified {
    claims: Claims,
    identity: Arc<Identity>,
    needed: Vec<Needed>,
}

impl ServiceAccounts {
    /// Who shows a token of a cluster to one of the audiences; `None` if it is no token of this issuer.
    ///
    /// # Errors
    /// What is wrong with it, in upstream's words.
    pub(crate) fn identify(
        &self,
        server: &ApiServer,
        (cluster, token): (&str, &str),
        wanted: &[String],
    ) -> Result<Option<Shown>, String> {
        let Some(verified) = self.verified(server, cluster, token)? else { return Ok(None) };
        let audiences: Vec<String> = verified.claims.aud.iter().filter(|aud| wanted.contains(aud)).cloned().collect();
        if audiences.is_empty() {
            let (given, wanted) = (quoted(&verified.claims.aud), quoted(wanted));
            return Err(format!("token audiences {given} is invalid for the target audiences {wanted}"));
        }
        let now = server.clock().now();
        verified.check_time(now)?;
        let snapshot = server.snapshot();
        verified.needed.iter().try_for_each(|needed| needed.check(&snapshot, now))?;
        Ok(Some(Shown { identity: verified.identity.clone(), audiences }))
    }

    fn verified(&self, server: &ApiServer, cluster: &str, token: &str) -> Result<Option<Arc<Verified>>, String> {
        let digest: [u8; 32] =
            Sha256::new().chain_update(cluster).chain_update([0]).chain_update(token).finalize().into();
        if let Some(known) = self.verified.read().unwrap_or_else(PoisonError::into_inner).get(&digest) {
            return Ok(Some(known.clone()));
        }
        // A key is only made for a cluster that there is.
        let known = |claims: &Claims| claims.iss == ISSUER && server.has_cluster(cluster);
        let Some(claims) = claims(token).filter(known) else { return Ok(None) };
        let key = server.options().signing_keys.of(cluster).map_err(|error| error.to_string())?;
        if !is_signed_by(&key, token) {
            return Err("go-jose/go-jose: error in cryptographic primitive".to_owned());
        }
        let new = Arc::new(Verified::new(cluster, claims));
        let mut verified = self.verified.write().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= REMEMBERED {
            verified.clear();
        }
        verified.insert(digest, new.clone());
        Ok(Some(new))
    }
}

/// As Go's `%q` of a list.
pub(crate) fn quoted(list: &[String]) -> String {
    let quoted: Vec<String> = list.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", quoted.join(" "))
}

/// What a token says, whoever signed it.
fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&payload).ok().filter(|_| parts.next().is_none())
}

fn is_signed_by(key: &SigningKey, token: &str) -> bool {
    let Some((message, signature)) = token.rsplit_once('.') else { return false };
    URL_SAFE_NO_PAD.decode(signature).is_ok_and(|signature| key.verifies(message.as_bytes(), &signature))
}

impl Verified {
    fn new(cluster: &str, claims: Claims) -> Self {
        let identity = Arc::new(identity(&claims));
        let needed = needed(cluster, &claims.kubernetes);
        Self { claims, identity, needed }
    }

    fn check_time(&self, now: Timestamp) -> Result<(), String> {
        let now = now.as_second();
        if now - LEEWAY_SECONDS > self.claims.exp {
            return Err("service account token has expired".to_owned());
        }
        if now + LEEWAY_SECONDS < self.claims.nbf {
            return Err("service account token is not valid yet".to_owned());
        }
        Ok(())
    }
}

fn identity(claims: &Claims) -> Identity {
    let Private { namespace, node, pod, serviceaccount, .. } = &claims.kubernetes;
    let mut identity = Identity::service_account(namespace, &serviceaccount.name);
    identity.uid.clone_from(&serviceaccount.uid);
    for (kind, reference) in [("pod", pod), ("node", node)] {
        let Some(reference) = reference else { continue };
        for (field, value) in [("name", &reference.name), ("uid", &reference.uid)] {
            if value.is_empty() {
                continue;
            }
            identity.extra.insert(format!("authentication.kubernetes.io/{kind}-{field}"), vec![value.clone()]);
        }
    }
    identity.with_credential(format!("JTI={}", claims.jti))
}

/// An object that must be there for a token to count.
struct Needed {
    key: ObjectKey,
    uid: String,
    what: What,
    /// Revision in which it was found to be right.
    seen: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    ServiceAccount,
    Secret,
    Pod,
    Node,
}

fn needed(cluster: &str, private: &Private) -> Vec<Needed> {
    let mut all = vec![(What::ServiceAccount, "serviceaccounts", &private.serviceaccount)];
    all.extend(private.secret.as_ref().map(|secret| (What::Secret, "secrets", secret)));
    all.extend(private.pod.as_ref().map(|pod| (What::Pod, "pods", pod)));
    // The node of a pod is only told; the token ends with the pod.
    let node = private.node.as_ref().filter(|_| private.pod.is_none());
    all.extend(node.map(|node| (What::Node, "nodes", node)));
    let needed = |(what, plural, reference): (What, &str, &Reference)| {
        let namespace = if what == What::Node { "" } else { private.namespace.as_str() };
        let key = KindKey::new(cluster, "", plural).object(namespace, reference.name.as_str());
        Needed { key, uid: reference.uid.clone(), what, seen: AtomicU64::new(0) }
    };
    all.into_iter().map(needed).collect()
}

/// The part of an object that tells whether it is the one meant.
#[derive(Deserialize)]
struct Existing {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    uid: String,
    deletion_timestamp: Option<Timestamp>,
}

impl Needed {
    fn check(&self, snapshot: &Snapshot, now: Timestamp) -> Result<(), String> {
        let record = snapshot.get(&self.key).ok_or_else(|| self.missing())?;
        if record.revision == self.seen.load(Ordering::Relaxed) {
            return Ok(());
        }
        let existing: Existing = serde_json::from_slice(&record.bytes).map_err(|error| error.to_string())?;
        if existing.metadata.uid != self.uid {
            return Err(self.another(&existing.metadata.uid));
        }
        match existing.metadata.deletion_timestamp {
            None => self.seen.store(record.revision, Ordering::Relaxed),
            Some(at) if at.as_second() < now.as_second() - LEEWAY_SECONDS => return Err(self.deleted()),
            Some(_) => {}
        }
        Ok(())
    }

    fn missing(&self) -> String {
        match self.what {
            What::ServiceAccount => format!("serviceaccounts \"{}\" not found", self.key.name),
            _ => self.deleted(),
        }
    }

    fn deleted(&self) -> String {
        match self.what {
            What::ServiceAccount => {
                format!("service account {}/{} has been deleted", self.key.namespace, self.key.name)
            }
            _ => "service account token has been invalidated".to_owned(),
        }
    }

    fn another(&self, found: &str) -> String {
        let claimed = &self.uid;
        match self.what {
            What::ServiceAccount => format!("service account UID ({found}) does not match claim ({claimed})"),
            What::Secret => format!("secret UID ({found}) does not match service account secret ref claim ({claimed})"),
            What::Pod => format!("pod UID ({found}) does not match service account pod ref claim ({claimed})"),
            What::Node => format!("node UID ({found}) does not match service account node ref claim ({claimed})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Claims {
        let reference = |name: &str| Reference { name: name.to_owned(), uid: format!("uid-of-{name}") };
        let kubernetes = Private {
            namespace: "shop".to_owned(),
            node: Some(reference("n1")),
            pod: Some(reference("web-1")),
            secret: None,
            serviceaccount: reference("web"),
        };
        let sub = "system:serviceaccount:shop:web".to_owned();
        let (iss, jti) = (ISSUER.to_owned(), "j".to_owned());
        Claims { aud: vec![ISSUER.to_owned()], exp: 3600, iat: 0, iss, jti, kubernetes, nbf: 0, sub }
    }

    #[test]
    fn what_is_signed_is_read_again() {
        let key = SigningKey::generate().unwrap();
        let token = sign(&key, &sample()).unwrap();
        assert_eq!(claims(&token), Some(sample()));
        assert!(is_signed_by(&key, &token));
        let (message, signature) = token.rsplit_once('.').unwrap();
        assert!(!is_signed_by(&key, &format!("{message}x.{signature}")));
        for other in ["", "a.b", "a.b.c", &format!("{token}.d")] {
            assert_eq!(claims(other), None, "{other}");
        }
    }

    #[test]
    fn a_token_tells_who_where_and_by_which_credential() {
        let identity = identity(&sample());
        assert_eq!((identity.user.as_str(), identity.uid.as_str()), (sample().sub.as_str(), "uid-of-web"));
        let extra: Vec<&str> = identity.extra.values().map(|values| values[0].as_str()).collect();
        assert_eq!(extra, ["JTI=j", "n1", "uid-of-n1", "web-1", "uid-of-web-1"]);
    }

    #[test]
    fn a_token_has_its_time() {
        let verified = Verified::new("dev", sample());
        let at = |seconds| verified.check_time(Timestamp::from_second(seconds).unwrap());
        assert_eq!((at(0), at(3660)), (Ok(()), Ok(())));
        assert_eq!(at(3661), Err("service account token has expired".to_owned()));
        assert_eq!(at(-61), Err("service account token is not valid yet".to_owned()));
    }
}
