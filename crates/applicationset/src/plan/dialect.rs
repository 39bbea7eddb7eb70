//! The two dialects of templates behind one trait, and rendering of whole values with either.
//! It must not know what is rendered.

use serde_json::{Map, Value};

use super::{Error, Params};

/// How deep a template may nest.
const MAX_DEPTH: usize = 64;
/// The longest text that a template may render to: an object of the API has no more.
const MAX_RENDERED: usize = 3 << 20;

/// A dialect of templates.
pub trait Dialect: Send + Sync {
    /// Renders one text.
    ///
    /// # Errors
    /// When the template cannot be read or a parameter is missing that must be there.
    fn text(&self, template: &str, params: &Params) -> Result<String, Error>;

    /// Whether parameters stay nested, as Go templates read them; dotted keys otherwise.
    fn nests(&self) -> bool;
}

/// `{{param}}`: blanks within do not count, an unknown parameter stays as it is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct FastTemplate;

impl Dialect for FastTemplate {
    fn text(&self, template: &str, params: &Params) -> Result<String, Error> {
        let mut rendered = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((tag, next)) = after.split_once("}}") else {
                return Err(Error::invalid(format!(
                    "failed to read template {template:?}: cannot find end tag \"}}}}\"; close it"
                )));
            };
            rendered.push_str(before);
            match params.get(tag.trim()) {
                Some(Value::String(value)) => rendered.push_str(value),
                _ => rendered.extend(["{{", tag, "}}"]),
            }
            if rendered.len() > MAX_RENDERED {
                return Err(Error::invalid(format!("a template renders to more than {MAX_RENDERED} bytes")));
            }
            rest = next;
        }
        rendered.push_str(rest);
        Ok(rendered)
    }

    fn nests(&self) -> bool {
        false
    }
}

/// Renders every string of a value, and every key.
///
/// # Errors
/// As [`Dialect::text`].
pub fn value(dialect: &dyn Dialect, template: &Value, params: &Params) -> Result<Value, Error> {
    nested(dialect, template, params, 0)
}

fn nested(dialect: &dyn Dialect, template: &Value, params: &Params, depth: usize) -> Result<Value, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::invalid(format!("the template nests deeper than {MAX_DEPTH}")));
    }
    let text = |text: &str| if text.contains("{{") { dialect.text(text, params) } else { Ok(text.to_owned()) };
    Ok(match template {
        Value::String(template) => Value::String(text(template)?),
        Value::Array(list) => {
            Value::Array(list.iter().map(|item| nested(dialect, item, params, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let mut rendered = Map::new();
            for (key, item) in map {
                rendered.insert(text(key)?, nested(dialect, item, params, depth + 1)?);
            }
            Value::Object(rendered)
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_parameters_stay_and_blanks_do_not_count() {
        let params = json!({"a": "1", "n": 5}).as_object().unwrap().clone();
        let text = |template| FastTemplate.text(template, &params).unwrap();
        assert_eq!(text("x-{{ a }}-{{a}}-{{ b }}-{{n}}"), "x-1-1-{{ b }}-{{n}}");
        assert_eq!(text("}} {{}}"), "}} {{}}");
        assert!(FastTemplate.text("{{a", &params).unwrap_err().to_string().contains("end tag"));
    }

    #[test]
    fn keys_are_rendered_too() {
        let params = json!({"a": "1"}).as_object().unwrap().clone();
        let rendered = value(&FastTemplate, &json!({"k-{{a}}": ["{{a}}", 2, true]}), &params).unwrap();
        assert_eq!(rendered, json!({"k-1": ["1", 2, true]}));
    }
}
