//! Credentials: who one is, whose a token is, and new tokens for service accounts, as
//! `pkg/registry/authentication` and `pkg/registry/core/serviceaccount/storage/token.go`.
//! It must not know how a token is signed.

use std::sync::Arc;

use bytes::Bytes;
use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath, object};
use mainstay_controller_runtime::clock::format_seconds;
use mainstay_store::KindKey;
use serde_json::{Value, json};

use crate::authn::service_account::{self, Claims, ISSUER, Private, Reference};
use crate::call::Call;
use crate::convert::parse;
use crate::handler::{read, reviews};
use crate::identity::service_account_user;
use crate::registry::Resource;
use crate::respond::{Reply, warn};
use crate::{Error, strategy};

/// Answers one of them.
pub(super) fn create(call: &Call, bytes: &Bytes) -> Result<Reply, Error> {
    let (answer, warnings) = match &*call.resource.plural {
        "selfsubjectreviews" => {
            reviews::sent_with_defaults(call, bytes, |_| {})?;
            let metadata = json!({"creationTimestamp": call.now()});
            let status = json!({"userInfo": call.identity.user_info()});
            let (kind, api_version) = (&*call.resource.kind, call.resource.api_version());
            (json!({"kind": kind, "apiVersion": api_version, "metadata": metadata, "status": status}), Vec::new())
        }
        "tokenreviews" => {
            let (review, warnings) = reviews::sent_with_defaults(call, bytes, |_| {})?;
            (review_token(call, review)?, warnings)
        }
        _ => {
            let (request, warnings) = token_request(call, bytes)?;
            (issue(call, request)?, warnings)
        }
    };
    let mut reply = read::encode_reply(call, 201, &answer);
    warn(&mut reply, &warnings);
    Ok(reply)
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn review_token(call: &Call, mut review: Value) -> Result<Value, Error> {
    let token = review.pointer("/spec/token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| Error::bad_request("token is required for TokenReview in authentication"))?;
    let mut wanted = texts(review.pointer("/spec/audiences"));
    if wanted.is_empty() {
        wanted.push(ISSUER.to_owned());
    }
    let status = match call.server.identify(&call.cluster, token, &wanted) {
        Ok(Some(shown)) => {
            json!({"authenticated": true, "user": shown.identity.user_info(), "audiences": shown.audiences})
        }
        Ok(None) => json!({"user": {}, "error": "invalid bearer token"}),
        Err(why) => json!({"user": {}, "error": format!("[invalid bearer token, {why}]")}),
    };
    review["status"] = status;
    Ok(review)
}

/// Lifetime of a token that asks for none, and the bounds of what can be asked for.
const DEFAULT_SECONDS: i64 = 3600;
const MIN_SECONDS: i64 = 600;
const MAX_SECONDS: i64 = 1 << 32;

/// What is asked for, with defaults. Its schema is that of another group.
fn token_request(call: &Call, bytes: &Bytes) -> Result<(Value, Vec<String>), Error> {
    let mut foreign = call.clone();
    foreign.resource = Arc::new(Resource {
        group: "authentication.k8s.io".into(),
        version: "v1".into(),
        kind: "TokenRequest".into(),
        ..Resource::clone(&call.resource)
    });
    let (request, warnings) = reviews::sent_with_defaults(&foreign, bytes, |request| {
        if request.pointer("/spec/expirationSeconds").is_none_or(Value::is_null) {
            request["spec"]["expirationSeconds"] = json!(DEFAULT_SECONDS);
        }
    })?;
    let seconds = seconds(&request);
    let why = match seconds {
        ..MIN_SECONDS => "may not specify a duration less than 10 minutes",
        MAX_SECONDS.. if seconds > MAX_SECONDS => "may not specify a duration larger than 2^32 seconds",
        _ => return Ok((request, warnings)),
    };
    let path = FieldPath::root().child("spec").child("expirationSeconds");
    let error = FieldError::new(FieldErrorKind::Invalid, path, json!(seconds), why);
    Err(Error::invalid(&foreign.resource, "", &[error]))
}

fn seconds(request: &Value) -> i64 {
    request.pointer("/spec/expirationSeconds").and_then(Value::as_i64).unwrap_or_default()
}

fn issue(call: &Call, mut request: Value) -> Result<Value, Error> {
    let snapshot = call.server.snapshot();
    let account = snapshot.get(&call.object_key(call.name_str())).ok_or_else(|| call.not_found())?;
    let account = parse(&account.bytes);
    let bound = bound(call, request.pointer("/spec/boundObjectRef"))?;
    let mut audiences = texts(request.pointer("/spec/audiences"));
    if audiences.is_empty() {
        audiences.push(ISSUER.to_owned());
    }
    let now = call.server.clock().now();
    let (iat, exp) = (now.as_second(), now.as_second().saturating_add(seconds(&request)));
    let claims = Claims {
        aud: audiences.clone(),
        exp,
        iat,
        iss: ISSUER.to_owned(),
        jti: call.server.options().ids.uid(),
        kubernetes: Private {
            namespace: call.namespace_str().to_owned(),
            serviceaccount: Reference { name: call.name_str().to_owned(), uid: object::uid(&account).to_owned() },
            ..bound
        },
        nbf: iat,
        sub: service_account_user(call.namespace_str(), call.name_str()),
    };
    let key = call.server.options().signing_keys.of(&call.cluster).map_err(Error::internal)?;
    let token = service_account::sign(&key, &claims).map_err(Error::internal)?;
    let expires = jiff::Timestamp::from_second(exp).map_err(Error::internal)?;
    request["spec"]["audiences"] = json!(audiences);
    request["spec"]["boundObjectRef"] = request["spec"].get("boundObjectRef").cloned().unwrap_or(Value::Null);
    request["status"] = json!({"token": token, "expirationTimestamp": format_seconds(expires)});
    let metadata = object::metadata_mut(&mut request);
    metadata.insert("namespace".to_owned(), json!(call.namespace_str()));
    metadata.insert("uid".to_owned(), json!(object::uid(&account)));
    metadata.insert("creationTimestamp".to_owned(), json!(call.now()));
    strategy::tidy_metadata(metadata);
    Ok(request)
}

/// What the token is bound to besides its service account.
fn bound(call: &Call, reference: Option<&Value>) -> Result<Private, Error> {
    let Some(reference) = reference.filter(|reference| !reference.is_null()) else { return Ok(Private::default()) };
    let text = |field: &str| reference.get(field).and_then(Value::as_str).unwrap_or_default();
    let (kind, api_version) = (text("kind"), text("apiVersion"));
    let (plural, namespace) = match (api_version, kind) {
        ("v1", "Pod") => ("pods", call.namespace_str()),
        ("v1", "Secret") => ("secrets", call.namespace_str()),
        ("v1", "Node") => ("nodes", ""),
        _ => {
            // As Go prints a `GroupVersionKind`, whose group may be empty.
            let slash = if api_version.contains('/') { "" } else { "/" };
            let why = format!("cannot bind token to object of type {slash}{api_version}, Kind={kind}");
            return Err(Error::bad_request(why));
        }
    };
    let object = referred(call, (plural, namespace), text("name"))?;
    let uid = object::uid(&object);
    if !text("uid").is_empty() && text("uid") != uid {
        let why = format!(
            "the UID in the bound object reference ({}) does not match the UID in record. The object might have been deleted and then recreated",
            text("uid")
        );
        return Err(Error::conflict_on(kind, text("name"), &why));
    }
    let own = Some(Reference { name: text("name").to_owned(), uid: uid.to_owned() });
    match plural {
        "pods" => Ok(Private { node: node_of(call, &object)?, pod: own, ..Private::default() }),
        "secrets" => Ok(Private { secret: own, ..Private::default() }),
        _ => Ok(Private { node: own, ..Private::default() }),
    }
}

fn referred(call: &Call, (plural, namespace): (&str, &str), name: &str) -> Result<Value, Error> {
    let resource = call.server.registry().resolve(&call.cluster, "", "v1", plural).ok_or_else(Error::no_such_path)?;
    let key = KindKey::new(call.cluster.clone(), "", plural).object(namespace, name);
    let record = call.server.snapshot().get(&key).cloned().ok_or_else(|| Error::not_found(&resource, name))?;
    Ok(parse(&record.bytes))
}

/// The node that a pod runs on; its service account must be the one that the token is for.
fn node_of(call: &Call, pod: &Value) -> Result<Option<Reference>, Error> {
    let spec = |field: &str| pod["spec"].get(field).and_then(Value::as_str).unwrap_or_default();
    if spec("serviceAccountName") != call.name_str() {
        let name = call.name_str();
        return Err(Error::bad_request(format!(
            "cannot bind token for serviceaccount {name:?} to pod running with different serviceaccount name."
        )));
    }
    let name = spec("nodeName");
    let key = KindKey::new(call.cluster.clone(), "", "nodes").object("", name);
    let node = call.server.snapshot().get(&key).map(|record| parse(&record.bytes));
    // A pod may be on a node that is not, or no longer, there; the name is told all the same.
    let uid = node.as_ref().map(object::uid).unwrap_or_default().to_owned();
    Ok((!name.is_empty()).then(|| Reference { name: name.to_owned(), uid }))
}
