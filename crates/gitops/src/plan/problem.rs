//! What is wrong with a source or with one resource of it: said on the Application, with file and line, while the
//! rest goes on.
//! It must not know how conditions are written.

use std::fmt;

use super::key::Key;

/// What kind of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// A file cannot be read: broken YAML, too big, a format not supported.
    Unreadable,
    /// A document is no Kubernetes manifest.
    NotAManifest,
    /// The destination serves no such kind.
    UnknownKind,
    /// The project does not allow it.
    Forbidden,
    /// The API server refused the object.
    Refused,
    /// Something asked for is not supported yet.
    Unsupported,
    /// An option has no effect.
    InVain,
    /// The same resource stands in the source twice.
    Repeated,
    /// Resources of its kind are not managed.
    Excluded,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// What kind.
    pub cause: Cause,
    /// `file:line`, or the file alone.
    pub origin: String,
    /// The resource, where it is known.
    pub resource: Option<Key>,
    /// Why, and what to do about it.
    pub message: String,
}

impl Problem {
    /// A problem of no known resource.
    pub fn new(cause: Cause, origin: impl Into<String>, message: impl Into<String>) -> Self {
        Self { cause, origin: origin.into(), resource: None, message: message.into() }
    }

    /// The same, of a resource.
    #[must_use]
    pub fn of(mut self, resource: &Key) -> Self {
        self.resource = Some(resource.clone());
        self
    }

    /// Whether the desired state is not known in full because of it. Then nothing may be pruned.
    #[must_use]
    pub fn leaves_a_gap(&self) -> bool {
        !matches!(self.cause, Cause::Repeated | Cause::Unsupported | Cause::InVain | Cause::Excluded)
    }

    /// The type of the condition that tells of it, as upstream names them.
    #[must_use]
    pub fn condition(&self) -> &'static str {
        match self.cause {
            Cause::Repeated => "RepeatedResourceWarning",
            Cause::Excluded => "ExcludedResourceWarning",
            Cause::Unsupported => "UnsupportedFeatureError",
            Cause::InVain => "UnsupportedFeatureWarning",
            Cause::Refused => "SyncError",
            _ => "ComparisonError",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.resource {
            Some(resource) => write!(f, "{}: {resource}: {}", self.origin, self.message),
            None => write!(f, "{}: {}", self.origin, self.message),
        }
    }
}
