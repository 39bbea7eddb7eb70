//! Where git hosts tell what happened to their repositories: `/api/webhook`, as Argo CD's server has it.
//! It must not know who follows a repository.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::stream::{self, BoxStream, StreamExt};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use mainstay_controller_runtime::{Clock, Context, api};
use mainstay_telemetry::chain;
use mainstay_webhook::{DEFAULT_MAX_PAYLOAD_BYTES, Error, Received, Secrets};
use serde_json::Value;
use tokio::sync::{Semaphore, broadcast};

use crate::bootstrap::ARGOCD;

/// Name of the Secret with what git hosts sign their events with.
const SECRET: &str = "argocd-secret";
/// Name of the ConfigMap that may limit payloads, and its key.
const CONFIG: (&str, &str) = ("argocd-cm", "webhook.maxPayloadSizeMB");
/// Label of other Secrets that `argocd-secret` may refer to, as upstream.
const PART_OF: (&str, &str) = ("app.kubernetes.io/part-of", "argocd");
/// Events that are read at a time: each may be as large as a payload.
const READ_AT_A_TIME: usize = 4;
/// How long a git host has to send an event once it is its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// Events that a slow listener may fall behind.
const REMEMBERED: usize = 1024;

/// Takes events in and passes them on.
#[derive(Clone)]
pub(crate) struct Webhooks {
    shared: Arc<Shared>,
}

struct Shared {
    control: Context,
    reading: Semaphore,
    told: broadcast::Sender<Option<Arc<Received>>>,
}

/// Why an event is not taken in.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// It is refused.
    #[error(transparent)]
    Refused(#[from] Error),
    /// The sender is too slow.
    #[error("the payload did not arrive within {} seconds", PATIENCE.as_secs())]
    Slow,
    /// The sender broke off.
    #[error("failed to read the payload")]
    Broken(#[source] axum::Error),
    /// The settings cannot be read: whether it is genuine is not known.
    #[error("failed to read the settings of webhooks")]
    Settings(#[from] api::Error),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Refused(error) => error.status(),
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
            Self::Settings(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, format!("{}\n", chain(&self))).into_response()
    }
}

impl Webhooks {
    /// Reads its settings from the control cluster, at each event: there are few, and a new secret holds at once.
    pub(crate) fn new(control: Context) -> Self {
        let (told, _) = broadcast::channel(REMEMBERED);
        Self { shared: Arc::new(Shared { control, reading: Semaphore::new(READ_AT_A_TIME), told }) }
    }

    pub(crate) fn router(&self) -> Router {
        Router::new().route("/api/webhook", axum::routing::any(receive)).with_state(self.clone())
    }

    /// Events from now on; `None` stands for some that were missed.
    pub(crate) fn told(&self) -> BoxStream<'static, Option<Arc<Received>>> {
        let receiver = self.shared.told.subscribe();
        let next = |mut receiver: broadcast::Receiver<_>| async move {
            match receiver.recv().await {
                Ok(told) => Some((told, receiver)),
                Err(broadcast::error::RecvError::Lagged(_)) => Some((None, receiver)),
                Err(broadcast::error::RecvError::Closed) => None,
            }
        };
        stream::unfold(receiver, next).boxed()
    }
}

async fn receive(State(webhooks): State<Webhooks>, request: Request) -> Result<Response, Failure> {
    mainstay_webhook::check_method(request.method())?;
    let (Parts { headers, .. }, body) = request.into_parts();
    let shared = &webhooks.shared;
    // It is never closed.
    let _turn = shared.reading.acquire().await;
    let limit = shared.limit().await?;
    let body = read(&headers, body, limit, &shared.control.clock).await?;
    let received = mainstay_webhook::receive_within(&headers, &body, &shared.secrets().await?, limit)?;
    let answer = match &received {
        Received::Push(push) => {
            tracing::info!(host = %push.provider, urls = ?push.urls, "webhook: push");
            "push received\n".to_owned()
        }
        Received::PullRequest(pull) => {
            tracing::info!(host = %pull.provider, urls = ?pull.urls, number = pull.number, "webhook: pull request");
            "pull request received\n".to_owned()
        }
        Received::Ping => "pong\n".to_owned(),
        Received::Ignored(why) => format!("ignored: {why}\n"),
    };
    // Nobody may be listening yet; they look at everything when they start.
    let _ = shared.told.send(Some(Arc::new(received)));
    Ok(answer.into_response())
}

async fn read(headers: &HeaderMap, body: Body, limit: usize, clock: &Clock) -> Result<bytes::Bytes, Failure> {
    let length = headers.get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let too_large = || Failure::Refused(Error::TooLarge { limit_bytes: limit });
    if length.is_some_and(|length: usize| length > limit) {
        return Err(too_large());
    }
    let all = axum::body::to_bytes(body, limit);
    tokio::select! {
        read = all => read.map_err(|error| if is_limit(&error) { too_large() } else { Failure::Broken(error) }),
        () = clock.sleep(PATIENCE) => Err(Failure::Slow),
    }
}

/// Whether a body could not be read for being too large.
fn is_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

impl Shared {
    async fn get(&self, kind: &str, plural: &str, name: &str) -> Result<Option<Value>, api::Error> {
        let resource = mainstay_controller_runtime::context::resource("", "v1", kind, plural);
        self.control.api(&resource, Some(ARGOCD)).get(name).await
    }

    async fn limit(&self) -> Result<usize, api::Error> {
        let config = self.get("ConfigMap", "configmaps", CONFIG.0).await?;
        let megabytes = config.as_ref().and_then(|config| config.get("data")?.get(CONFIG.1)?.as_str()?.parse().ok());
        Ok(megabytes.map_or(DEFAULT_MAX_PAYLOAD_BYTES, |megabytes: usize| megabytes.saturating_mul(1024 * 1024)))
    }

    async fn secrets(&self) -> Result<Secrets, api::Error> {
        let mut data = self.get("Secret", "secrets", SECRET).await?.as_ref().map(decoded).unwrap_or_default();
        let references: Vec<String> = data.values().filter_map(|value| elsewhere(value)).collect();
        for name in references {
            let Some(secret) = self.get("Secret", "secrets", &name).await? else { continue };
            let is_part = secret.pointer("/metadata/labels").and_then(|labels| labels.get(PART_OF.0)?.as_str());
            if is_part == Some(PART_OF.1) {
                data.extend(decoded(&secret).into_iter().map(|(key, value)| (format!("{name}:{key}"), value)));
            }
        }
        Ok(Secrets::from_data(&data))
    }
}

fn decoded(secret: &Value) -> BTreeMap<String, Vec<u8>> {
    let data = secret.get("data").and_then(Value::as_object).into_iter().flatten();
    data.filter_map(|(key, value)| Some((key.clone(), STANDARD.decode(value.as_str()?).ok()?))).collect()
}

/// The Secret that a value `$name:key` refers to.
fn elsewhere(value: &[u8]) -> Option<String> {
    let (name, _) = std::str::from_utf8(value).ok()?.trim().strip_prefix('$')?.split_once(':')?;
    (!name.is_empty()).then(|| name.to_owned())
}
