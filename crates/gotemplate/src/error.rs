//! What can go wrong, told as Go's `text/template` tells it, so that people find the answers they are used to.

/// A template cannot be parsed or executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not a template.
    #[error("template: {template}:{line}: {message}")]
    Parse {
        /// Name of the template.
        template: String,
        /// Line of its text, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Executing it failed.
    #[error("template: {template}:{line}:{column}: executing {executing:?} at <{at}>: {message}")]
    Exec {
        /// Name of the template whose text the place is in.
        template: String,
        /// Line of its text, from 1.
        line: usize,
        /// Column of that line in bytes, from 0 as in Go.
        column: usize,
        /// Name of the template or definition that ran.
        executing: String,
        /// The expression, shortened.
        at: String,
        /// What went wrong.
        message: String,
    },
    /// The template itself says that it must not go on, by `fail` or `required`.
    #[error("execution error at ({template}:{line}:{column}): {message}")]
    Failed {
        /// Name of the template whose text the place is in.
        template: String,
        /// Line of its text, from 1.
        line: usize,
        /// Column of that line in bytes, from 0.
        column: usize,
        /// What it says.
        message: String,
    },
    /// There is no template of that name.
    #[error("template: no template {0:?} associated with template \"gotpl\"")]
    Unknown(String),
}

/// Why a function, or a step of an evaluation, failed; its caller knows where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// In words.
    Message(String),
    /// The template says so itself.
    Failed(String),
    /// A template that was run from within one failed: its error says where.
    Nested(Box<Error>),
}

impl Fault {
    /// A fault told in words.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Message(message.into())
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Message(message) | Self::Failed(message) => f.write_str(message),
            Self::Nested(error) => error.fmt(f),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Nested(Box::new(error))
    }
}
