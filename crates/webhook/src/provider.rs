//! Which git host sent an event, and which of its readers takes it.
//! It must not know what a payload holds.

mod azure_devops;
mod bitbucket;
mod bitbucket_server;
mod gitea;
mod github;
mod gitlab;

use std::fmt;

use http::HeaderMap;

use crate::{Error, Received};

/// Longest name of an event that is repeated in an answer, in bytes.
const MAX_EVENT_NAME: usize = 80;

/// A kind of git host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// Azure DevOps, in the cloud or on premises.
    AzureDevOps,
    /// Gogs, Gitea and Forgejo, which share one format.
    Gitea,
    /// GitHub, in the cloud or on premises.
    GitHub,
    /// GitLab, in the cloud or on premises.
    GitLab,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Bitbucket Server and Data Center.
    BitbucketServer,
}

/// The headers that give a sender away, in the order of Argo CD's handler: Gitea calls itself GitHub too, and Bitbucket
/// Cloud names its events as Bitbucket Server does.
const MARKS: [(&str, Provider); 8] = [
    ("x-vss-activityid", Provider::AzureDevOps),
    ("x-gogs-event", Provider::Gitea),
    ("x-gitea-event", Provider::Gitea),
    ("x-forgejo-event", Provider::Gitea),
    ("x-github-event", Provider::GitHub),
    ("x-gitlab-event", Provider::GitLab),
    ("x-hook-uuid", Provider::Bitbucket),
    ("x-event-key", Provider::BitbucketServer),
];

/// What reads the payload of an event, given its name.
type Reader = fn(&str, &[u8]) -> Result<Received, Error>;

impl Provider {
    /// Who sent a request with such headers.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let is_there = |name: &str| headers.get(name).is_some_and(|value| !value.is_empty());
        MARKS.iter().find(|(name, _)| is_there(name)).map(|(_, provider)| *provider)
    }

    /// Bitbucket Server tries a webhook without signing.
    pub(crate) fn is_unsigned_ping(self, headers: &HeaderMap) -> bool {
        self == Self::BitbucketServer && text(headers, "x-event-key") == Some(bitbucket_server::PING)
    }

    /// Reads an event whose signature has been checked.
    pub(crate) fn read(self, headers: &HeaderMap, body: &[u8]) -> Result<Received, Error> {
        let (header, read): (&[&'static str], Reader) = match self {
            // The event is named in the payload.
            Self::AzureDevOps => return azure_devops::read(body),
            Self::Gitea => (&["x-gogs-event", "x-gitea-event", "x-forgejo-event"], gitea::read),
            Self::GitHub => (&["x-github-event"], github::read),
            Self::GitLab => (&["x-gitlab-event"], gitlab::read),
            Self::Bitbucket => (&["x-event-key"], bitbucket::read),
            Self::BitbucketServer => (&["x-event-key"], bitbucket_server::read),
        };
        let event = header.iter().find_map(|name| text(headers, name));
        let event = event.ok_or(Error::MissingHeader { provider: self, header: header[0] })?;
        read(event, body)
    }

    /// What is said of an event that nothing here reacts to.
    pub(crate) fn ignores(self, event: &str) -> Received {
        Received::Ignored(format!("event {} of {self} refreshes nothing", shortened(event)))
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::AzureDevOps => "Azure DevOps",
            Self::Gitea => "Gitea",
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::Bitbucket => "Bitbucket Cloud",
            Self::BitbucketServer => "Bitbucket Server",
        })
    }
}

/// A header that is not empty and is plain text.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty())
}

/// The name of an event as far as it is worth repeating, without what could break a line.
pub(crate) fn shortened(event: &str) -> String {
    let mut end = event.len().min(MAX_EVENT_NAME);
    while !event.is_char_boundary(end) {
        end -= 1;
    }
    event[..end].escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_first_mark_counts() {
        let all: HeaderMap = MARKS
            .iter()
            .map(|(name, _)| (http::HeaderName::from_static(name), HeaderValue::from_static("x")))
            .collect();
        // The order of Argo CD's `Handler`, one after the other with those before it taken away.
        let order = [
            ("x-vss-activityid", Provider::AzureDevOps),
            ("x-gogs-event", Provider::Gitea),
            ("x-gitea-event", Provider::Gitea),
            ("x-forgejo-event", Provider::Gitea),
            ("x-github-event", Provider::GitHub),
            ("x-gitlab-event", Provider::GitLab),
            ("x-hook-uuid", Provider::Bitbucket),
            ("x-event-key", Provider::BitbucketServer),
        ];
        let mut left = all;
        for (name, provider) in order {
            assert_eq!(Provider::of(&left), Some(provider), "{name}");
            left.remove(name);
        }
        assert_eq!(Provider::of(&left), None);
    }

    #[test]
    fn names_are_cut_between_letters() {
        assert_eq!(shortened(&"ä".repeat(100)), "ä".repeat(40));
        assert_eq!(shortened("a\nb\u{1b}[31m"), r"a\nb\u{1b}[31m");
    }
}
