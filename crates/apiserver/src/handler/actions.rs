//! `POST`s that store nothing of their own. Each is handed on to who knows what it is about.
//! It must not know how objects are stored.

use bytes::Bytes;

use crate::call::Call;
use crate::handler::{binding, credentials, eviction, pods, reviews};
use crate::respond::Reply;
use crate::{Error, body};

/// Answers one of them.
pub(crate) async fn create(call: &Call, bytes: &Bytes) -> Result<Reply, Error> {
    match (&*call.resource.group, call.subresource_str()) {
        ("authorization.k8s.io", _) => return reviews::create(call, bytes),
        ("authentication.k8s.io", _) | (_, "token") => return credentials::create(call, bytes),
        _ => {}
    }
    if let Some(reply) = pods::connect(call) {
        return reply;
    }
    let sent = body::read(&call.content_type, bytes)?.value;
    match (&*call.resource.plural, call.subresource_str()) {
        ("pods", "binding") => binding::bind(call, &sent).await,
        ("bindings", "") => binding::create(call, &sent).await,
        ("pods", "eviction") => eviction::evict(call, &sent).await,
        _ => Err(Error::method_not_allowed()),
    }
}
