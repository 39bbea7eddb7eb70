//! Git hosts elsewhere, which tell of their pushes by webhooks.

use mainstay_controller_runtime::context::resource;
use mainstay_git::{Author, Change, GitHost, HostOptions, NewCommit};
use ring::hmac;
use serde_json::{Value, json};

use crate::platform::{CONTROL, Platform, applications};

/// A git host on a port of its own, of which the server knows nothing.
struct Elsewhere {
    host: GitHost,
    url: String,
    _directory: tempfile::TempDir,
}

impl Elsewhere {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = HostOptions::new(|| "2026-01-02T03:04:05Z".parse().unwrap());
        let host = GitHost::open(directory.path(), options).await.unwrap();
        host.create("shop").await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/team/shop.git", listener.local_addr().unwrap());
        let router = axum::Router::new().nest("/team", host.router());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { host, url, _directory: directory }
    }

    async fn commit(&self, value: &str) -> String {
        let manifest = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{value: '{value}'}}\n");
        let commit = NewCommit {
            branch: "main".to_owned(),
            changes: vec![Change::write("dev/a.yaml", manifest)],
            author: Author::new("Ada", "ada@example.com"),
            message: "change".to_owned(),
            time: "2026-01-02T03:04:05Z".parse().unwrap(),
        };
        self.host.commit_files("shop", commit).await.unwrap()
    }

    fn application(&self) -> Value {
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": "shop-dev", "namespace": "argocd"},
            "spec": {
                "project": "default", "destination": {"name": "dev", "namespace": "shop"},
                "source": {"repoURL": self.url, "targetRevision": "main", "path": "dev"},
                "syncPolicy": {"automated": {}, "syncOptions": ["CreateNamespace=true"]},
            },
        })
    }

    /// What GitHub sends of a push.
    fn event(&self, sha: &str) -> String {
        let page = self.url.trim_end_matches(".git");
        let repository = json!({"html_url": page, "clone_url": self.url, "default_branch": "main"});
        json!({"ref": "refs/heads/main", "before": "1".repeat(40), "after": sha, "repository": repository, "commits": []})
            .to_string()
    }
}

fn signed(secret: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let digest = hmac::sign(&key, body.as_bytes());
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digest}")
}

async fn send(platform: &Platform, body: &str, signature: Option<&str>) -> (u16, String) {
    let url = format!("{}api/webhook", platform.server.portal_url());
    let request = reqwest::Client::new().post(url).header("x-github-event", "push").body(body.to_owned());
    let request = match signature {
        Some(signature) => request.header("x-hub-signature-256", signature),
        None => request,
    };
    // By the name that a proxy in front of it has.
    let answer = request.header("host", "mainstay.example.com").send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_elsewhere_is_deployed_when_its_webhook_comes() {
    let platform = Platform::start().await;
    let elsewhere = Elsewhere::start().await;
    let first = elsewhere.commit("1").await;
    let api = platform.cluster(CONTROL).api(&applications(), Some("argocd"));
    api.create("test", &elsewhere.application()).await.unwrap();
    platform.live("shop-dev", &first).await;

    let second = elsewhere.commit("2").await;
    assert_eq!(send(&platform, &elsewhere.event(&second), None).await, (200, "push received\n".to_owned()));
    platform.live("shop-dev", &second).await;
    let config = platform.get("dev", &resource("", "v1", "ConfigMap", "configmaps"), "shop", "a").await.unwrap();
    assert_eq!(config["data"]["value"], "2");

    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "argocd-secret", "namespace": "argocd"},
        "stringData": {"webhook.github.secret": "s3cret"}});
    let secrets = resource("", "v1", "Secret", "secrets");
    platform.cluster(CONTROL).api(&secrets, Some("argocd")).create("test", &secret).await.unwrap();
    let third = elsewhere.commit("3").await;
    let body = elsewhere.event(&third);
    let (status, said) = send(&platform, &body, None).await;
    assert!(status == 400 && said.contains("webhook.github.secret"), "{status} {said}");
    assert_eq!(send(&platform, &body, Some(&signed("guessed", &body))).await.0, 400);
    assert_eq!(send(&platform, &body, Some(&signed("s3cret", &body))).await.0, 200);
    platform.live("shop-dev", &third).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_event_is_refused_with_the_reason() {
    let platform = Platform::start().await;
    let limit = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "namespace": "argocd"},
        "data": {"webhook.maxPayloadSizeMB": "1"}});
    let config_maps = resource("", "v1", "ConfigMap", "configmaps");
    platform.cluster(CONTROL).api(&config_maps, Some("argocd")).create("test", &limit).await.unwrap();
    let (status, said) = send(&platform, &" ".repeat(1024 * 1024 + 1), None).await;
    assert!(status == 413 && said.contains("maxPayloadSizeMB"), "{status} {said}");
    assert_eq!(send(&platform, "{", None).await.0, 400);
    let url = format!("{}api/webhook", platform.server.portal_url());
    assert_eq!(reqwest::get(&url).await.unwrap().status().as_u16(), 405);
    let unknown = reqwest::Client::new().post(&url).body("{}").send().await.unwrap();
    assert_eq!(unknown.status().as_u16(), 400);
    assert!(unknown.text().await.unwrap().contains("no header names"));
}
