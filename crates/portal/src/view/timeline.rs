//! What happened, by commit.
//! It must not sort or filter; `model` did.

use maud::{Markup, html};

use super::format;
use crate::model::{Entry, Thread, Timeline};

/// Commits shown; older ones are on the API.
const THREAD_LIMIT: usize = 5;
/// Entries shown of one commit.
const ENTRY_LIMIT: usize = 100;

/// The section that follows the clusters.
pub(crate) fn section(timeline: &Timeline, name: &str) -> Markup {
    html! {
        section #timeline {
            div.heading { h2 { "Timeline" } (super::page::command(&format!("mainstay timeline {name}"))) }
            @if timeline.threads.is_empty() { p.empty { "Nothing has happened yet; push a commit that changes it." } }
            @for thread in timeline.threads.iter().take(THREAD_LIMIT) { (commit(thread)) }
        }
    }
}

fn commit(thread: &Thread) -> Markup {
    let hidden = thread.entries.len().saturating_sub(ENTRY_LIMIT);
    html! {
        article.thread {
            h3 { (title(thread)) span.muted {
                " at " time datetime=(thread.started) { (format!("{:.3}", thread.started)) } ", over " (format::span(thread.duration()))
            } }
            ol { @for entry in thread.entries.iter().take(ENTRY_LIMIT) { (line(thread, entry)) } }
            @if hidden > 0 { p.muted { "and " (hidden) " more" } }
        }
    }
}

fn title(thread: &Thread) -> Markup {
    match thread.thread.as_deref().and_then(|thread| thread.rsplit_once('@')) {
        Some((repository, sha)) => html! { "Commit " (format::commit(sha)) " of " (repository) },
        None => html! { "Without a commit" },
    }
}

fn line(thread: &Thread, entry: &Entry) -> Markup {
    let offset = thread.offset(entry);
    let when = if entry.precise { format::offset(offset) } else { format!("+{} s", offset.as_secs()) };
    html! {
        li.warning[entry.warning] {
            time.offset datetime=(entry.time) title=(entry.time) { (when) }
            span.component { (entry.component) }
            strong.reason { (entry.reason) @if entry.count > 1 { span.muted { " ×" (entry.count) } } }
            span.object { span.muted { (entry.object.kind) } " " (entry.object.name) }
            span.message { (entry.message) }
        }
    }
}
