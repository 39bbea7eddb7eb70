//! Draws a laid-out tree as SVG, and the icons of health.
//! It must not carry styles: those are in the style sheet, as the content security policy demands.

use maud::{Markup, html};

use crate::layout::{Item, Layout, NODE, Place};
use crate::model::{Health, Node, Tree};

/// Characters of a name that fit into a node.
const NAME_CHARS: usize = 25;
const DETAIL_CHARS: usize = 30;

/// Draws the tree; `link` gives the address of a node, `selected` is the text form of the selected object.
pub(crate) fn draw(tree: &Tree, layout: &Layout, link: &dyn Fn(&Node) -> String, selected: &str) -> Markup {
    let (width, height) = layout.size;
    html! {
        svg.tree width=(width) height=(height) viewBox=(format!("0 0 {width} {height}")) role="group"
            aria-label="Resource tree" {
            @for place in &layout.places {
                @if let Some(parent) = place.parent {
                    path.edge d=(edge(&layout.places[parent], place)) {}
                }
            }
            @for place in &layout.places {
                @match &place.item {
                    Item::Node(position) => (node(place, &tree.nodes[*position], link, selected)),
                    Item::More { kind, count, health } => (more(place, kind, *count, *health)),
                }
            }
        }
    }
}

/// A curve from the right side of the parent to the left side of the child.
fn edge(parent: &Place, child: &Place) -> String {
    let (x1, y1) = (parent.at.0 + NODE.0, parent.at.1 + NODE.1 / 2);
    let (x2, y2) = (child.at.0, child.at.1 + NODE.1 / 2);
    let middle = i32::midpoint(x1, x2);
    format!("M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}")
}

fn node(place: &Place, node: &Node, link: &dyn Fn(&Node) -> String, selected: &str) -> Markup {
    let id = node.object.to_string();
    let state = class(node.health());
    let label = label(node);
    html! {
        a.node.(state).selected[id == selected].ghost[!node.live] href=(link(node)) data-object=(id)
            transform=(format!("translate({} {})", place.at.0, place.at.1)) aria-label=(label)
            aria-current=[(id == selected).then_some("true")] {
            title { (label) }
            (frame())
            text.kind x="16" y="18" { (kind(node)) }
            text.name x="16" y="36" { (shorten(&node.object.name, NAME_CHARS)) }
            text.detail x="16" y="51" { (shorten(&node.detail, DETAIL_CHARS)) }
            @if let Some(health) = node.health() {
                g.icon transform=(format!("translate({} 7)", NODE.0 - 24)) { (glyph(health)) }
            }
            @if node.sync.as_deref() == Some("OutOfSync") {
                circle.outofsync cx=(NODE.0 - 34) cy="15" r="4" {}
            }
        }
    }
}

/// The kind, with the first word of its group where that is not Kubernetes' own: there are two Applications.
fn kind(node: &Node) -> String {
    let group = &node.object.group;
    match group.split_once('.') {
        Some((first, _)) if !group.ends_with(".k8s.io") => format!("{} · {first}", node.object.kind),
        _ => node.object.kind.clone(),
    }
}

fn more(place: &Place, kind: &str, count: usize, health: Option<Health>) -> Markup {
    html! {
        g.node.more.(class(health)) transform=(format!("translate({} {})", place.at.0, place.at.1)) {
            (frame())
            text.kind x="16" y="24" { (kind) }
            text.name x="16" y="43" { (format!("and {count} more")) }
            @if let Some(health) = health {
                g.icon transform=(format!("translate({} 7)", NODE.0 - 24)) { (glyph(health)) }
            }
        }
    }
}

fn frame() -> Markup {
    html! {
        rect.box width=(NODE.0) height=(NODE.1) rx="8" {}
        path.stripe d=(format!("M8 0h-0a8 8 0 0 0-8 8v{}a8 8 0 0 0 8 8z", NODE.1 - 16)) {}
    }
}

/// All about a node in one line, for screen readers and the pointer.
fn label(node: &Node) -> String {
    let mut parts = vec![node.object.short()];
    if let Some(verdict) = &node.verdict {
        let message = if verdict.message.is_empty() { String::new() } else { format!(": {}", verdict.message) };
        parts.push(format!("{}{message}", verdict.health));
    }
    parts.extend(node.sync.clone().filter(|sync| !sync.is_empty()));
    parts.extend(Some(node.detail.clone()).filter(|detail| !detail.is_empty()));
    parts.join(" · ")
}

/// Keeps both ends of a name: the end of a pod's name tells it from the others.
fn shorten(text: &str, limit: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= limit {
        return text.to_owned();
    }
    let (head, tail) = (limit - limit / 2, limit / 2 - 1);
    chars[..head].iter().chain(&['…']).chain(&chars[chars.len() - tail..]).collect()
}

/// The class of a health.
pub(crate) fn class(health: Option<Health>) -> &'static str {
    match health {
        Some(Health::Healthy) => "healthy",
        Some(Health::Suspended) => "suspended",
        Some(Health::Progressing) => "progressing",
        Some(Health::Missing) => "missing",
        Some(Health::Degraded) => "degraded",
        Some(Health::Unknown) => "unknown",
        None => "plain",
    }
}

/// The inside of a health's icon, 16 by 16: shape and colour both tell.
fn glyph(health: Health) -> Markup {
    let path = match health {
        Health::Healthy => "M4.6 8.3 7 10.7l4.5-5",
        Health::Suspended => "M6.2 5v6M9.8 5v6",
        Health::Progressing => "M8 4.2V8l2.5 1.7",
        Health::Missing => "M5.5 5.5l5 5M10.5 5.5l-5 5",
        Health::Degraded => "M8 4.2v4.6M8 11.3v.4",
        Health::Unknown => "M6 6.3a2 2 0 1 1 2.9 1.8c-.6.3-.9.6-.9 1.2M8 11.6v.3",
    };
    html! { circle.disc cx="8" cy="8" r="8" {} path.glyph d=(path) {} }
}

/// A health's icon for text.
pub(crate) fn icon(health: Health) -> Markup {
    html! { svg.icon.(class(Some(health))) viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" { (glyph(health)) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shorten("sample", 10), "sample");
        assert_eq!(shorten("sample-7d9f8b6c5d-x2k9p", 12), "sample…x2k9p");
    }
}
