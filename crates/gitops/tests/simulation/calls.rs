//! The calls of GitOps: some fail, some are done and seem to fail, some are the last.

use std::sync::{Arc, Mutex, MutexGuard};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use mainstay_controller_runtime::CancellationToken;
use serde_json::{Value, json};

use crate::ledger::Ledger;
use crate::random::Random;

/// What is done to calls.
pub(crate) struct Weather {
    pub(crate) random: Random,
    /// So many of a hundred calls fail.
    pub(crate) storm: u64,
    /// Whether the destination is out of reach.
    pub(crate) partition: bool,
    /// After so many writes the process dies, before or after the last is done.
    pub(crate) crash: Option<(u64, bool)>,
}

/// All that calls share.
#[derive(Clone)]
pub(crate) struct Calls {
    pub(crate) weather: Arc<Mutex<Weather>>,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
}

/// What becomes of a call.
enum Fate {
    Pass,
    Fail(StatusCode),
    /// It is done, and its answer is lost.
    Lose,
    Die {
        done: bool,
    },
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Calls {
    /// A client of a process that ends when it is told to.
    pub(crate) fn client(&self, client: kube::Client, is_destination: bool, dead: &CancellationToken) -> kube::Client {
        let (calls, dead) = (self.clone(), dead.clone());
        let serve = tower::service_fn(move |request: Request<Body>| {
            let (calls, client, dead) = (calls.clone(), client.clone(), dead.clone());
            async move {
                if dead.is_cancelled() {
                    std::future::pending::<()>().await;
                }
                match calls.fate(&request, is_destination) {
                    Fate::Pass => calls.pass(client, request, is_destination).await,
                    Fate::Fail(status) => Ok(refused(status)),
                    Fate::Lose => {
                        calls.pass(client, request, is_destination).await?;
                        Ok(refused(StatusCode::GATEWAY_TIMEOUT))
                    }
                    Fate::Die { done } => {
                        if done {
                            calls.pass(client, request, is_destination).await?;
                        }
                        dead.cancel();
                        std::future::pending().await
                    }
                }
            }
        });
        kube::Client::new(serve, "default")
    }

    fn fate(&self, request: &Request<Body>, is_destination: bool) -> Fate {
        let mut weather = lock(&self.weather);
        if is_write(request) {
            match &mut weather.crash {
                Some((0, done)) => {
                    let done = *done;
                    weather.crash = None;
                    return Fate::Die { done };
                }
                Some((left, _)) => *left -= 1,
                None => {}
            }
        }
        if weather.partition && is_destination {
            return Fate::Fail(StatusCode::SERVICE_UNAVAILABLE);
        }
        let storm = weather.storm;
        if !weather.random.percent(storm) {
            return Fate::Pass;
        }
        let (writes, watches) =
            (is_write(request), request.uri().query().is_some_and(|query| query.contains("watch=")));
        match weather.random.below(5) {
            0 if writes => Fate::Lose,
            1 if writes => Fate::Fail(StatusCode::CONFLICT),
            1 if watches => Fate::Fail(StatusCode::GONE),
            2 => Fate::Fail(StatusCode::TOO_MANY_REQUESTS),
            3 => Fate::Fail(StatusCode::INTERNAL_SERVER_ERROR),
            _ => Fate::Fail(StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    /// Does a call, and notes what it did.
    async fn pass(
        &self,
        client: kube::Client,
        request: Request<Body>,
        is_destination: bool,
    ) -> Result<Response<Body>, kube::Error> {
        let (method, path, writes) = (request.method().clone(), request.uri().path().to_owned(), is_write(&request));
        let answer = client.send(request).await?;
        if !writes || !answer.status().is_success() {
            return Ok(answer);
        }
        // Events are news of what happened, and may come late.
        lock(&self.ledger).writes += u64::from(!path.contains("/events"));
        if !is_destination || !path.contains("/configmaps") {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await?.to_bytes();
        let mut ledger = lock(&self.ledger);
        if method == Method::DELETE {
            ledger.deleted(path.rsplit('/').next().unwrap_or_default());
        } else if parts.status == StatusCode::CREATED {
            ledger.created(&serde_json::from_slice::<Value>(&bytes).unwrap());
        }
        Ok(Response::from_parts(parts, Body::from(bytes.to_vec())))
    }
}

fn is_write(request: &Request<Body>) -> bool {
    let dry = request.uri().query().is_some_and(|query| query.contains("dryRun="));
    request.method() != Method::GET && !dry
}

fn refused(status: StatusCode) -> Response<Body> {
    let reason = match status {
        StatusCode::CONFLICT => "Conflict",
        StatusCode::GONE => "Expired",
        StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
        StatusCode::GATEWAY_TIMEOUT => "Timeout",
        StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
        _ => "InternalError",
    };
    let body = json!({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "message": "simulated",
        "reason": reason, "code": status.as_u16()});
    let answer = Response::builder().status(status).header("content-type", "application/json");
    answer.body(Body::from(body.to_string().into_bytes())).unwrap()
}
