//! Events of Bitbucket Server and Data Center: `repo:refs_changed`. It tells neither files nor the default branch.
//! It must not know how it is signed.

use serde::Deserialize;

use crate::json::List;
use crate::push::{MAX_UPDATES, RefUpdate};
use crate::{Error, Provider, Push, Received, json, push};

/// The event that tries a webhook.
pub(super) const PING: &str = "diagnostics:ping";
/// Most URLs to clone one repository; there is one for each protocol.
const MAX_LINKS: usize = 16;

#[derive(Deserialize)]
struct RefsChanged {
    repository: Option<Repository>,
    #[serde(default)]
    changes: List<Change, MAX_UPDATES>,
}

#[derive(Deserialize)]
struct Change {
    #[serde(rename = "ref")]
    reference: Option<Reference>,
    #[serde(rename = "fromHash")]
    from_hash: Option<String>,
    #[serde(rename = "toHash")]
    to_hash: Option<String>,
}

#[derive(Deserialize)]
struct Reference {
    id: Option<String>,
}

#[derive(Deserialize)]
struct Repository {
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    #[serde(default)]
    clone: List<Link, MAX_LINKS>,
}

#[derive(Deserialize)]
struct Link {
    href: Option<String>,
}

pub(super) fn read(event: &str, body: &[u8]) -> Result<Received, Error> {
    if event != "repo:refs_changed" {
        return Ok(Provider::BitbucketServer.ignores(event));
    }
    let payload: RefsChanged = json::read(Provider::BitbucketServer, event, body)?;
    let updates = push::updates(payload.changes, update);
    let repository =
        payload.repository.ok_or_else(|| Error::missing(Provider::BitbucketServer, event, "repository"))?;
    let clone = repository.links.map(|links| links.clone.items).unwrap_or_default();
    let urls = clone.into_iter().map(|link| link.href);
    Ok(match Push::new(Provider::BitbucketServer, urls, updates) {
        Some(push) => Received::Push(push),
        None => Received::Ignored(format!(
            "event {event} of Bitbucket Server has no URL to clone the repository in repository.links.clone"
        )),
    })
}

fn update(change: Change) -> Option<RefUpdate> {
    Some(RefUpdate::new(change.reference?.id?, change.from_hash, change.to_hash, None))
}
