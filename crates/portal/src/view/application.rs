//! The page of one application: what it is, why it is so, its tree, its timeline, and an object's YAML.
//! It must not build the tree or the timeline; `model` does.

use jiff::Timestamp;
use maud::{Markup, html};

use super::format::query;
use super::{format, object, timeline};
use crate::model::{self, Cause, Explanation, Node, ObjectRef, Summary, Tree, World, short_image};
use crate::{layout, svg};

/// What is shown of an application.
pub(crate) struct View<'a> {
    pub(crate) world: &'a World,
    pub(crate) tree: Tree,
    pub(crate) summary: Summary,
    /// Text form of the object whose YAML is shown; empty for none.
    pub(crate) selected: &'a str,
    /// Whether the YAML has `managedFields`.
    pub(crate) managed: bool,
    pub(crate) now: Timestamp,
}

impl<'a> View<'a> {
    pub(crate) fn new(world: &'a World, selected: &'a str, managed: bool, now: Timestamp) -> Self {
        let summary = model::summary(&world.application, &world.control);
        Self { world, tree: model::tree(world), summary, selected, managed, now }
    }

    /// Address of this page, with an object selected or none.
    pub(crate) fn address(&self, selected: &str) -> String {
        let page = format!("/applications/{}/{}", self.summary.namespace, self.summary.name);
        match selected {
            "" => page,
            _ => format!("{page}?{}#object", query(&[("node", selected)])),
        }
    }

    /// The parts that follow the clusters, by id.
    pub(crate) fn parts(&self) -> [(&'static str, Markup); 5] {
        [
            ("summary", self.header()),
            ("why", self.why()),
            ("tree", self.resources()),
            ("object", object::section(self)),
            ("timeline", timeline::section(&model::timeline(self.world, &self.tree), &self.summary.name)),
        ]
    }

    /// The page's body.
    pub(crate) fn body(&self) -> Markup {
        html! { @for (_, part) in self.parts() { (part) } }
    }

    fn header(&self) -> Markup {
        let summary = &self.summary;
        html! {
            section #summary {
                p.crumbs { a href="/" { "Applications" } " / " (summary.namespace) }
                div.heading {
                    h1 { (summary.name) }
                    (format::health(summary.health, &summary.health_message))
                    (format::sync(&summary.sync))
                    @if summary.operation == "Running" { span.running { "syncing" } }
                }
                dl.facts { @for (name, value) in self.facts() { div { dt { (name) } dd { (value) } } } }
                (self.notes())
            }
        }
    }

    fn facts(&self) -> Vec<(&'static str, Markup)> {
        let summary = &self.summary;
        let path = if summary.path.is_empty() { "." } else { &summary.path };
        vec![
            ("Environment", html! { (summary.cluster) " / " (summary.destination_namespace) }),
            ("Revision", format::commit(&summary.revision)),
            ("Source", html! { (summary.repository) " " span.muted { (path) } }),
            (
                "Images",
                html! {
                    @for image in &summary.images { code.image title=(image) { (short_image(image)) } }
                    @if summary.images.is_empty() { span.muted { "–" } }
                },
            ),
            ("Project", html! { (summary.project) }),
            (
                "Deployed",
                html! { (format::ago(&summary.deployed, self.now)) @if !summary.deployed.is_empty() { " ago" } },
            ),
        ]
    }

    /// What the reader must know to read the page right.
    fn notes(&self) -> Markup {
        html! {
            @if self.world.is_simulated() {
                p.note { "Cluster " strong { (self.summary.cluster) } " is simulated: its nodes run no containers; pods become ready by the clock." }
            }
            @if !self.world.gaps.is_empty() {
                div.note.warning {
                    "Something could not be read, so this page is incomplete:"
                    ul { @for gap in &self.world.gaps { li { (gap) } } }
                }
            }
        }
    }

    fn why(&self) -> Markup {
        let explanation = model::why(self.world, &self.tree);
        html! {
            section #why {
                @if !explanation.causes.is_empty() {
                    div.heading { h2 { "Why" } (super::page::command(&format!("mainstay why {}", self.summary.name))) }
                    (self.causes(&explanation))
                }
            }
        }
    }

    fn causes(&self, explanation: &Explanation) -> Markup {
        const SHOWN: usize = 5;
        html! {
            ol.causes { @for cause in explanation.causes.iter().take(SHOWN) { li { (self.cause(cause)) } } }
            @if explanation.causes.len() > SHOWN {
                p.muted { "and " (explanation.causes.len() - SHOWN) " more" }
            }
        }
    }

    fn cause(&self, cause: &Cause) -> Markup {
        let last = cause.path.len().saturating_sub(1);
        html! {
            p.path { @for (position, object) in cause.path.iter().enumerate() {
                @if position > 0 { span.arrow aria-hidden="true" { "→" } }
                (self.link(object, position == last))
            } }
            p { strong.reason.(svg::class(Some(cause.health))) { (cause.reason) } " " span.message { (cause.message) } }
            @if !cause.advice.is_empty() { p.advice { (cause.advice) } }
        }
    }

    fn link(&self, object: &ObjectRef, last: bool) -> Markup {
        let id = object.to_string();
        html! { a.last[last] href=(self.address(&id)) data-object=(id) { span.muted { (object.kind) } " " (object.name) } }
    }

    fn resources(&self) -> Markup {
        let layout = layout::layout(&self.tree);
        let link = |node: &Node| match self.page_of(node) {
            Some(page) => page,
            None => self.address(&node.object.to_string()),
        };
        html! {
            section #tree {
                div.heading { h2 { "Resources" } (super::page::command(&format!("mainstay tree {}", self.summary.name))) }
                div.scroll.canvas { (svg::draw(&self.tree, &layout, &link, self.selected)) }
            }
        }
    }

    /// An Application within an Application has a page of its own.
    fn page_of(&self, node: &Node) -> Option<String> {
        let is_child = node.parent.is_some() && node.object.group == "argoproj.io" && node.object.kind == "Application";
        is_child.then(|| format!("/applications/{}/{}", node.object.namespace, node.object.name))
    }
}
