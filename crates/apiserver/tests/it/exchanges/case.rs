//! A case: requests in order, each with the answer it must get.
//!
//! ```yaml
//! description: what it shows
//! steps:
//! - send: GET /api/v1/namespaces/default/configmaps?watch=1&resourceVersion=${1/metadata/resourceVersion}
//!   headers: {Accept: application/json}   # a body has Content-Type: application/json unless told otherwise
//!   token: none                           # or ${3/status/token}; the administrator's if left out
//!   open: 2                               # a watch: open while the next two steps run; the answer is its events
//!   body: {}                              # a mapping, or text that is sent as it is
//!   status: 200
//!   answer: []
//! ```
//!
//! `${N/pointer}` is what step N answered, by JSON pointer; `${N/@etag}` its entity tag.

use std::path::Path;

use mainstay_apimachinery::yaml;
use serde_json::{Map, Value, json};

use super::mask;
use super::replay::Answer;

/// One case, as its file says it.
pub(crate) struct Case {
    description: Value,
    pub(crate) steps: Vec<Step>,
}

/// One request and what must come back.
#[derive(Clone)]
pub(crate) struct Step {
    fields: Map<String, Value>,
}

impl Case {
    #[allow(clippy::panic, reason = "a case that cannot be read fails its test, by name")]
    pub(crate) fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let mut value = yaml::parse_one(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())).value;
        let steps = value["steps"].as_array_mut().unwrap_or_else(|| panic!("{}: no steps", file.display()));
        let steps = steps.drain(..).map(|step| Step { fields: step.as_object().unwrap().clone() }).collect();
        Self { description: value["description"].take(), steps }
    }

    /// Takes what the server answered as what it must answer.
    pub(crate) fn record(&mut self, answers: &[Answer]) {
        for (step, answer) in self.steps.iter_mut().zip(mask::all(answers)) {
            step.fields.insert("status".to_owned(), Value::from(answer.status));
            step.fields.insert("answer".to_owned(), answer.body);
        }
    }

    pub(crate) fn write(&self, file: &Path) {
        let mut text = yaml::to_string(&json!({"description": self.description}));
        text.push_str("steps:\n");
        for step in &self.steps {
            text.push_str(&step.to_yaml());
        }
        #[allow(clippy::disallowed_methods, reason = "recording is asked for by hand")]
        std::fs::write(file, text).unwrap();
    }
}

/// The order in which a step's fields are written.
const ORDER: [&str; 7] = ["send", "headers", "token", "open", "body", "status", "answer"];

impl Step {
    pub(crate) fn of(fields: Map<String, Value>) -> Self {
        Self { fields }
    }

    fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// Method and path with query.
    pub(crate) fn title(&self) -> &str {
        self.text("send")
    }

    pub(crate) fn token(&self) -> Option<&str> {
        self.fields.get("token").and_then(Value::as_str)
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.fields.get("headers").and_then(Value::as_object).into_iter().flatten();
        headers.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }

    /// For how many steps a watch stays open.
    pub(crate) fn open(&self) -> Option<usize> {
        self.fields.get("open").and_then(Value::as_u64).and_then(|steps| usize::try_from(steps).ok())
    }

    pub(crate) fn body(&self) -> Option<String> {
        match self.fields.get("body")? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// Status code and masked body.
    pub(crate) fn expected(&self) -> (u16, &Value) {
        let status = self.fields.get("status").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        (status.unwrap_or_default(), self.fields.get("answer").unwrap_or(&Value::Null))
    }

    fn to_yaml(&self) -> String {
        let mut text = String::new();
        for field in ORDER {
            let Some(value) = self.fields.get(field) else { continue };
            for line in yaml::to_string(&json!({field: value})).lines() {
                text.push_str(if text.is_empty() { "- " } else { "  " });
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }
}
