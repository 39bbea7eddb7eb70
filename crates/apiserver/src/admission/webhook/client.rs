//! The HTTP client of one webhook, with the connections it keeps open.
//! It must not know reviews. Errors are worded as Go's `net/http` does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use serde_json::Value;

use super::super::review::{Review, text};
use super::connection;
use super::service::Service;
use crate::limits::MAX_BODY_BYTES;

/// Connections kept for the next call; more are closed after use.
const MOST_IDLE: usize = 16;

type Connection = SendRequest<Full<Bytes>>;

/// The clients of all webhooks, by where they are; they outlive changes of other webhooks.
#[derive(Default)]
pub(in crate::admission) struct Clients {
    known: Mutex<HashMap<String, Arc<Client>>>,
}

/// Who is called.
pub(super) struct Client {
    target: Target,
    /// Path of the URL, from its slash.
    path: String,
    tls: Result<Arc<rustls::ClientConfig>, String>,
    idle: Mutex<Vec<Connection>>,
}

enum Target {
    Url {
        authority: String,
        host: String,
        address: String,
    },
    Service(Service),
    /// What no webhook can be written with.
    Nowhere(String),
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl Clients {
    /// The client for a `clientConfig`.
    pub(super) fn of(&self, config: &Value) -> Arc<Client> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(config.to_string()).or_insert_with(|| Arc::new(Client::new(config))).clone()
    }
}

impl Client {
    fn new(config: &Value) -> Self {
        let bundle = base64::engine::general_purpose::STANDARD.decode(text(config, "/caBundle")).unwrap_or_default();
        let (target, path) = match config.get("service") {
            Some(service) => {
                let port = service.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
                let (namespace, name) = (text(service, "/namespace").to_owned(), text(service, "/name").to_owned());
                let path = format!("/{}", text(service, "/path").trim_start_matches('/'));
                (Target::Service(Service { namespace, name, port: port.unwrap_or(443) }), path)
            }
            None => of_url(text(config, "/url")),
        };
        Self { target, path, tls: connection::trusting(&bundle), idle: Mutex::default() }
    }

    fn authority(&self) -> String {
        match &self.target {
            Target::Url { authority, .. } => authority.clone(),
            Target::Service(service) => format!("{}:{}", self.host(), service.port),
            Target::Nowhere(url) => url.clone(),
        }
    }

    /// The name its certificate must be for.
    fn host(&self) -> String {
        match &self.target {
            Target::Url { host, .. } => host.clone(),
            Target::Service(service) => format!("{}.{}.svc", service.name, service.namespace),
            Target::Nowhere(url) => url.clone(),
        }
    }

    /// The URL as it is called and shown.
    pub(super) fn url(&self, timeout: Duration) -> String {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        format!("https://{}{}{separator}timeout={}s", self.authority(), self.path, timeout.as_secs())
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// What Go's HTTP client would say.
    pub(super) async fn post(&self, review: &Review<'_>, (url, body): (&str, &Value)) -> Result<Reply, String> {
        let body = crate::respond::encode(body);
        let failed = |why: String| format!("Post \"{url}\": {why}");
        while let Some(mut kept) = self.kept() {
            // One that was closed meanwhile is not used.
            if kept.ready().await.is_err() {
                continue;
            }
            match self.send(kept, url, body.clone()).await {
                // The other side may have closed it just now: a review is the same the second time.
                Err(error) if error.is_retryable => {}
                Err(error) => return Err(failed(error.why)),
                Ok(reply) => return Ok(reply),
            }
        }
        let fresh = self.connect(review).await.map_err(failed)?;
        self.send(fresh, url, body).await.map_err(|error| failed(error.why))
    }

    fn kept(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    async fn connect(&self, review: &Review<'_>) -> Result<Connection, String> {
        let address = match &self.target {
            Target::Url { address, .. } => address.clone(),
            Target::Service(service) => service.address(review)?,
            Target::Nowhere(url) => return Err(format!("unsupported URL {url:?}")),
        };
        connection::connect(&address, &self.host(), self.tls.clone()?).await
    }

    async fn send(&self, mut connection: Connection, url: &str, body: Bytes) -> Result<Reply, SendError> {
        let request = Request::post(url.strip_prefix(&format!("https://{}", self.authority())).unwrap_or(url))
            .header(header::HOST, self.authority())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, */*")
            .header(header::USER_AGENT, "kube-apiserver-admission")
            .body(Full::new(body));
        let request = request.map_err(|error| SendError { why: error.to_string(), is_retryable: false })?;
        let reply = connection.send_request(request).await;
        let reply = reply.map_err(|error| SendError { why: word(&error), is_retryable: !error.is_timeout() })?;
        let status = reply.status().as_u16();
        let body = Limited::new(reply.into_body(), MAX_BODY_BYTES).collect().await;
        let body = body.map_err(|error| SendError { why: error.to_string(), is_retryable: false })?.to_bytes();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push(connection);
        }
        Ok(Reply { status, body })
    }
}

/// Why nothing was sent or came back.
struct SendError {
    why: String,
    is_retryable: bool,
}

fn word(error: &hyper::Error) -> String {
    if error.is_closed() || error.is_incomplete_message() { "EOF".to_owned() } else { error.to_string() }
}

fn of_url(url: &str) -> (Target, String) {
    let parsed: Option<Uri> = url.parse().ok().filter(|uri: &Uri| uri.scheme_str() == Some("https"));
    let Some((uri, authority)) = parsed.and_then(|uri| Some((uri.clone(), uri.authority()?.clone()))) else {
        return (Target::Nowhere(url.to_owned()), String::new());
    };
    let port = authority.port_u16().unwrap_or(443);
    let target = Target::Url {
        authority: authority.to_string(),
        host: authority.host().trim_matches(['[', ']']).to_owned(),
        address: format!("{}:{port}", authority.host()),
    };
    (target, uri.path_and_query().map_or("/", |path| path.as_str()).to_owned())
}
