//! Events of Gogs, and of Gitea and Forgejo that came of it: `push`, `pull_request`.
//! It must not know how they are signed.

use serde::Deserialize;

use crate::files::Commits;
use crate::push::RefUpdate;
use crate::{Error, Provider, PullRequest, Push, Received, json};

/// Actions on a pull request that change what generators make: in the words of Gitea what GitHub's are in its own.
const REFRESHING: [&str; 6] = ["opened", "closed", "reopened", "synchronized", "label_updated", "label_cleared"];

/// How many commits Gogs lists unless told otherwise (`FEED_MAX_COMMIT_NUM`). It does not tell how many there are.
const GOGS_COMMITS: u64 = 5;

#[derive(Deserialize)]
struct PushPayload {
    #[serde(rename = "ref")]
    reference: Option<String>,
    before: Option<String>,
    after: Option<String>,
    commits: Option<Commits>,
    /// How many there are; the list holds the newest five. Gogs does not have it.
    total_commits: Option<u64>,
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
    /// Of the API; Gogs does not have it.
    url: Option<String>,
}

#[derive(Deserialize)]
struct Owner {
    login: Option<String>,
    username: Option<String>,
}

pub(super) fn read(event: &str, body: &[u8]) -> Result<Received, Error> {
    match event {
        "push" => push(event, body),
        "pull_request" => pull_request(event, body),
        _ => Ok(Provider::Gitea.ignores(event)),
    }
}

fn push(event: &str, body: &[u8]) -> Result<Received, Error> {
    let missing = |field| Error::missing(Provider::Gitea, event, field);
    let payload: PushPayload = json::read(Provider::Gitea, event, body)?;
    let repository = payload.repository.ok_or_else(|| missing("repository"))?;
    let reference = payload.reference.filter(|name| !name.is_empty()).ok_or_else(|| missing("ref"))?;
    let update = RefUpdate::new(reference, payload.before, payload.after, repository.default_branch.as_deref());
    let is_whole = |commits: &Commits| payload.total_commits.is_some() || commits.count() < GOGS_COMMITS;
    let files = payload.commits.filter(is_whole).and_then(|commits| commits.files(payload.total_commits));
    let urls = [repository.html_url, repository.clone_url, repository.ssh_url];
    let push = Push::new(Provider::Gitea, urls, vec![update]).ok_or_else(|| missing("repository.html_url"))?;
    Ok(Received::Push(push.with_files(files)))
}

fn pull_request(event: &str, body: &[u8]) -> Result<Received, Error> {
    let missing = |field| Error::missing(Provider::Gitea, event, field);
    let payload: PullRequestPayload = json::read(Provider::Gitea, event, body)?;
    let repository = payload.repository.ok_or_else(|| missing("repository"))?;
    let action = payload.action.ok_or_else(|| missing("action"))?;
    let owner = repository.owner.and_then(|owner| owner.login.or(owner.username));
    let urls = [repository.html_url, repository.clone_url, repository.ssh_url];
    Ok(Received::PullRequest(PullRequest {
        provider: Provider::Gitea,
        urls: urls.into_iter().flatten().collect(),
        api_url: repository.url,
        owner: owner.ok_or_else(|| missing("repository.owner.login"))?,
        repository: repository.name.ok_or_else(|| missing("repository.name"))?,
        project_id: None,
        number: payload.number.ok_or_else(|| missing("number"))?,
        refreshes: REFRESHING.contains(&action.as_str()),
        action,
    }))
}
