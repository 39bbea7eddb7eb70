//! The event of Bitbucket Cloud: `repo:push`. It tells neither files nor the default branch.
//! It must not know how it is authenticated.

use serde::Deserialize;

use crate::json::List;
use crate::push::{MAX_UPDATES, RefUpdate};
use crate::{Error, Provider, Push, Received, json, push};

#[derive(Deserialize)]
struct PushPayload {
    push: Option<Changes>,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Changes {
    #[serde(default)]
    changes: List<Change, MAX_UPDATES>,
}

/// A reference before and after; one of both is null where it came or went.
#[derive(Deserialize)]
struct Change {
    old: Option<Reference>,
    new: Option<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    hash: Option<String>,
}

#[derive(Deserialize)]
struct Repository {
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    html: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: Option<String>,
}

pub(super) fn read(event: &str, body: &[u8]) -> Result<Received, Error> {
    if event != "repo:push" {
        return Ok(Provider::Bitbucket.ignores(event));
    }
    let missing = |field| Error::missing(Provider::Bitbucket, event, field);
    let payload: PushPayload = json::read(Provider::Bitbucket, event, body)?;
    let changes = payload.push.ok_or_else(|| missing("push"))?.changes;
    let updates = push::updates(changes, update);
    let html = payload.repository.and_then(|repository| repository.links).and_then(|links| links.html);
    let push = Push::new(Provider::Bitbucket, [html.and_then(|html| html.href)], updates);
    Ok(Received::Push(push.ok_or_else(|| missing("repository.links.html.href"))?))
}

fn update(change: Change) -> Option<RefUpdate> {
    let hash = |reference: &Reference| reference.target.as_ref().and_then(|target| target.hash.clone());
    let before = change.old.as_ref().and_then(hash);
    let after = change.new.as_ref().and_then(hash);
    let reference = change.new.or(change.old)?;
    let prefix = if reference.kind.as_deref() == Some("tag") { "refs/tags/" } else { "refs/heads/" };
    Some(RefUpdate::new(format!("{prefix}{}", reference.name?), before, after, None))
}
