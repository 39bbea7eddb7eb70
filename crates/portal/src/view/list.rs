//! The list of applications.
//! It must not decide who may see which; what it is given is shown.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use maud::{Markup, html};

use super::format;
use crate::model::{Health, Summary, short_image};
use crate::svg;

/// Lines on one page: more than anybody reads, few enough to be sent again with each change.
const LINE_LIMIT: usize = 200;

/// What the list shows.
pub(crate) struct List<'a> {
    pub(crate) applications: Vec<Summary>,
    /// Words typed into the filter box.
    pub(crate) filter: &'a str,
    /// Clusters that are simulated.
    pub(crate) simulated: BTreeSet<String>,
    pub(crate) now: Timestamp,
}

/// The page's body.
pub(crate) fn body(list: &List<'_>) -> Markup {
    html! {
        div.heading { h1 { "Applications" } (super::page::command("mainstay get")) }
        form.filter action="/" method="get" role="search" {
            input type="search" name="q" value=(list.filter) placeholder="Filter by name, environment, state, image…"
                aria-label="Filter" autocomplete="off" data-filter;
            noscript { button { "Filter" } }
        }
        (applications(list))
    }
}

/// The part that follows the clusters.
pub(crate) fn applications(list: &List<'_>) -> Markup {
    let is_shown = |summary: &&Summary| list.filter.split_whitespace().all(|word| summary.matches(word));
    let shown: Vec<&Summary> = list.applications.iter().filter(is_shown).collect();
    html! {
        section #applications {
            @if list.applications.is_empty() { (nothing_yet()) } @else {
                (counts(&shown))
                @if shown.is_empty() { p.empty { "No application matches “" (list.filter) "”. " a href="/" { "Show all" } } }
                @else { (table(list, &shown)) }
                @if shown.len() > LINE_LIMIT {
                    p.muted { (shown.len() - LINE_LIMIT) " more are not shown: use the filter to find them." }
                }
                (note_simulated(&list.simulated))
            }
        }
    }
}

fn nothing_yet() -> Markup {
    html! {
        div.empty {
            h2 { "No applications yet" }
            p { "Make the first one; it is committed, synced and shown here as it becomes ready:" }
            pre.command { "mainstay new application hello --image ghcr.io/stefanprodan/podinfo:6.7.1" }
        }
    }
}

fn counts(shown: &[&Summary]) -> Markup {
    let mut counts: BTreeMap<Health, usize> = BTreeMap::new();
    shown.iter().for_each(|summary| *counts.entry(summary.health).or_default() += 1);
    html! {
        p.counts {
            span.total { (shown.len()) " shown" }
            @for (health, count) in counts {
                a.count.(svg::class(Some(health))) href=(format!("/?q={}", health.as_str().to_lowercase())) {
                    (svg::icon(health)) (count) " " (health.as_str())
                }
            }
        }
    }
}

fn table(list: &List<'_>, shown: &[&Summary]) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th scope="col" { "Application" } th scope="col" { "Environment" } th scope="col" { "Health" }
                th scope="col" { "Sync" } th scope="col" { "Revision" } th scope="col" { "Image" }
                th.age scope="col" { "Age" }
            } }
            tbody { @for summary in shown.iter().take(LINE_LIMIT) { (line(list, summary)) } }
        } }
    }
}

fn line(list: &List<'_>, summary: &Summary) -> Markup {
    html! {
        tr {
            td { a.name href=(format!("/applications/{}/{}", summary.namespace, summary.name)) { (summary.name) }
                @if summary.operation == "Running" { span.running { "syncing" } } }
            td { (environment(summary, &list.simulated)) }
            td { (format::health(summary.health, &summary.health_message)) }
            td { (format::sync(&summary.sync)) }
            td { (format::commit(&summary.revision)) }
            td.images { (images(&summary.images)) }
            td.age { (format::ago(&summary.created, list.now)) }
        }
    }
}

fn environment(summary: &Summary, simulated: &BTreeSet<String>) -> Markup {
    html! {
        span.environment { (summary.cluster) }
        @if simulated.contains(&summary.cluster) { span.simulated title="No containers run on this cluster" { "simulated" } }
    }
}

fn images(images: &[String]) -> Markup {
    html! {
        @if let Some(first) = images.first() {
            code title=(images.join("\n")) { (short_image(first)) }
            @if images.len() > 1 { span.muted { " +" (images.len() - 1) } }
        } @else { span.muted { "–" } }
    }
}

fn note_simulated(simulated: &BTreeSet<String>) -> Markup {
    let names: Vec<&str> = simulated.iter().map(String::as_str).collect();
    html! {
        @if !names.is_empty() {
            p.note { "Simulated clusters: " (names.join(", ")) ". Their nodes run no containers; pods become ready by the clock." }
        }
    }
}
