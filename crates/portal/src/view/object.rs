//! One object's YAML.
//! It must not show what `model::displayable` hides.

use maud::{Markup, html};

use super::application::View;
use super::format::query;
use crate::model;

/// The section that follows the clusters; empty while nothing is selected.
pub(crate) fn section(view: &View<'_>) -> Markup {
    html! {
        section #object {
            @if !view.selected.is_empty() {
                @match view.world.find(view.selected) {
                    Some(located) => (shown(view, &located)),
                    None => { h2 { "Object" } p.empty { "It is not there (any more). " a href=(view.address("")) { "Close" } } },
                }
            }
        }
    }
}

fn shown(view: &View<'_>, located: &model::Located) -> Markup {
    let reference = located.reference();
    let yaml = mainstay_apimachinery::yaml::to_string(&model::displayable(&located.object, view.managed));
    let managed = if view.managed { "" } else { "1" };
    let parameters = query(&[("node", view.selected), ("managed", managed)]);
    let toggled = format!("{}?{parameters}#object", view.address(""));
    html! {
        div.heading {
            h2 { span.muted { (reference.kind) } " " (reference.name) }
            (super::page::command(&kubectl(&reference)))
            span.actions {
                a href=(toggled) { @if view.managed { "Hide managed fields" } @else { "Show managed fields" } }
                a href=(view.address("")) data-close { "Close" }
            }
        }
        pre.yaml { code { @for line in yaml.lines() { (highlight(line)) "\n" } } }
    }
}

fn kubectl(object: &model::ObjectRef) -> String {
    let kind = if object.group.is_empty() {
        object.kind.to_lowercase()
    } else {
        format!("{}.{}", object.kind.to_lowercase(), object.group)
    };
    let namespace = if object.namespace.is_empty() { String::new() } else { format!(" -n {}", object.namespace) };
    format!("kubectl --context {}{namespace} get {kind} {} -o yaml", object.cluster, object.name)
}

/// Sets a line's key apart from its value.
fn highlight(line: &str) -> Markup {
    let indent = line.len() - line.trim_start_matches([' ', '-']).len();
    let (lead, rest) = line.split_at(indent);
    match rest.split_once(':') {
        Some((key, value)) if value.is_empty() || value.starts_with(' ') => {
            html! { (lead) span.key { (key) } ":" (value) }
        }
        _ => html! { (line) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_set_apart_and_escaped() {
        let text = highlight("  - na<me: \"<b>\"").into_string();
        assert_eq!(text, "  - <span class=\"key\">na&lt;me</span>: &quot;&lt;b&gt;&quot;");
        assert_eq!(highlight("http://x").into_string(), "http://x");
    }
}
