//! Why an event is refused, in words for whoever looks at the deliveries of a git host.
//! It must not hold a secret, nor a signature.

use http::StatusCode;

use crate::Provider;
use crate::provider::shortened;

/// An event is refused. What it says may repeat a piece of the payload, so it is to be answered as plain text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not sent with POST.
    #[error("a webhook is sent with POST, not {0}")]
    Method(String),
    /// Longer than allowed.
    #[error("the payload is larger than {limit_bytes} bytes; raise webhook.maxPayloadSizeMB if events are meant to be")]
    TooLarge {
        /// The most that is allowed.
        limit_bytes: usize,
    },
    /// No header of a git host that is known.
    #[error(
        "unknown webhook event: no header names GitHub, GitLab, Gitea, Gogs, Forgejo, Bitbucket or Azure DevOps as sender"
    )]
    UnknownProvider,
    /// A header is missing that every event of the git host has.
    #[error("an event of {provider} has no usable {header} header")]
    MissingHeader {
        /// Who sent it.
        provider: Provider,
        /// The header.
        header: &'static str,
    },
    /// A secret is set, and the event does not show that its sender knows it.
    #[error(
        "an event of {provider} has no {header} header; give the webhook the secret that argocd-secret has in {key}"
    )]
    Unsigned {
        /// Who sent it.
        provider: Provider,
        /// The header that is missing.
        header: &'static str,
        /// Where the secret is set.
        key: &'static str,
    },
    /// A secret is set, and the sender has another.
    #[error("the {header} header of an event of {provider} does not fit what argocd-secret has in {key}")]
    WrongSignature {
        /// Who sent it.
        provider: Provider,
        /// The header that was looked at.
        header: &'static str,
        /// Where the secret is set.
        key: &'static str,
    },
    /// The payload is a field of a form.
    #[error("an event of {provider} is sent as a form; set the content type of the webhook to application/json")]
    FormEncoded {
        /// Who sent it.
        provider: Provider,
    },
    /// The payload is no JSON, or not of the shape that the git host documents.
    #[error("failed to read event {event} of {provider}: {why}")]
    Malformed {
        /// Who sent it.
        provider: Provider,
        /// Which event.
        event: String,
        /// What is wrong, and where.
        why: String,
    },
    /// The payload lacks what an event of its kind is about.
    #[error("event {event} of {provider} has no usable {field}")]
    Missing {
        /// Who sent it.
        provider: Provider,
        /// Which event.
        event: String,
        /// The field.
        field: &'static str,
    },
}

impl Error {
    pub(crate) fn missing(provider: Provider, event: &str, field: &'static str) -> Self {
        Self::Missing { provider, event: shortened(event), field }
    }

    /// The HTTP status to answer with: as Argo CD 400, but 405 for the method and 413 for the size.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Whether the sender did not show that it knows the secret: worth a line in a log of security events.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        matches!(self, Self::Unsigned { .. } | Self::WrongSignature { .. })
    }
}
