//! The smart HTTP protocol's three requests, and a page for people who open the URL in a browser.
//! It must not know who may push: the server that mounts it decides before, and tells by [`RemoteUser`].

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, header};

use crate::cgi::{self, Finish};
use crate::host::blocking;
use crate::{Class, Error, GitHost};

/// Who makes the request, put into its extensions by the server; git records it in its log of refs.
#[derive(Clone, Debug)]
pub struct RemoteUser(pub String);

/// Sent by git with a push; a browser cannot send it to another site without being asked first.
const PUSH_TYPE: &str = "application/x-git-receive-pack-request";
const FETCH_TYPE: &str = "application/x-git-upload-pack-request";

pub(crate) fn router(host: GitHost) -> Router {
    Router::new()
        .route("/", get(list))
        .route("/{repo}", get(describe))
        .route("/{repo}/info/refs", get(info_refs))
        .route("/{repo}/git-upload-pack", post(upload_pack))
        .route("/{repo}/git-receive-pack", post(receive_pack))
        .with_state(host)
}

async fn list(State(host): State<GitHost>) -> String {
    let mut text = String::from("Repositories of this git host:\n");
    for name in host.names() {
        text.push_str(&format!("  {}\n", host.url(&name).unwrap_or(name)));
    }
    text
}

async fn describe(State(host): State<GitHost>, Path(repo): Path<String>) -> Response {
    let name = plain_name(&repo);
    match host.hosted(name).await {
        Ok(_) => {
            format!("This is a git repository. Get it with:\n  git clone {}\n", host.url(name).unwrap_or_default())
                .into_response()
        }
        Err(error) => refuse(&error),
    }
}

async fn info_refs(State(host): State<GitHost>, Path(repo): Path<String>, request: Request) -> Response {
    match request.uri().query() {
        Some("service=git-upload-pack" | "service=git-receive-pack") => serve(host, &repo, "info/refs", request).await,
        _ => (StatusCode::FORBIDDEN, "this host speaks only the smart HTTP protocol; use git 1.6.6 or newer\n")
            .into_response(),
    }
}

async fn upload_pack(State(host): State<GitHost>, Path(repo): Path<String>, request: Request) -> Response {
    if content_type(request.headers()) != Some(FETCH_TYPE) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    serve(host, &repo, "git-upload-pack", request).await
}

async fn receive_pack(State(host): State<GitHost>, Path(repo): Path<String>, request: Request) -> Response {
    if content_type(request.headers()) != Some(PUSH_TYPE) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    serve(host, &repo, "git-receive-pack", request).await
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

/// A repository's URL works with and without `.git`.
fn plain_name(repo: &str) -> &str {
    repo.strip_suffix(".git").unwrap_or(repo)
}

async fn serve(host: GitHost, repo: &str, service: &'static str, request: Request) -> Response {
    let hosted = match host.hosted(plain_name(repo)).await {
        Ok(hosted) => hosted,
        Err(error) => return refuse(&error),
    };
    let Ok(turn) = host.processes().clone().acquire_owned().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let command = command(&host, &hosted.name, service, &request);
    let watcher = host.clone();
    let finish: Option<Finish> = (service == "git-receive-pack").then(|| -> Finish {
        Box::new(move || {
            Box::pin(async move {
                let name = hosted.name.clone();
                if let Err(error) = blocking(move || watcher.observe(&hosted)).await {
                    tracing::error!(%error, repo = name, "failed to read the refs after a push");
                }
            })
        })
    });
    let answer = cgi::run(command, request.into_body(), finish).await;
    match answer {
        Ok(response) => response.map(|body| hold(body, turn)),
        Err(error) => {
            tracing::error!(%error, source = ?std::error::Error::source(&error), "failed to serve git");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
        }
    }
}

/// Keeps something until the body is sent or dropped.
fn hold<T: Send + 'static>(body: Body, kept: T) -> Body {
    use futures::StreamExt;
    Body::from_stream(body.into_data_stream().map(move |chunk| {
        let _ = &kept;
        chunk
    }))
}

fn command(host: &GitHost, name: &str, service: &str, request: &Request) -> tokio::process::Command {
    let mut command = host.program().command();
    // Pushing is allowed unless the server refused it before; packing happens aside, so that it delays no push; the
    // default branch cannot be deleted.
    for setting in ["http.receivepack=true", "receive.autogc=false", "receive.denyDeleteCurrent=refuse"] {
        command.args(["-c", setting]);
    }
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", host.root())
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", format!("/{name}.git/{service}"))
        .env("REQUEST_METHOD", request.method().as_str())
        .env("QUERY_STRING", request.uri().query().unwrap_or_default())
        .env("REMOTE_ADDR", "127.0.0.1");
    let user = request.extensions().get::<RemoteUser>();
    command.env("REMOTE_USER", user.map_or("anonymous", |user| user.0.as_str()));
    for (name, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-length", "CONTENT_LENGTH"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "HTTP_GIT_PROTOCOL"),
    ] {
        if let Some(value) = request.headers().get(name).and_then(|value| value.to_str().ok()) {
            command.env(variable, value);
        }
    }
    if let Some(value) = request.headers().get("git-protocol").and_then(|value| value.to_str().ok()) {
        command.env("GIT_PROTOCOL", value);
    }
    command
}

fn refuse(error: &Error) -> Response {
    let status = match error {
        Error::InvalidName { .. } | Error::RepositoryNotFound { .. } => StatusCode::NOT_FOUND,
        _ if error.class() == Class::Retry => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, format!("{error}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_repository() {
        assert_eq!(plain_name("apps.git"), "apps");
        assert_eq!(plain_name("apps"), "apps");
    }
}
