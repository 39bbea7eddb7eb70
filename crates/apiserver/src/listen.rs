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
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::audit::Peer;
use crate::authn::certificate::Client;
use crate::limits::{ConnectionLimits, Connections, Unstalled};
use crate::tls::Handshakes;

/// First byte of a TLS record that carries a handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// A client must send its first byte and its handshake within this time each.
const PATIENCE: Duration = Duration::from_secs(10);
/// A client must send the head of its next request within this time, and may be idle for as long before: the
/// `IdleTimeout` of upstream's server.
const IDLE: Duration = Duration::from_secs(90);
/// Time that requests have for their end at a shutdown. Watches never end by themselves, so it is short.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);
/// HTTP/2 connections are asked this often whether they are alive.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Bytes of a request's head, URL and header fields; more is answered with 431. kubectl sends some hundred, a client
/// with a token of an OpenID provider some thousand.
const MAX_HEAD_BYTES: u32 = 64 << 10;

/// The services of the port.
pub struct Services {
    /// Behind TLS.
    pub secure: Router,
    /// Without TLS; `None` tells clients to use it.
    pub plain: Option<Router>,
    /// Does the handshakes.
    pub tls: Handshakes,
    /// How many connections there may be.
    pub connections: ConnectionLimits,
}

/// Serves until shut down; returns once every connection has ended, or its time for that is over.
pub async fn serve(listener: TcpListener, services: Services, shutdown: CancellationToken) {
    let services = Arc::new(services);
    let connections = Connections::new(services.connections);
    loop {
        let next = async {
            let room = connections.room().await;
            (room, listener.accept().await)
        };
        let (room, accepted) = tokio::select! {
            () = shutdown.cancelled() => break,
            next = next => next,
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
        let Some(slot) = connections.admit(room, peer.ip()) else {
            tracing::debug!(%peer, "too many connections from one address");
            continue;
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
    connections.closed().await;
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
    // Slow clients: each step up to the request's head has its time, bodies have theirs, and so has reading.
    match timeout(PATIENCE, stream.peek(&mut first)).await {
        Ok(Ok(1)) if first[0] == TLS_HANDSHAKE => {
            match timeout(PATIENCE, services.tls.acceptor().accept(Unstalled::new(stream))).await {
                Ok(Ok(stream)) => {
                    let client = services.tls.client(stream.get_ref().1);
                    http(stream, (services.secure.clone(), client), (peer, shutdown)).await;
                }
                Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
            }
        }
        Ok(Ok(1)) => {
            let router = services.plain.clone().unwrap_or_else(refusal);
            http(Unstalled::new(stream), (router, None), (peer, shutdown)).await;
        }
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
    let mut http1 = server.http1();
    http1.timer(TokioTimer::new()).header_read_timeout(IDLE).max_buf_size(MAX_HEAD_BYTES as usize);
    let mut http2 = server.http2();
    http2.timer(TokioTimer::new()).keep_alive_interval(Some(KEEP_ALIVE)).max_header_list_size(MAX_HEAD_BYTES);
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
