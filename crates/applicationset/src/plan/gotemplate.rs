//! The dialect of `goTemplate: true`: Go templates with Sprig and what upstream adds to it.
//! It must not know what is rendered.

use jiff::Timestamp;
use mainstay_gotemplate::{
    Arguments, Entropy, Environment, Fault, Function, Functions, Limits, Machine, MissingKey, Style, Templates,
    Value as Held, from_yaml, to_go_yaml,
};
use serde_json::Value;

use super::{Dialect, Error, Params, params};

/// What templates may call besides Sprig.
const FUNCTIONS: &[(&str, Function)] = &[
    ("normalize", Function::fixed(1, |_, all| Ok(params::normalize(&Arguments(all).text(0)?).into()))),
    ("slugify", Function::variadic(1, slugify)),
    ("toYaml", Function::fixed(1, |_, all| Ok(to_go_yaml(&all[0], Style::V2)?.into()))),
    ("fromYaml", Function::fixed(1, |_, all| typed(from_yaml(&Arguments(all).text(0)?)?, "map"))),
    ("fromYamlArray", Function::fixed(1, |_, all| typed(from_yaml(&Arguments(all).text(0)?)?, "slice"))),
];
/// How long a slug is unless it is said.
const SLUG: usize = 50;

/// Go templates.
pub struct GoTemplate {
    functions: Functions,
    environment: Environment,
}

impl GoTemplate {
    /// Templates with a set's `goTemplateOptions`, at a time.
    ///
    /// # Errors
    /// When an option is unknown.
    pub fn new(options: &[String], now: Timestamp, entropy: Entropy) -> Result<Self, Error> {
        let mut missing_key = MissingKey::Default;
        for option in options {
            missing_key = match option.as_str() {
                "missingkey=default" | "missingkey=invalid" => MissingKey::Default,
                "missingkey=zero" => MissingKey::Zero,
                "missingkey=error" => MissingKey::Error,
                _ => {
                    return Err(Error::invalid(format!(
                        "goTemplateOptions: {option:?} is unknown; write missingkey=error, missingkey=zero or missingkey=default"
                    )));
                }
            };
        }
        let environment = Environment { now, entropy, missing_key, limits: Limits::shallow() };
        Ok(Self { functions: Functions::sprig().with(FUNCTIONS), environment })
    }
}

impl Dialect for GoTemplate {
    fn text(&self, template: &str, params: &Params) -> Result<String, Error> {
        let mut templates = Templates::new(self.functions.clone());
        templates
            .add("", template)
            .map_err(|error| Error::invalid(format!("failed to parse template {template}: {error}")))?;
        let data = Held::from(&Value::Object(params.clone()));
        let rendered = templates.render("", data, &self.environment);
        rendered.map_err(|error| Error::invalid(format!("failed to execute go template {template}: {error}")))
    }

    fn nests(&self) -> bool {
        true
    }
}

/// A value of a kind, or none.
fn typed(value: Held, kind: &str) -> Result<Held, Fault> {
    match &value {
        Held::Nil if kind == "map" => Ok(Held::Map(mainstay_gotemplate::Dict::default())),
        Held::Nil => Ok(Vec::new().into()),
        value if value.kind() == kind => Ok(value.clone()),
        other => Err(Fault::new(format!("cannot unmarshal {} into a {kind}", other.kind()))),
    }
}

/// A name for URLs and objects: `slugify [length] [smart] text`. Smart ones end at a word.
fn slugify(_: &mut Machine<'_>, all: &[Held]) -> Result<Held, Fault> {
    let all = Arguments(all);
    let (length, smart, text) = match all.0.len() {
        1 => (SLUG, true, all.text(0)?),
        2 => (all.count(0, 1000)?, true, all.text(1)?),
        3 => (all.count(0, 1000)?, all.truth(1)?, all.text(2)?),
        count => {
            return Err(Fault::new(format!(
                "slugify takes a length, whether to end at words, and a text; not {count} arguments"
            )));
        }
    };
    Ok(slug(&text, length, smart).into())
}

fn slug(text: &str, length: usize, smart: bool) -> String {
    let mut slug = String::with_capacity(text.len());
    for letter in text.to_lowercase().chars() {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            slug.push(letter);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_matches(['-', '_']);
    if slug.len() <= length {
        return slug.to_owned();
    }
    let words = slug[..=length].rfind('-').filter(|at| smart && *at > 0);
    slug[..words.unwrap_or(length)].trim_end_matches(['-', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(template: &str, options: &[&str]) -> Result<String, String> {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let dialect =
            GoTemplate::new(&options, Timestamp::UNIX_EPOCH, Entropy::default()).map_err(|e| e.to_string())?;
        let params = json!({"name": "Team_A", "path": {"segments": ["apps", "shop"]}, "n": 3});
        dialect.text(template, params.as_object().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn parameters_are_nested_and_functions_can_be_called() {
        assert_eq!(text("{{ normalize .name }}-{{ index .path.segments 1 }}-{{ .n }}", &[]).unwrap(), "team-a-shop-3");
        assert_eq!(text("{{ toYaml .path }}", &[]).unwrap(), "segments:\n- apps\n- shop");
        assert_eq!(text("{{ (fromYaml \"a: x\").a }}{{ index (fromYamlArray \"[z]\") 0 }}", &[]).unwrap(), "xz");
        assert_eq!(
            text("{{ slugify 23 true \"Feature/Some very long branch name\" }}", &[]).unwrap(),
            "feature-some-very-long"
        );
        assert_eq!(text("{{ slugify 10 false \"Feature/Some\" }}", &[]).unwrap(), "feature-so");
        assert!(text("{{ env \"HOME\" }}", &[]).unwrap_err().contains("function \"env\" not defined"));
    }

    #[test]
    fn options_say_what_a_missing_key_is() {
        assert_eq!(text("{{ .nope.x }}", &[]).unwrap(), "<no value>");
        assert!(text("{{ .nope }}", &["missingkey=error"]).unwrap_err().contains("map has no entry for key \"nope\""));
        assert!(text("{{ .nope.x }}", &["missingkey=zero"]).unwrap_err().contains("nil pointer"));
        assert!(text("x", &["missingkey=other"]).unwrap_err().contains("is unknown"));
    }
}
