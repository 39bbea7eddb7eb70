//! Events of Azure DevOps: `git.push`, `git.pullrequest.*`. It tells no files.
//! It must not know how they are authenticated.

use serde::Deserialize;

use crate::json::List;
use crate::push::{MAX_UPDATES, RefUpdate, updates};
use crate::{Error, Provider, PullRequest, Push, Received, json};

/// Events of a pull request, all of which change what generators make; Argo CD's `azuredevopsAllowedPullRequestActions`.
const REFRESHING: [&str; 3] = ["git.pullrequest.created", "git.pullrequest.merged", "git.pullrequest.updated"];
/// How an event is called whose name has not been read yet.
const UNNAMED: &str = "(unnamed)";

/// What every event has.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "eventType")]
    event_type: Option<String>,
}

#[derive(Deserialize)]
struct Event<Resource> {
    resource: Option<Resource>,
}

#[derive(Deserialize)]
struct GitPush {
    #[serde(rename = "refUpdates", default)]
    ref_updates: List<Update, MAX_UPDATES>,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Update {
    name: Option<String>,
    #[serde(rename = "oldObjectId")]
    old_object_id: Option<String>,
    #[serde(rename = "newObjectId")]
    new_object_id: Option<String>,
}

#[derive(Deserialize)]
struct GitPullRequest {
    #[serde(rename = "pullRequestId")]
    pull_request_id: Option<u64>,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repository {
    name: Option<String>,
    project: Option<Project>,
    default_branch: Option<String>,
    remote_url: Option<String>,
    ssh_url: Option<String>,
    web_url: Option<String>,
    /// Of the API.
    url: Option<String>,
}

#[derive(Deserialize)]
struct Project {
    name: Option<String>,
}

pub(super) fn read(body: &[u8]) -> Result<Received, Error> {
    let envelope: Envelope = json::read(Provider::AzureDevOps, UNNAMED, body)?;
    let event = envelope.event_type.ok_or_else(|| Error::missing(Provider::AzureDevOps, UNNAMED, "eventType"))?;
    if event == "git.push" {
        push(&event, body)
    } else if REFRESHING.contains(&event.as_str()) {
        pull_request(event, body)
    } else {
        Ok(Provider::AzureDevOps.ignores(&event))
    }
}

fn push(event: &str, body: &[u8]) -> Result<Received, Error> {
    let missing = |field| Error::missing(Provider::AzureDevOps, event, field);
    let payload: Event<GitPush> = json::read(Provider::AzureDevOps, event, body)?;
    let push = payload.resource.ok_or_else(|| missing("resource"))?;
    let repository = push.repository.ok_or_else(|| missing("resource.repository"))?;
    let default = repository.default_branch.as_deref();
    let updates = updates(push.ref_updates, |update: Update| {
        Some(RefUpdate::new(update.name?, update.old_object_id, update.new_object_id, default))
    });
    let urls = [repository.remote_url, repository.ssh_url, repository.web_url];
    let push = Push::new(Provider::AzureDevOps, urls, updates);
    Ok(Received::Push(push.ok_or_else(|| missing("resource.repository.remoteUrl"))?))
}

fn pull_request(event: String, body: &[u8]) -> Result<Received, Error> {
    let missing = |field| Error::missing(Provider::AzureDevOps, &event, field);
    let payload: Event<GitPullRequest> = json::read(Provider::AzureDevOps, &event, body)?;
    let resource = payload.resource.ok_or_else(|| missing("resource"))?;
    let repository = resource.repository.ok_or_else(|| missing("resource.repository"))?;
    let project = repository.project.and_then(|project| project.name);
    let urls = [repository.remote_url, repository.ssh_url, repository.web_url];
    Ok(Received::PullRequest(PullRequest {
        provider: Provider::AzureDevOps,
        urls: urls.into_iter().flatten().collect(),
        api_url: repository.url,
        owner: project.ok_or_else(|| missing("resource.repository.project.name"))?,
        repository: repository.name.ok_or_else(|| missing("resource.repository.name"))?,
        project_id: None,
        number: resource.pull_request_id.ok_or_else(|| missing("resource.pullRequestId"))?,
        refreshes: true,
        action: event,
    }))
}
