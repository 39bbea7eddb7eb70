//! What is served without TLS: the portal and the git host. A request must name a host that is ours,
//! so that a web page cannot reach it under a name of its own (DNS rebinding).

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use crate::hosts::Hosts;

/// The portal at the root, the git host below `/git`; webhooks under whatever name a git host reaches this server by: they
/// give nothing away, and a web page cannot send one without being let to.
pub(crate) fn router(portal: Router, git: Router, webhooks: Router, hosts: Hosts) -> Router {
    let router = Router::new().nest("/git", git).merge(portal).route("/clusters/{*path}", axum::routing::any(use_tls));
    router.layer(axum::middleware::from_fn_with_state(hosts, known_host)).merge(webhooks)
}

async fn use_tls() -> (StatusCode, &'static str) {
    (StatusCode::UPGRADE_REQUIRED, "the API server speaks HTTPS only: use the generated kubeconfig\n")
}

async fn known_host(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let named = named.or_else(|| request.uri().authority().map(http::uri::Authority::as_str)).unwrap_or_default();
    let name = named.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(named, |(name, _)| name);
    if hosts.contains(name) {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, format!("this server is not {name}; use {hosts}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use tower::ServiceExt;

    async fn status(path: &str, host: &str, listening: &str) -> StatusCode {
        let portal = Router::new().route("/", axum::routing::get(|| async { "portal" }));
        let hosts = Hosts::new(listening.parse().unwrap(), Some("build-7".to_owned()));
        let router = router(portal, Router::new(), Router::new(), hosts);
        let request = Request::builder().uri(path).header(header::HOST, host).body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn on_loopback_only_its_names_are_ours() {
        for host in ["127.0.0.1:7443", "localhost", "LOCALHOST:7443", "[::1]:7443", "[::1]"] {
            assert_eq!(status("/", host, "127.0.0.1:7443").await, StatusCode::OK, "{host}");
        }
        for host in ["evil.example:7443", "10.1.2.3:7443", "build-7:7443", "0.0.0.0:7443", ""] {
            assert_eq!(status("/", host, "127.0.0.1:7443").await, StatusCode::MISDIRECTED_REQUEST, "{host}");
        }
    }

    #[tokio::test]
    async fn beyond_loopback_addresses_and_the_machine_name_are_ours_too() {
        let ours =
            ["localhost:7443", "10.1.2.3:7443", "10.1.2.3", "[fd00::7]:7443", "[fd00::7]", "build-7:7443", "Build-7"];
        for listening in ["0.0.0.0:7443", "[::]:7443", "10.1.2.3:7443"] {
            for host in ours {
                assert_eq!(status("/", host, listening).await, StatusCode::OK, "{host} at {listening}");
            }
            for host in
                ["evil.example:7443", "10.1.2.3.evil.example", "build-7.evil.example", "[evil]", "1.2.3.4.5", ""]
            {
                let refused = status("/", host, listening).await;
                assert_eq!(refused, StatusCode::MISDIRECTED_REQUEST, "{host} at {listening}");
            }
        }
    }

    #[tokio::test]
    async fn the_api_asks_for_tls() {
        assert_eq!(status("/clusters/dev/api", "127.0.0.1", "127.0.0.1:7443").await, StatusCode::UPGRADE_REQUIRED);
    }
}
