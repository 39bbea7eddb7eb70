//! HTTP with limits: on time, on redirects, and on what is read.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mainstay_telemetry::chain;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response, StatusCode};

use crate::Credentials;
use crate::error::Error;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often an answer may be that it is elsewhere.
const REDIRECTS: usize = 5;

/// What asks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client(Result<reqwest::Client, String>);

/// An answer that is as it should be.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) fn new() -> Self {
        // It fails where one is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // What is secret in headers is not carried to another host.
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::limited(REDIRECTS));
        Self(builder.timeout(PATIENCE).build().map_err(|error| chain(&error)))
    }

    /// Asks for something of at most so many bytes. 401 is an answer as any other; see [`Answer::check`].
    pub(crate) async fn get(
        &self,
        url: &str,
        limit: usize,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, Error> {
        let failed = |why: String| Error::Unreachable { url: url.to_owned(), why };
        let client = self.0.as_ref().map_err(|why| failed(why.clone()))?;
        let parsed =
            reqwest::Url::parse(url).map_err(|error| Error::Url { url: url.to_owned(), why: error.to_string() })?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(Error::Url { url: url.to_owned(), why: "it is neither http nor https".to_owned() });
        }
        let answer = with(client.get(parsed)).send().await;
        let mut answer = answer.map_err(|error| failed(chain(&error.without_url())))?;
        let body = body(&mut answer, url, limit).await?;
        Ok(Answer { status: answer.status(), headers: answer.headers().clone(), body })
    }
}

async fn body(answer: &mut Response, url: &str, limit: usize) -> Result<Bytes, Error> {
    let mut read = BytesMut::new();
    loop {
        let chunk = answer.chunk().await;
        let chunk =
            chunk.map_err(|error| Error::Unreachable { url: url.to_owned(), why: chain(&error.without_url()) })?;
        let Some(chunk) = chunk else { return Ok(read.freeze()) };
        if read.len() + chunk.len() > limit {
            return Err(Error::Malformed { url: url.to_owned(), why: format!("it has more than {limit} bytes") });
        }
        read.extend_from_slice(&chunk);
    }
}

impl Answer {
    /// The answer if it is one; `what` is what was asked for.
    pub(crate) fn check(self, url: &str, what: &str, repository: &str) -> Result<Self, Error> {
        match self.status {
            status if status.is_success() => Ok(self),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Error::Denied { url: url.to_owned(), status: self.status.as_u16() })
            }
            StatusCode::NOT_FOUND => Err(Error::Missing { what: what.to_owned(), repository: repository.to_owned() }),
            status => Err(Error::Unreachable { url: url.to_owned(), why: format!("it answers {status}") }),
        }
    }
}

/// A request in somebody's name.
pub(crate) fn as_user(request: RequestBuilder, credentials: Option<&Credentials>) -> RequestBuilder {
    match credentials {
        None => request,
        Some(credentials) => request.basic_auth(&credentials.username, Some(&credentials.password)),
    }
}
