//! Charts from repositories of charts: as a source, and as a dependency of a chart in git.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::lab::{Lab, condition};

/// The versions of the chart `cache` that are published.
type Published = Arc<Mutex<Vec<&'static str>>>;
/// Among them, this says that a password is asked for.
const GUARDED: &str = "guarded";

fn archive(version: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}-cache\"}\ndata: {version: \"{{ .Chart.Version }}\", size: \"{{ .Values.size }}\"}\n";
    for (path, text) in [
        ("cache/Chart.yaml", format!("apiVersion: v2\nname: cache\nversion: {version}\n")),
        ("cache/values.yaml", "size: small\n".to_owned()),
        ("cache/large.yaml", "size: large\n".to_owned()),
        ("cache/templates/cache.yaml", template.to_owned()),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// A guest may read unless a password is asked for, which is `secret`.
fn allowed(published: &Published, headers: &HeaderMap) -> bool {
    let guarded = published.lock().unwrap().contains(&GUARDED);
    !guarded || headers.get("authorization").is_some_and(|given| given == "Basic YWRhOnNlY3JldA==")
}

async fn index(State(published): State<Published>, headers: HeaderMap) -> Result<String, StatusCode> {
    if !allowed(&published, &headers) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let entry = |version: &&str| format!("  - {{version: {version}, urls: [cache-{version}.tgz]}}\n");
    let entries: String = published.lock().unwrap().iter().filter(|version| **version != GUARDED).map(entry).collect();
    Ok(format!("apiVersion: v1\nentries:\n  cache:\n{entries}"))
}

async fn download(
    State(published): State<Published>,
    headers: HeaderMap,
    Path(file): Path<String>,
) -> Result<Vec<u8>, StatusCode> {
    if !allowed(&published, &headers) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let version = file.trim_start_matches("cache-").trim_end_matches(".tgz");
    let known = published.lock().unwrap().contains(&version);
    if known { Ok(archive(version)) } else { Err(StatusCode::NOT_FOUND) }
}

/// A repository of charts on this machine.
async fn repository() -> (String, Published) {
    let published: Published = Arc::new(Mutex::new(vec!["1.0.0"]));
    let routes = Router::new().route("/index.yaml", get(index)).route("/{file}", get(download));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = routes.with_state(Arc::clone(&published));
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (url, published)
}

async fn cache(lab: &Lab) -> Value {
    lab.config("shop-dev-cache").await.unwrap()["data"].clone()
}

#[tokio::test]
async fn a_published_chart_is_deployed_and_a_newer_one_in_its_range_when_it_is_asked_for() {
    let (url, published) = repository().await;
    let lab = Lab::start().await;
    let mut app = lab.app("shop-dev", "");
    app["spec"]["source"] = json!({
        "repoURL": url, "chart": "cache", "targetRevision": "1.x", "helm": {"valueFiles": ["large.yaml"]}});
    lab.cluster.apply(&app).await;
    let synced = lab.synced("shop-dev", "1.0.0").await;
    assert_eq!(synced["status"]["sourceType"], "Helm");
    assert_eq!(cache(&lab).await, json!({"version": "1.0.0", "size": "large"}));

    published.lock().unwrap().push("1.1.0");
    app["metadata"]["annotations"] = json!({"argocd.argoproj.io/refresh": "hard"});
    lab.cluster.apply(&app).await;
    lab.synced("shop-dev", "1.1.0").await;
    assert_eq!(cache(&lab).await["version"], "1.1.0");
}

#[tokio::test]
async fn dependencies_of_a_chart_in_git_are_fetched_as_its_lock_says() {
    let (url, published) = repository().await;
    published.lock().unwrap().push("1.4.0");
    let lab = Lab::start().await;
    let description = format!(
        "apiVersion: v2\nname: shop\nversion: 0.1.0\ndependencies:\n- {{name: cache, version: 1.x, repository: '{url}'}}\n- {{name: labels, version: '*', repository: file://../labels}}\n"
    );
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\ndata: {team: '{{ include \"team\" . }}'}\n";
    let files = [
        ("charts/shop/Chart.yaml", Some(description.as_str())),
        ("charts/shop/values.yaml", Some("cache: {size: medium}\n")),
        ("charts/shop/templates/shop.yaml", Some(config)),
        ("charts/labels/Chart.yaml", Some("apiVersion: v2\nname: labels\ntype: library\nversion: 1.0.0\n")),
        ("charts/labels/templates/_team.tpl", Some("{{ define \"team\" }}a{{ end }}")),
    ];
    let first = lab.commit(&files).await;
    lab.cluster.apply(&lab.app("shop-dev", "charts/shop")).await;
    lab.synced("shop-dev", &first).await;
    assert_eq!(cache(&lab).await, json!({"version": "1.4.0", "size": "medium"}));
    assert_eq!(lab.config("shop").await.unwrap()["data"]["team"], "a");

    let lock = format!("dependencies:\n- {{name: cache, version: 1.0.0, repository: '{url}'}}\n");
    let second = lab
        .commit(&[
            ("charts/shop/Chart.lock", Some(lock.as_str())),
            ("charts/labels/templates/_team.tpl", Some("{{ define \"team\" }}b{{ end }}")),
        ])
        .await;
    lab.synced("shop-dev", &second).await;
    assert_eq!(cache(&lab).await["version"], "1.0.0");
    assert_eq!(lab.config("shop").await.unwrap()["data"]["team"], "b");
}

#[tokio::test]
async fn a_repository_that_wants_a_password_is_read_once_a_secret_has_it() {
    let (url, published) = repository().await;
    published.lock().unwrap().push(GUARDED);
    let lab = Lab::start().await;
    let mut app = lab.app("shop-dev", "");
    app["spec"]["source"] = json!({"repoURL": url, "chart": "cache", "targetRevision": "1.0.0"});
    lab.cluster.apply(&app).await;
    let refused = |app: &Value| condition(app, "ComparisonError").is_some_and(|told| told.contains("refuses access"));
    lab.until("shop-dev", refused).await;
    lab.cluster
        .apply(&json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "charts", "namespace": "argocd", "labels": {"argocd.argoproj.io/secret-type": "repo-creds"}},
            "stringData": {"url": url, "type": "helm", "username": "ada", "password": "secret"},
        }))
        .await;
    lab.synced("shop-dev", "1.0.0").await;
    assert_eq!(cache(&lab).await["version"], "1.0.0");
}
