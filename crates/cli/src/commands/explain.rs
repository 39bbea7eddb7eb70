//! `mainstay explain`: what a code means, where to look and what to do. It needs no server, and must not ask one.

mod pages;

use serde_json::json;

use crate::arguments::{Common, Explain};
use crate::error::Error;
use crate::output::say;
use crate::{output, paint, suggest};

use pages::Page;

pub(crate) fn run(common: &Common, explain: Explain) -> Result<(), Error> {
    let Some(code) = explain.code else { return list(common) };
    let page = pages::find(&code).ok_or_else(|| no_page(code))?;
    let also: Vec<_> = page.also().collect();
    let answer = json!({"code": page.code, "also": also, "summary": page.summary(), "text": page.text});
    output::print(common.output, &answer, || print_page(page))
}

/// Whether there is a page on a code.
pub(crate) fn is_known(code: &str) -> bool {
    pages::find(code).is_some()
}

fn no_page(code: String) -> Error {
    let near = suggest::near(&code, pages::codes());
    Error::NoPage { near: near.into_iter().map(str::to_owned).collect(), code }
}

fn list(common: &Common) -> Result<(), Error> {
    let answer: Vec<_> = pages::all().map(|page| json!({"code": page.code, "summary": page.summary()})).collect();
    output::print(common.output, &json!(answer), || {
        let rows: Vec<_> = pages::all().map(|page| vec![paint::strong(page.code), page.summary().to_owned()]).collect();
        output::table(&["CODE", "MEANING"], &rows);
        say!("\nMore on one: {}", paint::good("mainstay explain CODE"));
    })
}

fn print_page(page: Page) {
    for line in page.text.trim_end().lines() {
        let heading = line.trim_start_matches('#');
        if heading.len() < line.len() { say!("{}", paint::strong(heading.trim_start())) } else { say!("{line}") }
    }
}
