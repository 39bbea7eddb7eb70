//! What can go wrong with a script, in words that lead to it. It must not know where scripts come from.

/// A script could not be run, or what it returned cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not Lua 5.1.
    #[error("failed to compile {script}: {reason}")]
    Syntax {
        /// What the script is for, such as `health.lua of cert-manager.io/Certificate`.
        script: String,
        /// What the compiler says, with the line.
        reason: String,
    },
    /// It ended with an error of its own, such as an index of nil.
    #[error("failed to run {script}: {reason}")]
    Failed {
        /// See [`Error::Syntax`].
        script: String,
        /// What Lua says, with the line.
        reason: String,
    },
    /// It did not come to an end.
    #[error("failed to run {script}: script ran longer than {limit} instructions; look for a loop that does not end")]
    TooLong {
        /// See [`Error::Syntax`].
        script: String,
        /// The limit: instructions, those that touch much memory counted several times.
        limit: u64,
    },
    /// It gathered too much.
    #[error("failed to run {script}: script used more than {limit} bytes of memory besides the object")]
    TooMuchMemory {
        /// See [`Error::Syntax`].
        script: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// It returned something else than a table.
    #[error("failed to use {script}: expect table output from Lua script, not {found}")]
    NoTable {
        /// See [`Error::Syntax`].
        script: String,
        /// The Lua type of what it returned.
        found: &'static str,
    },
    /// It returned a table that is not what such a script has to return.
    #[error("failed to use what {script} returned: {reason}")]
    BadResult {
        /// See [`Error::Syntax`].
        script: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Neither a customization nor a built-in rule knows the action.
    #[error("action {name:?} is not defined for {kind}; see the actions that discovery offers")]
    NoSuchAction {
        /// Group and kind, as `apps/Deployment`.
        kind: String,
        /// Name of the action.
        name: String,
    },
    /// A built-in action cannot be carried out on this object, or with these parameters.
    #[error("failed to run action {name:?} of {kind}: {reason}")]
    Refused {
        /// Group and kind, as `apps/Deployment`.
        kind: String,
        /// Name of the action.
        name: String,
        /// Why, and what to do.
        reason: String,
    },
}
