//! Templates against what Go makes of them.

mod certificates;
mod hostile;
mod sprig;
mod syntax;
mod yaml;

use mainstay_gotemplate::{Environment, Error, Functions, MissingKey, Templates, Value};
use serde_json::Value as Json;

/// A template's text for some data, with Sprig, and missing keys as Helm has them.
fn render(text: &str, data: &Json) -> Result<String, Error> {
    let environment = Environment { missing_key: MissingKey::Zero, ..Environment::default() };
    render_in(text, data, &environment)
}

fn render_in(text: &str, data: &Json, environment: &Environment) -> Result<String, Error> {
    let mut templates = Templates::new(Functions::sprig());
    templates.add("t", text)?;
    templates.render("t", Value::from(data), environment)
}
