//! What to do about an error: the class that every error of a reconcile has.

/// How a failed reconcile goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Transient: try again with backoff.
    Retry,
    /// Something else must happen first; a watch will tell, and a slow retry is the safety net.
    Wait,
    /// Trying again cannot help until the object or its source changes.
    Terminal,
}

/// Gives an error its class.
pub trait Classify: std::error::Error + Send + Sync + 'static {
    /// The class of this error.
    fn class(&self) -> Class;
}
