//! What git hosts tell: the embedded one of its pushes, others by webhooks.
//! It must not know who listens.

use std::collections::BTreeMap;

use futures::stream::{self, BoxStream, StreamExt};
use mainstay_git::GitHost;
use mainstay_webhook::{PullRequest, Received, RepositoryKey};
use tokio::sync::broadcast::error::RecvError;

use crate::webhooks::Webhooks;

/// Something that a git host tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A repository was pushed to; one of its URLs.
    Pushed(String),
    /// Something happened to a pull request.
    PullRequest(Box<PullRequest>),
    /// Something was not heard.
    Missed,
}

/// Everything that is told from now on.
pub(crate) fn news(git: &GitHost, webhooks: &Webhooks) -> BoxStream<'static, News> {
    let told = webhooks.told().flat_map(|told| stream::iter(told.map_or(vec![News::Missed], |told| of_webhook(&told))));
    stream::select(pushes(git), told).boxed()
}

/// A push may name a repository by several URLs that come to the same.
fn of_webhook(received: &Received) -> Vec<News> {
    match received {
        Received::Push(push) => {
            let urls: BTreeMap<_, _> = push.urls.iter().map(|url| (RepositoryKey::of(url), url)).collect();
            urls.into_values().map(|url| News::Pushed(url.clone())).collect()
        }
        Received::PullRequest(pull) => vec![News::PullRequest(Box::new(pull.clone()))],
        Received::Ping | Received::Ignored(_) => Vec::new(),
    }
}

/// Pushes to the embedded host, under every URL that manifests may name it by.
fn pushes(git: &GitHost) -> BoxStream<'static, News> {
    let host = git.clone();
    let listened = stream::unfold(git.pushes(), move |mut receiver| {
        let host = host.clone();
        async move {
            match receiver.recv().await {
                Ok(push) => Some((host.urls(&push.repo).into_iter().map(News::Pushed).collect(), receiver)),
                Err(RecvError::Lagged(_)) => Some((vec![News::Missed], receiver)),
                Err(RecvError::Closed) => None,
            }
        }
    });
    listened.flat_map(stream::iter).boxed()
}

#[cfg(test)]
mod tests {
    use mainstay_git::{Author, Change, DEFAULT_BRANCH, HostOptions, NewCommit};

    use super::*;

    #[tokio::test]
    async fn a_push_is_told_under_every_url_of_the_repository() {
        let directory = tempfile::tempdir().unwrap();
        let time = "2030-01-01T00:00:00Z".parse().unwrap();
        let host = GitHost::open(directory.path(), HostOptions::new(move || time)).await.unwrap();
        host.add_base_url("http://git.example.svc");
        host.add_base_url("http://127.0.0.1:7443/git");
        host.create("apps").await.unwrap();
        let mut told = pushes(&host);

        let commit = NewCommit {
            branch: DEFAULT_BRANCH.to_owned(),
            changes: vec![Change::write("a.yaml", "a: 1")],
            author: Author::new("Ada", "ada@example.com"),
            message: "Add a".to_owned(),
            time,
        };
        host.commit_files("apps", commit).await.unwrap();
        for base in ["http://git.example.svc", "http://127.0.0.1:7443/git", "http://localhost:7443/git"] {
            assert_eq!(told.next().await.unwrap(), News::Pushed(format!("{base}/apps.git")));
        }
    }
}
