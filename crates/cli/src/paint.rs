//! Colours by meaning. They reach a terminal only: `anstream` strips them elsewhere.

use owo_colors::OwoColorize;

/// Good news.
pub(crate) fn good(text: &str) -> String {
    text.green().to_string()
}

/// Something is under way.
pub(crate) fn busy(text: &str) -> String {
    text.yellow().to_string()
}

/// Bad news.
pub(crate) fn bad(text: &str) -> String {
    text.red().bold().to_string()
}

/// What matters most.
pub(crate) fn strong(text: &str) -> String {
    text.bold().to_string()
}

/// What matters least.
pub(crate) fn faint(text: &str) -> String {
    text.dimmed().to_string()
}

/// A health or sync status of Argo CD in its colour.
pub(crate) fn status(text: &str) -> String {
    match text {
        "Healthy" | "Synced" | "Succeeded" | "True" | "Running" => good(text),
        "Degraded" | "Failed" | "Error" | "Missing" | "False" => bad(text),
        "" => faint("-"),
        _ => busy(text),
    }
}
