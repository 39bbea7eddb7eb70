//! Answers as HTTP.
//! It must not know storage.

use axum::body::Body;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WARNING};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::Error;

/// An answer.
pub type Reply = Response<Body>;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer with a body of a type.
pub(crate) fn reply(code: u16, content_type: HeaderValue, body: impl Into<Body>) -> Reply {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    reply
}

/// JSON that is there as bytes.
pub(crate) fn json_bytes(code: u16, bytes: Bytes) -> Reply {
    reply(code, JSON, bytes)
}

/// JSON from a value.
pub(crate) fn json_value(code: u16, value: &Value) -> Reply {
    json_bytes(code, encode(value))
}

/// Plain text.
pub(crate) fn text(code: u16, body: impl Into<Body>) -> Reply {
    reply(code, HeaderValue::from_static("text/plain; charset=utf-8"), body)
}

/// No body at all.
pub(crate) fn empty(code: u16) -> Reply {
    text(code, Body::empty())
}

/// That something was done of which there is nothing to show.
pub(crate) fn success(code: u16) -> Reply {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code});
    json_value(code, &status)
}

/// A refusal.
pub(crate) fn refusal(error: &Error) -> Reply {
    if error.is_page_not_found() {
        return text(404, format!("{error}\n"));
    }
    json_value(error.code, &error.status())
}

/// Adds `Warning` headers, as `net.NewWarningHeader(299, "-", text)`.
pub(crate) fn warn(reply: &mut Reply, warnings: &[String]) {
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
        if let Ok(value) = HeaderValue::try_from(format!("299 - \"{quoted}\"")) {
            reply.headers_mut().append(WARNING, value);
        }
    }
}

/// Adds a `Warning` header before those that are there.
pub(crate) fn warn_first(reply: &mut Reply, warning: &str) {
    let others: Vec<HeaderValue> = reply.headers().get_all(WARNING).iter().cloned().collect();
    reply.headers_mut().remove(WARNING);
    warn(reply, &[warning.to_owned()]);
    for other in others {
        reply.headers_mut().append(WARNING, other);
    }
}

/// A value as JSON bytes.
pub(crate) fn encode(value: &Value) -> Bytes {
    Bytes::from(serialise(value))
}

/// A value's bytes with no spare room, for what is kept: the store holds as many bytes as there are.
pub(crate) fn encode_to_keep(value: &Value) -> Bytes {
    Bytes::from(serialise(value).into_boxed_slice())
}

/// Faster than the value's `Display`, which goes through a formatter.
fn serialise(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("a JSON value has only string keys")
}
