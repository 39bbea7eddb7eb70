//! Sends the requests of a case to a fresh server, one after the other, and gathers the answers.

use std::time::Duration;

use axum::body::Body;
use futures::StreamExt;
use http::Request;
use http::header::ETAG;
use http_body_util::BodyExt;
use mainstay_apiserver::{Anonymous, Duties, Identity};
use mainstay_controller_runtime::{CancellationToken, IdleProbe};
use serde_json::Value;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use super::case::Step;
use crate::server_with;

/// What a step was answered; of a watch, its events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// The entity tag, to ask with whether there is something new.
    etag: Option<String>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self { status, body, etag: None }
    }

    /// What stands at a JSON pointer without its first slash; `@etag` is the entity tag.
    fn at(&self, pointer: &str) -> Option<String> {
        if pointer == "@etag" {
            return self.etag.clone();
        }
        Some(match self.body.pointer(&format!("/{pointer}"))? {
            Value::String(found) => found.clone(),
            other => other.to_string(),
        })
    }
}

/// Bearer token of the administrator.
const TOKEN: &str = "administrator";
/// How long a watch stays open after the last step it waits for.
const AFTERGLOW: Duration = Duration::from_secs(1);

struct Watch {
    step: usize,
    until: usize,
    status: u16,
    events: JoinHandle<Vec<Value>>,
}

/// Replays the steps; the answers are in the same order.
pub(crate) async fn replay(steps: &[Step]) -> Vec<Answer> {
    let server = server_with(|options| options.anonymous = Anonymous::Everywhere).await;
    let credential = format!("X509SHA256={}", "0".repeat(64));
    server.tokens().insert(TOKEN, Identity::admin().with_credential(credential));
    let router = server.router();
    let (probe, shutdown) = (IdleProbe::new(), CancellationToken::new());
    // Upstream's API server does this much in the background; the rest is for other processes there.
    server.start_duties(Duties::Definitions, probe.clone(), shutdown.clone());
    let mut answers = vec![Answer::default(); steps.len()];
    let mut watches: Vec<Watch> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let request = request(step, &answers);
        let reply = router.clone().oneshot(request).await.unwrap();
        let status = reply.status().as_u16();
        match step.open() {
            Some(open) if status == 200 => {
                let events = tokio::spawn(events(reply.into_body(), open));
                watches.push(Watch { step: index, until: index + open, status, events });
            }
            _ => {
                let etag = reply.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
                answers[index] = Answer { etag, ..Answer::new(status, whole(reply.into_body()).await) };
            }
        }
        probe.idle().await;
        for watch in watches.extract_if(.., |watch| watch.until <= index) {
            answers[watch.step] = Answer::new(watch.status, Value::Array(watch.events.await.unwrap()));
        }
    }
    shutdown.cancel();
    answers
}

fn request(step: &Step, answers: &[Answer]) -> Request<Body> {
    let title = filled(step.title(), answers);
    let (method, path) = title.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(format!("/clusters/dev{path}"));
    let body = step.body().map(|body| filled(&body, answers));
    if body.is_some() && step.headers().all(|(name, _)| !name.eq_ignore_ascii_case("content-type")) {
        request = request.header("Content-Type", "application/json");
    }
    for (name, value) in step.headers() {
        request = request.header(name, filled(value, answers));
    }
    let token = step.token().map_or_else(|| TOKEN.to_owned(), |token| filled(token, answers));
    if token != "none" {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    request.body(Body::from(body.unwrap_or_default())).unwrap()
}

/// The text with `${N/pointer}` replaced by what step N answered.
fn filled(text: &str, answers: &[Answer]) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((reference, after)) = after.split_once('}') else { break };
        let (step, pointer) = reference.split_once('/').unwrap_or((reference, ""));
        let answer = &answers[step.parse::<usize>().unwrap()];
        result.push_str(before);
        // A step without the answer is reported as different itself; the rest of the case goes on.
        result.push_str(&answer.at(pointer).unwrap_or_else(|| "unanswered".to_owned()));
        rest = after;
    }
    result + rest
}

async fn whole(body: Body) -> Value {
    let bytes = body.collect().await.unwrap().to_bytes();
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The events of a watch until it ends, or nothing has come for a while after its steps.
async fn events(body: Body, open: usize) -> Vec<Value> {
    let mut stream = body.into_data_stream();
    let mut text = Vec::new();
    let patience = AFTERGLOW * u32::try_from(open + 1).unwrap();
    while let Ok(Some(Ok(bytes))) = tokio::time::timeout(patience, stream.next()).await {
        text.extend_from_slice(&bytes);
    }
    serde_json::Deserializer::from_slice(&text).into_iter::<Value>().map(Result::unwrap).collect()
}
