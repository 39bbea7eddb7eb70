//! What a controller wants said about an object: the content of an Event, before it is recorded.
//! It must not know how events are written.

/// The content of an Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// Whether it is a warning.
    pub warning: bool,
    /// Reason in PascalCase.
    pub reason: &'static str,
    /// Message for a person.
    pub message: String,
}

impl Note {
    /// An event of type Normal.
    pub(crate) fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self { warning: false, reason, message: message.into() }
    }

    /// An event of type Warning.
    pub(crate) fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self { warning: true, reason, message: message.into() }
    }
}
