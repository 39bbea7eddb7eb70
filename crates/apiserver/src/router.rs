//! The server over HTTP: who asks, and of which cluster.
//! It must not know resources.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Uri};

use crate::identity::Identity;
use crate::respond::{Reply, refusal, text};
use crate::route::split_cluster;
use crate::server::{ApiServer, DEFAULT_CLUSTER};
use crate::{Error, handler};

impl ApiServer {
    /// The server as a router: `/clusters/<name>/…`, and the control-plane cluster without that prefix. Whoever has
    /// no known bearer token gets 401, but for health and version.
    pub fn router(&self) -> Router {
        Router::new().fallback(serve).with_state(self.clone())
    }

    /// The identity of a request's bearer token.
    ///
    /// # Errors
    /// 401 when there is no token, or nobody knows it.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Identity>, Error> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            header.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let now = self.clock().now();
        token.and_then(|(_, token)| self.tokens().identity(token.trim(), now)).ok_or_else(Error::unauthorized)
    }
}

async fn serve(State(server): State<ApiServer>, request: Request<Body>) -> Reply {
    let (cluster, path) = split_cluster(request.uri().path());
    if matches!(path, "/healthz" | "/livez" | "/readyz") {
        return text(200, "ok");
    }
    let identity = match server.authenticate(request.headers()) {
        Ok(identity) => identity,
        Err(error) => return refusal(&error),
    };
    let cluster: Arc<str> = cluster.unwrap_or(DEFAULT_CLUSTER).into();
    if !server.has_cluster(&cluster) {
        return refusal(&Error::no_such_path());
    }
    match with_path(request.uri(), path) {
        Ok(uri) => {
            let (mut parts, body) = request.into_parts();
            parts.uri = uri;
            handler::serve(&server, cluster, identity, Request::from_parts(parts, body)).await
        }
        Err(error) => refusal(&error),
    }
}

fn with_path(uri: &Uri, path: &str) -> Result<Uri, Error> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{path}{query}").parse().map_err(|error: http::uri::InvalidUri| Error::bad_request(error.to_string()))
}
