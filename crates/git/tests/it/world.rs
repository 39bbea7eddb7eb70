//! A host on a loopback port with a directory of its own, and the git program as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::IntoResponse;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use mainstay_git::{Author, Change, GitHost, HostOptions, NewCommit, Options, Repositories};

pub(crate) struct World {
    pub(crate) host: GitHost,
    pub(crate) repositories: Repositories,
    pub(crate) base: String,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) const NOW: &str = "2026-01-02T03:04:05Z";

impl World {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = HostOptions::new(|| NOW.parse().unwrap());
        let host = GitHost::open(dir.path().join("repositories"), options).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/git", listener.local_addr().unwrap());
        let app = axum::Router::new().nest("/git", host.router());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        host.add_base_url(&base);
        let repositories = Repositories::new(Options::new(dir.path().join("cache")).with_host(host.clone()));
        Self { host, repositories, base, dir }
    }

    /// The same host behind a password, which is asked for by name `ada`; gives its base URL.
    pub(crate) async fn guarded(&self, password: &str) -> String {
        let wanted = format!("Basic {}", BASE64_STANDARD.encode(format!("ada:{password}")));
        let guard = move |request: Request, next: Next| {
            let known = request.headers().get("authorization").is_some_and(|given| *given == *wanted);
            async move {
                if known {
                    return next.run(request).await;
                }
                (StatusCode::UNAUTHORIZED, [("www-authenticate", "Basic realm=\"git\"")]).into_response()
            }
        };
        let app = axum::Router::new().nest("/git", self.host.router()).layer(axum::middleware::from_fn(guard));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/git", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        base
    }

    /// A reader that does not know the host, so that its URLs are foreign.
    pub(crate) fn stranger(&self) -> Repositories {
        Repositories::new(Options::new(self.dir.path().join("strangers-cache")))
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}/{name}.git", self.base)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A clone with one commit pushed to main.
    pub(crate) async fn pushed(&self, name: &str) -> PathBuf {
        self.host.create(name).await.unwrap();
        let path = self.path(&format!("work-{name}"));
        git(self.dir.path(), &["clone", "-q", &self.url(name), path.to_str().unwrap()]).await;
        std::fs::create_dir_all(path.join("app/dev")).unwrap();
        std::fs::write(path.join("app/dev/application.yaml"), "kind: Application\n").unwrap();
        std::fs::write(path.join("README.md"), "hello\n").unwrap();
        commit_all(&path, "first").await;
        git(&path, &["push", "-q", "origin", "main"]).await;
        path
    }
}

/// A client as any program has one.
pub(crate) fn http_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Runs git off the async threads, so that the host can answer meanwhile; panics when it fails.
pub(crate) async fn git(dir: &Path, args: &[&str]) -> String {
    let output = try_git(dir, args).await;
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) async fn try_git(dir: &Path, args: &[&str]) -> Output {
    let (dir, args) = (dir.to_owned(), args.iter().map(ToString::to_string).collect::<Vec<_>>());
    let run = move || {
        Command::new("git")
            .current_dir(dir)
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"])
            .args(["-c", "protocol.version=2", "-c", "commit.gpgsign=false"])
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .output()
            .unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

pub(crate) async fn commit_all(dir: &Path, message: &str) -> String {
    git(dir, &["add", "-A"]).await;
    git(dir, &["commit", "-q", "-m", message]).await;
    git(dir, &["rev-parse", "HEAD"]).await
}

pub(crate) fn new_commit(changes: Vec<Change>) -> NewCommit {
    NewCommit {
        branch: "main".into(),
        changes,
        author: Author::new("Ada", "ada@example.com"),
        message: "add things\n\nbecause".into(),
        time: "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap(),
    }
}
