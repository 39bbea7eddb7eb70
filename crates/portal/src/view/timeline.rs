//! What happened, by commit.
//! It must not sort or filter; `model` did.

use maud::{Markup, html};

use super::format;
use crate::model::{Entry, Thread, Timeline};

/// Commits shown; older ones are on the API.
const THREAD_LIMIT: usize = 5;
/// Steps shown of one commit.
const STEP_LIMIT: usize = 60;
/// The same happening to more objects of a kind is one step: twelve pods that start say no more than one.
const FOLD_ABOVE: usize = 2;

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
    let steps = fold(&thread.entries);
    let hidden = steps.len().saturating_sub(STEP_LIMIT);
    html! {
        article.thread {
            h3 { (title(thread)) span.muted {
                " at " time datetime=(thread.started) { (format!("{:.3}", thread.started)) } ", over " (format::span(thread.duration()))
            } }
            ol { @for step in steps.iter().take(STEP_LIMIT) { (line(thread, step)) } }
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

/// The entries in order, those that say the same of objects of one kind together, at the place of the first.
fn fold(entries: &[Entry]) -> Vec<Vec<&Entry>> {
    let key = |entry: &Entry| (entry.component.clone(), entry.reason.clone(), entry.object.kind.clone(), entry.warning);
    let mut steps: Vec<Vec<&Entry>> = Vec::new();
    for entry in entries {
        match steps.iter_mut().find(|step| key(step[0]) == key(entry)) {
            Some(step) => step.push(entry),
            None => steps.push(vec![entry]),
        }
    }
    let (many, few): (Vec<_>, Vec<_>) = steps.into_iter().partition(|step| step.len() > FOLD_ABOVE);
    let mut steps: Vec<Vec<&Entry>> =
        many.into_iter().chain(few.into_iter().flatten().map(|entry| vec![entry])).collect();
    let place = |step: &Vec<&Entry>| entries.iter().position(|entry| std::ptr::eq(entry, step[0]));
    steps.sort_by_key(place);
    steps
}

fn line(thread: &Thread, step: &[&Entry]) -> Markup {
    let (first, last) = (step[0], step[step.len() - 1]);
    let objects: std::collections::BTreeSet<&str> = step.iter().map(|entry| entry.object.name.as_str()).collect();
    let count: i64 = step.iter().map(|entry| entry.count).sum();
    html! {
        li.warning[first.warning] {
            time.offset datetime=(first.time) title=(first.time) { (when(thread, first)) }
            span.component { (first.component) }
            strong.reason { (first.reason) @if count > 1 { span.muted { " ×" (count) } } }
            span.object { span.muted { (first.object.kind) } " "
                @if objects.len() > 1 { (first.object.name) span.muted { " and " (objects.len() - 1) " more" } } @else { (first.object.name) }
            }
            span.message { (first.message) @if step.len() > 1 { span.last { "last at " (when(thread, last)) } } }
        }
    }
}

fn when(thread: &Thread, entry: &Entry) -> String {
    let offset = thread.offset(entry);
    if entry.precise { format::offset(offset) } else { format!("≈ {} s", (offset.as_millis() + 500) / 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectRef;

    fn entry(reason: &str, name: &str) -> Entry {
        Entry {
            time: jiff::Timestamp::UNIX_EPOCH,
            precise: true,
            warning: false,
            component: "simcluster".into(),
            reason: reason.into(),
            message: String::new(),
            object: ObjectRef::of("dev", &serde_json::json!({"kind": "Pod", "metadata": {"name": name}})),
            count: 1,
            thread: None,
        }
    }

    #[test]
    fn the_same_of_many_pods_is_one_step() {
        let entries: Vec<Entry> =
            ["a", "b", "c"].iter().flat_map(|name| [entry("Pulled", name), entry("Started", name)]).collect();
        let steps: Vec<_> = fold(&entries).iter().map(|step| (step[0].reason.clone(), step.len())).collect();
        assert_eq!(steps, [("Pulled".to_owned(), 3), ("Started".to_owned(), 3)]);
        assert_eq!(fold(&entries[..2]).len(), 2);
    }
}
