//! Pages as a browser gets them.

use axum::body::Body;
use axum::response::Response;
use futures::StreamExt;
use http::{Request, StatusCode};
use mainstay_testkit::{TestCluster, build};
use tower::ServiceExt;

use crate::fixture::{deploy, fleet, portal, say};

async fn get(fleet: &TestCluster, path: &str) -> Response {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    mainstay_portal::router(portal(fleet)).oneshot(request).await.unwrap()
}

async fn text(fleet: &TestCluster, path: &str) -> String {
    let response = get(fleet, path).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn sample() -> TestCluster {
    let fleet = fleet().await;
    deploy(&fleet, "sample", "dev", build::deployment("sample", "sample", 2, "registry.example/app:1.2.3")).await;
    fleet.settle().await;
    fleet
}

#[tokio::test(start_paused = true)]
async fn an_empty_fleet_says_what_to_do() {
    let fleet = fleet().await;
    let page = text(&fleet, "/").await;
    assert!(page.contains("mainstay new application hello"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn the_list_shows_and_filters() {
    let fleet = sample().await;
    let page = text(&fleet, "/").await;
    for expected in [
        "href=\"/applications/argocd/sample-dev\"",
        "app:1.2.3",
        "1f0c3a9",
        "Synced",
        "Simulated clusters: dev.",
        "data-events=\"/events?\"",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    assert!(text(&fleet, "/?q=healthy%20dev").await.contains("sample-dev"));
    let none = text(&fleet, "/?q=%3Cscript%3E").await;
    assert!(none.contains("No application matches “&lt;script&gt;”"), "{none}");
    assert!(!none.contains("sample-dev"));
}

#[tokio::test(start_paused = true)]
async fn an_application_shows_tree_and_timeline() {
    let fleet = sample().await;
    let page = text(&fleet, "/applications/argocd/sample-dev").await;
    for expected in
        ["Deployment sample", "ReplicaSet sample-", "Pod sample-", "2/2 ready", "Ingress sample", "Service sample"]
    {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    for expected in ["CommitReceived", "SyncSucceeded", "ResourcesApplied", "Started", "is simulated"] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    assert!(!page.contains("u:secret@"), "credentials are not shown");
    assert!(!page.contains("style="), "the policy forbids inline styles");
}

#[tokio::test(start_paused = true)]
async fn a_failing_application_says_why() {
    let fleet = fleet().await;
    deploy(&fleet, "orders", "staging", build::failing_deployment("orders", "orders", "image-pull")).await;
    say(&fleet, "orders-staging", "Degraded", "Synced").await;
    let pods = fleet.admin("staging").api(&fleet.resource(("v1", "Pod")).await, Some("orders"));
    loop {
        let listed = pods.list("").await.unwrap();
        if listed
            .iter()
            .any(|pod| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff")
        {
            break;
        }
        fleet.seams().clock.sleep(std::time::Duration::from_secs(1)).await;
    }
    let page = text(&fleet, "/applications/argocd/orders-staging").await;
    assert!(page.contains("ImagePullBackOff"), "{page}");
    assert!(page.contains("check the image&#39;s name") || page.contains("check the image's name"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn secrets_are_masked_and_managed_fields_hidden() {
    let fleet = sample().await;
    let path = "/applications/argocd/sample-dev?node=dev/core/Secret/sample/sample-config";
    for page in [text(&fleet, path).await, text(&fleet, &format!("{path}&managed=1")).await] {
        assert!(page.contains("••••••••") && page.contains("password"), "{page}");
        assert!(!page.contains("hunter2") && !page.contains("aHVudGVyMg"), "{page}");
    }
    assert!(!text(&fleet, path).await.contains("managedFields"));
    assert!(text(&fleet, &format!("{path}&managed=1")).await.contains("managedFields"));
    let gone = text(&fleet, "/applications/argocd/sample-dev?node=dev/core/Secret/sample/gone").await;
    assert!(gone.contains("It is not there"));
}

#[tokio::test(start_paused = true)]
async fn every_answer_is_hardened() {
    let fleet = fleet().await;
    let style = text(&fleet, "/").await;
    let address = style.split("href=\"").find(|part| part.starts_with("/assets/portal-")).unwrap();
    let address = address.split('"').next().unwrap();
    for (path, status) in [("/", 200), (address, 200), ("/nope", 404), ("/applications/argocd/nope", 404)] {
        let response = get(&fleet, path).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe"));
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.headers()["x-frame-options"], "DENY");
    }
    assert!(get(&fleet, address).await.headers()["cache-control"].to_str().unwrap().contains("immutable"));
}

#[tokio::test(start_paused = true)]
async fn a_live_page_gets_what_changes() {
    let fleet = sample().await;
    let mut events = get(&fleet, "/events").await.into_body().into_data_stream();
    let first = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(first.starts_with("event: part\ndata: {\"html\":"), "{first}");
    assert!(first.contains("Healthy"));
    say(&fleet, "sample-dev", "Degraded", "OutOfSync").await;
    let next = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(next.contains("OutOfSync"), "{next}");
}

#[tokio::test(start_paused = true)]
async fn an_application_s_page_follows_its_pods() {
    let fleet = sample().await;
    let mut events = get(&fleet, "/applications/argocd/sample-dev/events").await.into_body().into_data_stream();
    let api = fleet.admin("dev").api(&fleet.resource(("apps/v1", "Deployment")).await, Some("sample"));
    let mut seen = String::new();
    while !seen.contains("\"id\":\"timeline\"") {
        seen.push_str(std::str::from_utf8(&events.next().await.unwrap().unwrap()).unwrap());
    }
    api.merge_patch("fixture", "sample", None, &serde_json::json!({"spec": {"replicas": 3}})).await.unwrap();
    let mut later = String::new();
    while !later.contains("3/3 ready") {
        later.push_str(std::str::from_utf8(&events.next().await.unwrap().unwrap()).unwrap());
    }
    assert!(!later.contains("\"id\":\"object\""), "a part that did not change is not sent again");
}
