//! What clients may ask of the server at a time, for how long, and how large: one client, careless or hostile, must
//! not take the server from the others. It must not know resources.
//!
//! In-process clients are the server's own and pass by all of it but the sizes.

mod body;
mod connections;
mod deadline;
mod fair;
mod stall;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Request, Response, StatusCode};
use tokio::time::timeout;

use crate::identity::Identity;
use crate::respond::{Reply, refusal};
use crate::server::ApiServer;
use crate::{Error, handler};
pub(crate) use body::{MAX_BODY_BYTES, collect};
pub use connections::ConnectionLimits;
pub(crate) use connections::Connections;
use fair::Gate;
pub(crate) use stall::Unstalled;

/// Bounds on the requests of network clients.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Reads answered at a time; upstream's `--max-requests-inflight`.
    pub reads: usize,
    /// Writes answered at a time; upstream's `--max-mutating-requests-inflight`.
    pub writes: usize,
    /// Requests of one user that wait for their turn; upstream's `queueLengthLimit`.
    pub waiting: usize,
    /// How long a request waits for its turn: a quarter of the time for a request, as upstream.
    pub patience: Duration,
    /// How long a request that is no watch may take; upstream's `--request-timeout`.
    pub request_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let request_timeout = Duration::from_mins(1);
        Self { reads: 400, writes: 200, waiting: 50, patience: request_timeout / 4, request_timeout }
    }
}

/// Limits, and who is within them now.
pub(crate) struct Guard {
    limits: Limits,
    reads: Arc<Gate>,
    writes: Arc<Gate>,
}

impl Guard {
    pub(crate) fn new(limits: Limits) -> Self {
        let gate = |seats| Arc::new(Gate::new(seats, limits.waiting));
        Self { reads: gate(limits.reads), writes: gate(limits.writes), limits }
    }

    fn gate(&self, method: &Method) -> &Arc<Gate> {
        if method.is_safe() { &self.reads } else { &self.writes }
    }
}

/// Answers a request of a network client within the limits; see [`handler::serve`].
pub(crate) async fn serve(
    server: &ApiServer,
    cluster: Arc<str>,
    identity: Arc<Identity>,
    request: Request<Body>,
) -> Reply {
    if deadline::is_long_running(&request) {
        return handler::serve(server, cluster, identity, request).await;
    }
    let guard = server.guard();
    let limit = match deadline::of(request.uri(), guard.limits.request_timeout) {
        Ok(limit) => limit,
        Err(error) => return refusal(&error),
    };
    let answer = async {
        // As upstream's priority level `exempt`.
        let exempt = identity.is_master();
        let _seat = match exempt {
            true => None,
            false => match guard.gate(request.method()).enter(&identity.user, guard.limits.patience).await {
                Some(seat) => Some(seat),
                None => return too_many(),
            },
        };
        handler::serve(server, cluster, identity, request).await
    };
    timeout(limit, answer).await.unwrap_or_else(|_| refusal(&Error::timed_out()))
}

/// As `tooManyRequests` of `pkg/server/filters/maxinflight.go`, which answers plain text.
fn too_many() -> Reply {
    let mut reply = Response::new(Body::from("Too many requests, please try again later.\n"));
    *reply.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = reply.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}
