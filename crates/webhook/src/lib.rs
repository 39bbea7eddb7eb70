//! The webhooks that git hosts send to Argo CD's `/api/webhook`: who sent one, whether it is genuine, and what it says has
//! changed.
//!
//! It must not know Applications, clusters or HTTP servers: headers and a body go in, a [`Received`] comes out. It asks
//! nobody, so it knows no more than the payload says; what is not told counts as changed.
//!
//! As in Argo CD, a git host whose secret is not in `argocd-secret` needs no signature: an event that anybody can send
//! then does no more than make an Application be looked at early. The sender chooses which git host to speak for, so to
//! keep strangers out altogether takes a secret for each of them. [`Secrets::is_set`] tells.
//!
//! Start at [`receive`], then `provider.rs`; one file per git host below it.

mod error;
mod files;
mod identity;
mod json;
mod path_filter;
mod provider;
mod pull_request;
mod push;
mod repository_key;
mod revision;
mod secrets;
mod signature;

pub use error::Error;
pub use identity::{RepositoryIdentity, identity};
pub use path_filter::{MANIFEST_GENERATE_PATHS, PathFilter};
pub use provider::Provider;
pub use pull_request::PullRequest;
pub use push::{Push, RefUpdate};
pub use repository_key::RepositoryKey;
pub use revision::parse_revision;
pub use secrets::Secrets;

use http::{HeaderMap, Method, header};

/// Largest payload that is read unless told otherwise: 50 MB, as Argo CD's `webhook.maxPayloadSizeMB`.
pub const DEFAULT_MAX_PAYLOAD_BYTES: usize = 50 * 1024 * 1024;

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// References of a repository moved.
    Push(Push),
    /// Something happened to a pull request, or merge request.
    PullRequest(PullRequest),
    /// The git host tries whether somebody answers.
    Ping,
    /// Nothing that is of interest here, and why.
    Ignored(String),
}

/// Whether a request may be an event at all; to be asked before its body is read.
///
/// # Errors
/// [`Error::Method`] for anything but POST.
pub fn check_method(method: &Method) -> Result<(), Error> {
    if method == Method::POST { Ok(()) } else { Err(Error::Method(method.to_string())) }
}

/// Reads an event of at most [`DEFAULT_MAX_PAYLOAD_BYTES`].
///
/// # Errors
/// When nobody known sent it, it is not signed as it should be, or is malformed.
pub fn receive(headers: &HeaderMap, body: &[u8], secrets: &Secrets) -> Result<Received, Error> {
    receive_within(headers, body, secrets, DEFAULT_MAX_PAYLOAD_BYTES)
}

/// Reads an event of at most `max_payload_bytes`.
///
/// The signature is checked before the payload is parsed, also of events that are ignored. The one exception is the
/// `diagnostics:ping` of Bitbucket Server, which is not signed and says nothing.
///
/// # Errors
/// As [`receive`].
pub fn receive_within(
    headers: &HeaderMap,
    body: &[u8],
    secrets: &Secrets,
    max_payload_bytes: usize,
) -> Result<Received, Error> {
    if body.len() > max_payload_bytes {
        return Err(Error::TooLarge { limit_bytes: max_payload_bytes });
    }
    let provider = Provider::of(headers).ok_or(Error::UnknownProvider)?;
    if provider.is_unsigned_ping(headers) {
        return Ok(Received::Ping);
    }
    signature::check(provider, headers, body, secrets)?;
    if is_form(headers) {
        return Err(Error::FormEncoded { provider });
    }
    provider.read(headers, body)
}

/// Whether the payload is a field of a form, as GitHub and Gogs send it unless set to JSON.
fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
