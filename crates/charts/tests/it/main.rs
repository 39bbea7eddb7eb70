//! Charts from servers that behave as those of the field do, and some that do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mainstay_charts::{ChartRepositories, Credentials, Error, Source};
use sha2::{Digest, Sha256};

const ARCHIVE: &[u8] = b"an archive";

fn digest() -> String {
    Sha256::digest(ARCHIVE).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Serves routes on a loopback port; gives `host:port`.
async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address.to_string()
}

fn source<'a>(repository: &'a str, chart: &'a str) -> Source<'a> {
    Source { repository, chart, credentials: None }
}

#[tokio::test]
async fn a_repository_with_an_index_is_read_once_while_it_does_not_change() {
    let reads = Arc::new(AtomicUsize::new(0));
    let index = format!(
        "apiVersion: v1\nentries:\n  shop:\n  - {{version: 1.2.0, urls: [archives/shop-1.2.0.tgz], digest: {}}}\n  - {{version: 1.1.0, urls: [archives/shop-1.2.0.tgz], digest: '0000'}}\n  - {{version: 7}}\n",
        digest()
    );
    let counted = Arc::clone(&reads);
    let answer = move |headers: HeaderMap| async move {
        if headers.get("if-none-match").is_some_and(|tag| tag == "\"1\"") {
            return StatusCode::NOT_MODIFIED.into_response();
        }
        counted.fetch_add(1, Ordering::SeqCst);
        ([("etag", "\"1\"")], index).into_response()
    };
    let routes = Router::new()
        .route("/charts/index.yaml", get(answer))
        .route("/charts/archives/shop-1.2.0.tgz", get(|| async { ARCHIVE }));
    let url = format!("http://{}/charts", serve(routes).await);
    let charts = ChartRepositories::new();
    let shop = source(&url, "shop");
    assert_eq!(charts.resolve(&shop, "^1").await.unwrap(), "1.2.0");
    assert_eq!(charts.resolve(&shop, "").await.unwrap(), "1.2.0");
    assert_eq!(charts.archive(&shop, "1.2.0").await.unwrap(), ARCHIVE);
    assert_eq!(reads.load(Ordering::SeqCst), 1);

    let wrong = charts.archive(&shop, "1.1.0").await.unwrap_err();
    assert!(wrong.to_string().contains("does not have the digest 0000"), "{wrong}");
    assert!(matches!(charts.resolve(&shop, "2.x").await, Err(Error::Missing { .. })));
    assert!(matches!(charts.resolve(&source(&url, "cart"), "").await, Err(Error::Missing { .. })));
    let elsewhere = format!("{url}/nothing");
    assert!(matches!(charts.resolve(&source(&elsewhere, "shop"), "").await, Err(Error::Missing { .. })));
}

#[tokio::test]
async fn who_is_denied_is_told_what_to_do() {
    let answer = |headers: HeaderMap| async move {
        match headers.get("authorization").map(|value| value.as_bytes()) {
            Some(b"Basic YWRhOnNlY3JldA==") => "entries: {shop: [{version: 1.0.0, urls: [a.tgz]}]}".into_response(),
            _ => StatusCode::UNAUTHORIZED.into_response(),
        }
    };
    let url = format!("http://{}", serve(Router::new().route("/index.yaml", get(answer))).await);
    let charts = ChartRepositories::new();
    let denied = charts.resolve(&source(&url, "shop"), "").await.unwrap_err();
    assert!(
        matches!(denied, Error::Denied { status: 401, .. }) && denied.to_string().contains("secret-type: repository")
    );
    let credentials = Credentials { username: "ada".to_owned(), password: "secret".to_owned() };
    let known = Source { credentials: Some(&credentials), ..source(&url, "shop") };
    assert_eq!(charts.resolve(&known, "1.0.0").await.unwrap(), "1.0.0");
    assert!(!format!("{credentials:?}").contains("secret"));
}

type Page = Query<std::collections::HashMap<String, String>>;

/// A registry that wants a token, and has its tags on two pages.
async fn registry() -> String {
    let allowed = |headers: &HeaderMap| headers.get("authorization").is_some_and(|value| value == "Bearer t0ken");
    let denied = |host: &str| -> Response {
        let challenge =
            format!("Bearer realm=\"http://{host}/token\",service=\"r\",scope=\"repository:team/shop:pull\"");
        (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response()
    };
    let host = |headers: &HeaderMap| headers["host"].to_str().expect("clients say it").to_owned();
    let tags = move |headers: HeaderMap, Query(page): Page| async move {
        if !allowed(&headers) {
            return denied(&host(&headers));
        }
        if page.contains_key("last") {
            return r#"{"name":"team/shop","tags":["1.1.0_build.5"]}"#.into_response();
        }
        let link = "</v2/team/shop/tags/list?last=1.0.0>; rel=\"next\"";
        ([("link", link)], r#"{"name":"team/shop","tags":["1.0.0"]}"#).into_response()
    };
    let manifest = move |State(digest): State<String>, headers: HeaderMap| async move {
        if !allowed(&headers) {
            return denied(&host(&headers));
        }
        format!(
            r#"{{"schemaVersion":2,"layers":[{{"mediaType":"application/vnd.cncf.helm.chart.provenance.v1.prov","digest":"sha256:1"}},{{"mediaType":"application/vnd.cncf.helm.chart.content.v1.tar+gzip","digest":"sha256:{digest}"}}]}}"#
        )
        .into_response()
    };
    let routes = Router::new()
        .route("/v2/team/shop/tags/list", get(tags))
        .route("/v2/team/shop/manifests/1.1.0_build.5", get(manifest))
        .route("/v2/team/shop/blobs/{digest}", get(|| async { ARCHIVE }))
        .route("/token", get(|| async { r#"{"token":"t0ken"}"# }))
        .with_state(digest());
    serve(routes).await
}

#[tokio::test]
async fn a_registry_is_asked_with_a_token() {
    let host = registry().await;
    let charts = ChartRepositories::new();
    for repository in [format!("oci://{host}/team"), format!("{host}/team")] {
        let shop = source(&repository, "shop");
        assert_eq!(charts.resolve(&shop, ">=1").await.unwrap(), "1.1.0+build.5");
        assert_eq!(charts.archive(&shop, "1.1.0+build.5").await.unwrap(), ARCHIVE);
    }
    let whole = format!("oci://{host}/team/shop");
    assert_eq!(charts.resolve(&source(&whole, ""), "1.0.0").await.unwrap(), "1.0.0");
}

#[tokio::test]
async fn what_is_no_repository_is_told() {
    let charts = ChartRepositories::new();
    for url in ["file:///etc", "ftp://x/y"] {
        let error = charts.resolve(&source(url, "shop"), "").await.unwrap_err();
        assert!(matches!(error, Error::Url { .. }), "{url}: {error}");
    }
    let error = charts.resolve(&source("oci://", "../x"), "").await.unwrap_err();
    assert!(matches!(error, Error::Url { .. }), "{error}");
    let error = charts.resolve(&source("http://127.0.0.1:1", "shop"), "").await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("does not answer"), "{error}");
    let url = format!("http://{}", serve(Router::new().route("/index.yaml", get(|| async { "entries: [" }))).await);
    assert!(matches!(charts.resolve(&source(&url, "shop"), "").await, Err(Error::Malformed { .. })));
}
