//! One port, two protocols: TLS goes to the API server, plain HTTP elsewhere or nowhere. The first byte of a
//! connection tells which it is; slow clients are cut off. It must not know requests.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use mainstay_controller_runtime::CancellationToken;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::audit::Peer;
use crate::authn::certificate::Client;
use crate::tls::Handshakes;

/// First byte of a TLS record that carries a handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// A client must send its first byte, its handshake and its request headers within this time each.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time that requests have for their end at a shutdown. Watches never end by themselves, so it is short.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);
/// HTTP/2 connections are asked this often whether they are alive.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Connections at a time; a `kubectl get --watch` holds one, a browser six.
const CONNECTIONS: u32 = 1024;

/// The services of the port.
pub struct Services {
    /// Behind TLS.
    pub secure: Router,
    /// Without TLS; `None` tells clients to use it.
    pub plain: Option<Router>,
    /// Does the handshakes.
    pub tls: Handshakes,
}

/// Serves until shut down; returns once every connection has ended, or its time for that is over.
pub async fn serve(listener: TcpListener, services: Services, shutdown: CancellationToken) {
    let services = Arc::new(services);
    let slots = Arc::new(Semaphore::new(CONNECTIONS as usize));
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: give connections time to end.
                tracing::warn!(%error, "failed to accept a connection");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (services, shutdown) = (Arc::clone(&services), shutdown.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = grace(&shutdown) => {}
                () = connection(stream, peer, (&services, &shutdown)) => {}
            }
            drop(slot);
        });
    }
    drop(listener);
    // Every connection gives its slot back within the grace.
    let _ = slots.acquire_many(CONNECTIONS).await;
}

async fn grace(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    sleep(SHUTDOWN_GRACE).await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, (services, shutdown): (&Services, &CancellationToken)) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "failed to set TCP_NODELAY");
    }
    let mut first = [0_u8; 1];
    match timeout(PATIENCE, stream.peek(&mut first)).await {
        Ok(Ok(1)) if first[0] == TLS_HANDSHAKE => match timeout(PATIENCE, services.tls.acceptor().accept(stream)).await
        {
            Ok(Ok(stream)) => {
                let client = services.tls.client(stream.get_ref().1);
                http(stream, (services.secure.clone(), client), (peer, shutdown)).await;
            }
            Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
        },
        Ok(Ok(1)) => http(stream, (services.plain.clone().unwrap_or_else(refusal), None), (peer, shutdown)).await,
        _ => tracing::debug!(%peer, "connection without a request"),
    }
}

/// Go's answer to plain HTTP at an HTTPS port (`net/http/server.go`, `badRequestError` of `conn.serve`).
fn refusal() -> Router {
    let answer =
        (StatusCode::BAD_REQUEST, [(header::CONNECTION, "close")], "Client sent an HTTP request to an HTTPS server.\n");
    Router::new().fallback(|| async { answer })
}

async fn http<S>(
    stream: S,
    (router, client): (Router, Option<Client>),
    (peer, shutdown): (SocketAddr, &CancellationToken),
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router.map_request(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer.ip()));
        client.iter().for_each(|client| drop(request.extensions_mut().insert(client.clone())));
        request
    }));
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    server.http2().timer(TokioTimer::new()).keep_alive_interval(Some(KEEP_ALIVE));
    let mut connection = pin!(server.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}
