//! What is served without TLS, on loopback: the portal and the git host. A request must name a host that is ours,
//! so that a web page cannot reach it under a name of its own (DNS rebinding).

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

/// The portal at the root, the git host below `/git`.
pub(crate) fn router(portal: Router, git: Router, hosts: Vec<String>) -> Router {
    let router = Router::new().nest("/git", git).merge(portal).route("/clusters/{*path}", axum::routing::any(use_tls));
    router.layer(axum::middleware::from_fn_with_state(hosts, known_host))
}

async fn use_tls() -> (StatusCode, &'static str) {
    (StatusCode::UPGRADE_REQUIRED, "the API server speaks HTTPS only: use the generated kubeconfig\n")
}

async fn known_host(State(hosts): State<Vec<String>>, request: Request, next: Next) -> Response {
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let named = named.or_else(|| request.uri().authority().map(http::uri::Authority::as_str)).unwrap_or_default();
    let name = named.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(named, |(name, _)| name);
    if hosts.iter().any(|host| host == name) {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, format!("this server is not {name}; use {}\n", hosts.join(" or ")))
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use tower::ServiceExt;

    async fn status(path: &str, host: &str) -> StatusCode {
        let portal = Router::new().route("/", axum::routing::get(|| async { "portal" }));
        let router = router(portal, Router::new(), vec!["127.0.0.1".to_owned(), "localhost".to_owned()]);
        let request = Request::builder().uri(path).header(header::HOST, host).body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_foreign_host_name_is_refused() {
        assert_eq!(status("/", "127.0.0.1:7443").await, StatusCode::OK);
        assert_eq!(status("/", "localhost").await, StatusCode::OK);
        assert_eq!(status("/", "evil.example:7443").await, StatusCode::MISDIRECTED_REQUEST);
    }

    #[tokio::test]
    async fn the_api_asks_for_tls() {
        assert_eq!(status("/clusters/dev/api", "127.0.0.1").await, StatusCode::UPGRADE_REQUIRED);
    }
}
