//! Events as git hosts send them, and as nobody should.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod hostile;
mod laws;
mod payloads;
mod signatures;

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use mainstay_webhook::{Error, Received, Secrets, receive};

/// Headers of these names and values.
fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair =
        |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    pairs.iter().map(pair).collect()
}

/// What is received where no secret is set.
fn received(pairs: &[(&'static str, &str)], body: &str) -> Result<Received, Error> {
    receive(&headers(pairs), body.as_bytes(), &Secrets::default())
}

/// Secrets out of `argocd-secret`.
fn secrets(pairs: &[(&str, &str)]) -> Secrets {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), value.as_bytes().to_vec());
    Secrets::from_data(&pairs.iter().map(pair).collect::<BTreeMap<_, _>>())
}
