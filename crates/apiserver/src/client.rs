//! The server as a `tower::Service` of one cluster and one identity: what a `kube::Client` in process talks to.
//! It must not know resources.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use http::Request;

use crate::handler;
use crate::identity::Identity;
use crate::respond::Reply;
use crate::server::ApiServer;

/// One cluster of a server, as one identity.
#[derive(Clone)]
pub(crate) struct InProcess {
    server: ApiServer,
    cluster: Arc<str>,
    identity: Arc<Identity>,
}

impl InProcess {
    pub(crate) fn new(server: ApiServer, cluster: &str, identity: Identity) -> Self {
        Self { server, cluster: cluster.into(), identity: Arc::new(identity) }
    }
}

impl tower::Service<Request<kube::client::Body>> for InProcess {
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        let Self { server, cluster, identity } = self.clone();
        Box::pin(async move { Ok(handler::serve(&server, cluster, identity, request.map(Body::new)).await) })
    }
}
