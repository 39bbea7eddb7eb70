//! Events of GitLab: `Push Hook`, `Tag Push Hook`, `Merge Request Hook`, and the same of a `System Hook`.
//! It must not know how they are signed.

use serde::Deserialize;

use crate::files::Commits;
use crate::push::RefUpdate;
use crate::{Error, Provider, PullRequest, Push, Received, json};

/// Actions on a merge request that change what generators make; Argo CD's `gitlabAllowedPullRequestActions`.
const REFRESHING: [&str; 5] = ["open", "close", "reopen", "update", "merge"];

/// How many commits GitLab lists, the newest.
const LISTED_COMMITS: u64 = 20;

#[derive(Deserialize)]
struct PushPayload {
    #[serde(rename = "ref")]
    reference: Option<String>,
    before: Option<String>,
    after: Option<String>,
    commits: Option<Commits>,
    /// How many there are, listed or not.
    total_commits_count: Option<u64>,
    project: Option<Project>,
}

#[derive(Deserialize)]
struct MergeRequestPayload {
    object_attributes: Option<MergeRequest>,
    project: Option<Project>,
}

#[derive(Deserialize)]
struct MergeRequest {
    iid: Option<u64>,
    action: Option<String>,
    target_project_id: Option<u64>,
}

#[derive(Deserialize)]
struct Project {
    path_with_namespace: Option<String>,
    default_branch: Option<String>,
    web_url: Option<String>,
    git_http_url: Option<String>,
    git_ssh_url: Option<String>,
}

/// What tells the events of a system hook apart.
#[derive(Deserialize)]
struct SystemPayload {
    object_kind: Option<String>,
    event_name: Option<String>,
}

pub(super) fn read(event: &str, body: &[u8]) -> Result<Received, Error> {
    match event {
        "Push Hook" | "Tag Push Hook" => push(event, body),
        "Merge Request Hook" => merge_request(event, body),
        "System Hook" => system(event, body),
        _ => Ok(Provider::GitLab.ignores(event)),
    }
}

/// Of both names the first that is known counts, as in the library that Argo CD reads webhooks with.
fn system(event: &str, body: &[u8]) -> Result<Received, Error> {
    let payload: SystemPayload = json::read(Provider::GitLab, event, body)?;
    let names = [payload.object_kind, payload.event_name];
    let named = |known: &[&str]| names.iter().flatten().any(|name| known.contains(&name.as_str()));
    if named(&["push", "tag_push"]) {
        push(event, body)
    } else if named(&["merge_request"]) {
        merge_request(event, body)
    } else {
        let name = names.into_iter().flatten().find(|name| !name.is_empty());
        Ok(Provider::GitLab.ignores(name.as_deref().unwrap_or(event)))
    }
}

fn push(event: &str, body: &[u8]) -> Result<Received, Error> {
    let missing = |field| Error::missing(Provider::GitLab, event, field);
    let payload: PushPayload = json::read(Provider::GitLab, event, body)?;
    let project = payload.project.ok_or_else(|| missing("project"))?;
    let reference = payload.reference.filter(|name| !name.is_empty()).ok_or_else(|| missing("ref"))?;
    let update = RefUpdate::new(reference, payload.before, payload.after, project.default_branch.as_deref());
    let is_whole = |commits: &Commits| payload.total_commits_count.is_some() || commits.count() < LISTED_COMMITS;
    let files = payload.commits.filter(is_whole).and_then(|commits| commits.files(payload.total_commits_count));
    let urls = [project.web_url, project.git_http_url, project.git_ssh_url];
    let push = Push::new(Provider::GitLab, urls, vec![update]).ok_or_else(|| missing("project.web_url"))?;
    Ok(Received::Push(push.with_files(files)))
}

fn merge_request(event: &str, body: &[u8]) -> Result<Received, Error> {
    let missing = |field| Error::missing(Provider::GitLab, event, field);
    let payload: MergeRequestPayload = json::read(Provider::GitLab, event, body)?;
    let project = payload.project.ok_or_else(|| missing("project"))?;
    let merge_request = payload.object_attributes.ok_or_else(|| missing("object_attributes"))?;
    // Approvals by rule have no action.
    let action = merge_request.action.unwrap_or_default();
    let path = project.path_with_namespace.unwrap_or_default();
    let (owner, repository) = path.rsplit_once('/').unwrap_or(("", &path));
    let urls = [project.web_url, project.git_http_url, project.git_ssh_url];
    Ok(Received::PullRequest(PullRequest {
        provider: Provider::GitLab,
        urls: urls.into_iter().flatten().collect(),
        api_url: None,
        owner: owner.to_owned(),
        repository: repository.to_owned(),
        project_id: merge_request.target_project_id,
        number: merge_request.iid.ok_or_else(|| missing("object_attributes.iid"))?,
        refreshes: REFRESHING.contains(&action.as_str()),
        action,
    }))
}
