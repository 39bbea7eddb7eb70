//! The frame of every page.
//! It must not have inline styles or scripts: the content security policy forbids them.

use maud::{DOCTYPE, Markup, html};

use crate::assets;

/// What is in the frame.
pub(crate) struct Page<'a> {
    pub(crate) title: &'a str,
    /// Address of the page's live events; empty for pages that do not change.
    pub(crate) events: &'a str,
    pub(crate) body: Markup,
}

/// The whole page.
pub(crate) fn page(page: Page<'_>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.title) " · Mainstay" }
                link rel="icon" type="image/svg+xml" href=(assets::LOGO.address());
                link rel="stylesheet" href=(assets::STYLE.address());
                script defer src=(assets::SCRIPT.address()) {}
            }
            body data-events=(page.events) {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    a.brand href="/" { img src=(assets::LOGO.address()) alt="" width="22" height="22"; "Mainstay" }
                    nav { a href="/" { "Applications" } }
                    @if !page.events.is_empty() { span #live.live title="This page follows the clusters" { "connecting" } }
                }
                main #main { (page.body) }
            }
        }
    }
}

/// A page that says what went wrong.
pub(crate) fn problem(title: &str, text: &str) -> Markup {
    let body = html! { section.empty { h1 { (title) } p { (text) } p { a href="/" { "All applications" } } } };
    page(Page { title, events: "", body })
}

/// The command that shows or does the same.
pub(crate) fn command(text: &str) -> Markup {
    html! { code.command title="The same on the command line" { "$ " (text) } }
}
