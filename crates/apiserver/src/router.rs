//! The server over HTTP: which cluster is meant, and who asks.
//! It must not know resources.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Uri};

use crate::audit::Draft;
use crate::respond::{Reply, refusal};
use crate::route::split_cluster;
use crate::server::{ApiServer, DEFAULT_CLUSTER};
use crate::{Error, handler, limits};

impl ApiServer {
    /// The server as a router: `/clusters/<name>/…`, and the control-plane cluster without that prefix. Whoever has
    /// no known credential gets 401, but for health and version.
    pub fn router(&self) -> Router {
        Router::new().fallback(serve).with_state(self.clone())
    }
}

async fn serve(State(server): State<ApiServer>, request: Request<Body>) -> Reply {
    answer(server, request).await.unwrap_or_else(|error| refusal(&error))
}

async fn answer(server: ApiServer, request: Request<Body>) -> Result<Reply, Error> {
    let (mut parts, body) = request.into_parts();
    let (cluster, path) = split_cluster(parts.uri.path());
    // Health is for everyone to ask.
    if let Some(reply) = handler::health::answer(server.store(), path, &parts.uri) {
        return Ok(reply);
    }
    let cluster: Arc<str> = cluster.unwrap_or(DEFAULT_CLUSTER).into();
    let identity = match server.authenticate(&cluster, path, &parts) {
        Ok(identity) => identity,
        Err(error) => {
            let draft = Draft::begin(&server, &Arc::default(), &parts);
            let reply = refusal(&error);
            return Ok(match draft {
                Some(draft) => draft.refused(reply).await,
                None => reply,
            });
        }
    };
    if !server.has_cluster(&cluster) {
        return Err(Error::no_such_path());
    }
    parts.uri = with_path(&parts.uri, path)?;
    Ok(limits::serve(&server, cluster, identity, Request::from_parts(parts, body)).await)
}

fn with_path(uri: &Uri, path: &str) -> Result<Uri, Error> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{path}{query}").parse().map_err(|error: http::uri::InvalidUri| Error::bad_request(error.to_string()))
}
