//! What the server refuses to do for one client at the cost of others, over its router and on a paused clock.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::{FutureExt, stream};
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http_body_util::BodyExt;
use mainstay_apiserver::authz::{AllowAuthenticated, Authorization};
use mainstay_apiserver::limits::Limits;
use mainstay_apiserver::{ApiServer, Identity, Options, Reply};
use mainstay_controller_runtime::{Clock, Ids};
use mainstay_store::Store;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::create_config_map;

const COLLECTION: &str = "/clusters/dev/api/v1/namespaces/default/configmaps";

/// A server with the tokens `one`, `two` and `admin`.
async fn server(limits: Limits) -> ApiServer {
    let clock = Clock::starting_at("2030-01-01T00:00:00Z".parse().unwrap());
    let store = Store::ephemeral(mainstay_store::Options::default());
    let authorization = Authorization::By(Arc::new(AllowAuthenticated));
    let options = Options { limits, authorization, ..Options::new(clock, Ids::seeded(7)) };
    let server = ApiServer::new(store, options).unwrap();
    server.create_cluster("dev").await.unwrap();
    for user in ["one", "two"] {
        server.tokens().insert(user, Identity::new(user, &["system:authenticated"]));
    }
    server.tokens().insert("admin", Identity::admin());
    server
}

async fn ask(server: &ApiServer, token: &str, method: &str, path: &str, body: Body) -> Reply {
    let request = Request::builder().method(method).uri(path).header(AUTHORIZATION, format!("Bearer {token}"));
    let request = request.header(CONTENT_TYPE, "application/json").body(body).unwrap();
    server.router().oneshot(request).await.unwrap()
}

fn config_map(name: &str) -> Body {
    Body::from(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}).to_string())
}

/// A body of which nothing comes.
fn endless() -> Body {
    Body::from_stream(stream::pending::<Result<Bytes, Infallible>>())
}

async fn text(reply: Reply) -> (u16, String) {
    let code = reply.status().as_u16();
    (code, String::from_utf8(reply.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

async fn status(reply: Reply) -> (u16, Value) {
    let (code, text) = text(reply).await;
    (code, serde_json::from_str(&text).unwrap())
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_all_seats_waits_behind_the_own_requests() {
    let server = server(Limits { writes: 1, waiting: 1, ..Limits::default() }).await;
    let hurried = format!("{COLLECTION}?timeout=5s");
    let mut slow = Box::pin(ask(&server, "one", "POST", &hurried, endless()));
    assert!(slow.as_mut().now_or_never().is_none(), "it holds the only seat");
    let mut next = Box::pin(ask(&server, "one", "POST", COLLECTION, config_map("a")));
    assert!(next.as_mut().now_or_never().is_none(), "it waits");

    let refused = ask(&server, "one", "POST", COLLECTION, config_map("b")).await;
    assert_eq!(refused.headers()[RETRY_AFTER], "1");
    assert_eq!(text(refused).await, (429, "Too many requests, please try again later.\n".to_owned()));

    // Reads, watches, administrators and the server's own clients pass.
    assert_eq!(ask(&server, "one", "GET", COLLECTION, Body::empty()).await.status(), 200);
    assert_eq!(ask(&server, "one", "GET", &format!("{COLLECTION}?watch=true"), Body::empty()).await.status(), 200);
    assert_eq!(ask(&server, "admin", "POST", COLLECTION, config_map("c")).await.status(), 201);
    create_config_map(&server.client("dev", Identity::controller("gitops")), "d").await;

    // Another user has a place in the line, and comes next once the slow request has had its time.
    let start = Instant::now();
    let other = ask(&server, "two", "POST", COLLECTION, config_map("e"));
    let (slow, next, other) = tokio::join!(slow, next, other);
    assert_eq!((next.status().as_u16(), other.status().as_u16()), (201, 201));
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    let (code, said) = status(slow).await;
    assert_eq!((code, said["reason"].as_str()), (504, Some("Timeout")));
    assert_eq!(said["message"], "Timeout: request did not complete within the allotted timeout");
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_a_refusal() {
    let server = server(Limits { writes: 1, ..Limits::default() }).await;
    let mut slow = Box::pin(ask(&server, "one", "POST", COLLECTION, endless()));
    assert!(slow.as_mut().now_or_never().is_none());
    let start = Instant::now();
    assert_eq!(ask(&server, "two", "POST", COLLECTION, config_map("a")).await.status(), 429);
    assert_eq!(start.elapsed(), Duration::from_secs(15));
    // A body that does not come ends after the time for a request.
    assert_eq!(slow.await.status(), 408);
    assert_eq!(start.elapsed(), Duration::from_mins(1));
    assert_eq!(ask(&server, "two", "POST", COLLECTION, config_map("a")).await.status(), 201);
}

#[tokio::test(start_paused = true)]
async fn a_request_says_how_long_it_may_take() {
    let server = server(Limits::default()).await;
    assert_eq!(ask(&server, "one", "GET", &format!("{COLLECTION}?timeout=32s"), Body::empty()).await.status(), 200);
    let refused = ask(&server, "one", "GET", &format!("{COLLECTION}?timeout=soon"), Body::empty()).await;
    let (code, said) = status(refused).await;
    let why = "invalid timeout specified in the request URL - time: invalid duration \"soon\"";
    assert_eq!((code, said["message"].as_str()), (400, Some(why)));
}

#[tokio::test(start_paused = true)]
async fn large_and_deep_bodies_are_refused() {
    let server = server(Limits::default()).await;
    let large = Body::from(format!("{{\"data\":{{\"k\":\"{}\"}}}}", "x".repeat(3 << 20)));
    let (code, said) = status(ask(&server, "one", "POST", COLLECTION, large).await).await;
    assert_eq!((code, said["reason"].as_str()), (413, Some("RequestEntityTooLarge")));
    assert_eq!(said["message"], "Request entity too large: limit is 3145728");

    let deep = format!("{{\"data\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let (code, said) = status(ask(&server, "one", "POST", COLLECTION, Body::from(deep.clone())).await).await;
    assert_eq!((code, said["reason"].as_str()), (400, Some("BadRequest")));
    for content_type in ["application/apply-patch+yaml", "application/merge-patch+json", "application/json-patch+json"]
    {
        let patched = Request::patch(format!("{COLLECTION}/a?fieldManager=m")).header(AUTHORIZATION, "Bearer one");
        let patched = patched.header(CONTENT_TYPE, content_type).body(Body::from(deep.clone())).unwrap();
        let (code, _) = status(server.router().oneshot(patched).await.unwrap()).await;
        assert_eq!(code, 400, "{content_type}");
    }
}
