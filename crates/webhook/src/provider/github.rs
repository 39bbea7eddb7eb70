//! Events of GitHub: `push`, `pull_request`, `ping`.
//! It must not know how they are signed.

use serde::Deserialize;

use crate::files::Commits;
use crate::push::RefUpdate;
use crate::{Error, Provider, PullRequest, Push, Received, json};

/// Actions on a pull request that change what generators make; Argo CD's `githubAllowedPullRequestActions`.
const REFRESHING: [&str; 6] = ["opened", "closed", "synchronize", "labeled", "reopened", "unlabeled"];

#[derive(Deserialize)]
struct PushPayload {
    #[serde(rename = "ref")]
    reference: Option<String>,
    before: Option<String>,
    after: Option<String>,
    forced: Option<bool>,
    commits: Option<Commits>,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct PullRequestPayload {
    action: Option<String>,
    number: Option<u64>,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    name: Option<String>,
    owner: Option<Owner>,
    default_branch: Option<String>,
    html_url: Option<String>,
    clone_url: Option<String>,
    ssh_url: Option<String>,
    /// Of the API, except in `push`, where it is that of the page.
    url: Option<String>,
}

#[derive(Deserialize)]
struct Owner {
    login: Option<String>,
}

pub(super) fn read(event: &str, body: &[u8]) -> Result<Received, Error> {
    match event {
        "push" => push(event, body),
        "pull_request" => pull_request(event, body),
        "ping" => Ok(Received::Ping),
        "package" | "registry_package" => Ok(Received::Ignored(format!(
            "event {event} of GitHub refreshes nothing: charts of registries are not followed by webhook"
        ))),
        _ => Ok(Provider::GitHub.ignores(event)),
    }
}

fn push(event: &str, body: &[u8]) -> Result<Received, Error> {
    let missing = |field| Error::missing(Provider::GitHub, event, field);
    let payload: PushPayload = json::read(Provider::GitHub, event, body)?;
    let repository = payload.repository.ok_or_else(|| missing("repository"))?;
    let reference = payload.reference.filter(|name| !name.is_empty()).ok_or_else(|| missing("ref"))?;
    let update = RefUpdate::new(reference, payload.before, payload.after, repository.default_branch.as_deref());
    // What a forced push threw away is in no commit of its payload.
    let is_whole = payload.forced != Some(true);
    let files = payload.commits.filter(|_| is_whole).and_then(|commits| commits.files(None));
    let urls = [repository.html_url, repository.clone_url, repository.ssh_url];
    let push = Push::new(Provider::GitHub, urls, vec![update]).ok_or_else(|| missing("repository.html_url"))?;
    Ok(Received::Push(push.with_files(files)))
}

fn pull_request(event: &str, body: &[u8]) -> Result<Received, Error> {
    let missing = |field| Error::missing(Provider::GitHub, event, field);
    let payload: PullRequestPayload = json::read(Provider::GitHub, event, body)?;
    let repository = payload.repository.ok_or_else(|| missing("repository"))?;
    let action = payload.action.ok_or_else(|| missing("action"))?;
    let urls = [repository.html_url, repository.clone_url, repository.ssh_url];
    Ok(Received::PullRequest(PullRequest {
        provider: Provider::GitHub,
        urls: urls.into_iter().flatten().collect(),
        api_url: repository.url,
        owner: repository.owner.and_then(|owner| owner.login).ok_or_else(|| missing("repository.owner.login"))?,
        repository: repository.name.ok_or_else(|| missing("repository.name"))?,
        project_id: None,
        number: payload.number.ok_or_else(|| missing("number"))?,
        refreshes: REFRESHING.contains(&action.as_str()),
        action,
    }))
}
