//! One port, two protocols: TLS goes to the API server, plain HTTP to the portal and the git host. The first byte of
//! a connection tells which it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// First byte of a TLS record that carries a handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// A client must send its first byte, its handshake and its request headers within this time each.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at a time; a `kubectl get --watch` holds one, a browser six.
const CONNECTIONS: usize = 1024;

/// The two services of the port.
pub(crate) struct Services {
    /// Behind TLS.
    pub(crate) secure: Router,
    /// Without TLS.
    pub(crate) plain: Router,
    /// Does the handshakes.
    pub(crate) tls: TlsAcceptor,
}

/// Serves until shut down. Connections in flight end with their runtime.
pub(crate) async fn serve(listener: TcpListener, services: Services, shutdown: CancellationToken) {
    let services = Arc::new(services);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: give connections time to end.
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let services = Arc::clone(&services);
        let ended = shutdown.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = connection(stream, peer, &services) => {}
            }
            drop(slot);
        });
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, services: &Services) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "failed to set TCP_NODELAY");
    }
    let mut first = [0_u8; 1];
    match tokio::time::timeout(PATIENCE, stream.peek(&mut first)).await {
        Ok(Ok(1)) if first[0] == TLS_HANDSHAKE => {
            match tokio::time::timeout(PATIENCE, services.tls.accept(stream)).await {
                Ok(Ok(stream)) => http(stream, services.secure.clone(), peer).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
            }
        }
        Ok(Ok(1)) => http(stream, services.plain.clone(), peer).await,
        _ => tracing::debug!(%peer, "connection without a request"),
    }
}

async fn http(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router, peer: SocketAddr) {
    let service = TowerToHyperService::new(router.map_request(|request: Request<Incoming>| request.map(Body::new)));
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    server.http2().timer(TokioTimer::new()).keep_alive_interval(Some(Duration::from_secs(30)));
    if let Err(error) = server.serve_connection_with_upgrades(TokioIo::new(stream), service).await {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}
