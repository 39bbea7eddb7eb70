//! Whether an answer says what a recording says, as far as a recording can tell.
//! It must not know requests.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::replay::Answer;

/// A label that masking gave an identity.
static LABEL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b(uid|version) \d+\b").unwrap());

/// Which identity of a recording is which of ours. The recorded server had objects that are not here, so the numbers
/// of labels differ; what was one object there must be one object here.
#[derive(Clone, Default)]
pub(crate) struct Pairs {
    ours: HashMap<String, String>,
    theirs: HashMap<String, String>,
}

impl Pairs {
    /// Whether two masked answers are alike; if so, their identities are paired.
    pub(crate) fn are_alike(&mut self, want: &Answer, found: &Answer) -> bool {
        if want.status != found.status {
            return false;
        }
        let (want, found) = (settled(&want.body), settled(&found.body));
        let mut pairs = self.clone();
        let alike = pairs.alike(&want, &found) || same_set(&want, &found);
        if alike {
            *self = pairs;
        }
        alike
    }

    fn alike(&mut self, want: &Value, found: &Value) -> bool {
        match (want, found) {
            (Value::Object(want), Value::Object(found)) => {
                want.len() == found.len()
                    && want.iter().all(|(key, want)| found.get(key).is_some_and(|found| self.alike(want, found)))
            }
            (Value::Array(want), Value::Array(found)) => {
                want.len() == found.len() && want.iter().zip(found).all(|(want, found)| self.alike(want, found))
            }
            (Value::String(want), Value::String(found)) => self.alike_texts(want, found),
            _ => want == found,
        }
    }

    fn alike_texts(&mut self, want: &str, found: &str) -> bool {
        let labels = |text: &str| LABEL.find_iter(text).map(|label| label.as_str().to_owned()).collect::<Vec<_>>();
        let (theirs, ours) = (labels(want), labels(found));
        LABEL.replace_all(want, "$1") == LABEL.replace_all(found, "$1")
            && theirs.len() == ours.len()
            && theirs.into_iter().zip(ours).all(|(theirs, ours)| self.pair(theirs, ours))
    }

    fn pair(&mut self, theirs: String, ours: String) -> bool {
        let known = (self.ours.get(&theirs), self.theirs.get(&ours));
        match known {
            (None, None) => {
                self.ours.insert(theirs.clone(), ours.clone());
                self.theirs.insert(ours, theirs);
                true
            }
            (Some(known), Some(_)) => *known == ours,
            _ => false,
        }
    }
}

/// Managers are listed by the second of their writes; seconds pass between recorded requests, and none do here.
fn settled(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), settled_field(key, value))).collect(),
        Value::Array(list) => list.iter().map(settled).collect(),
        other => other.clone(),
    }
}

fn settled_field(key: &str, value: &Value) -> Value {
    let mut value = settled(value);
    if let Some(managers) = value.as_array_mut().filter(|_| key == "managedFields") {
        managers.sort_by_cached_key(ToString::to_string);
    }
    value
}

/// Whether two refusals of a custom resource list the same errors: upstream walks a Go map and lists them in any order.
fn same_set(want: &Value, found: &Value) -> bool {
    let custom = |body: &Value| {
        let group = body.pointer("/details/group").and_then(Value::as_str).unwrap_or_default();
        body["reason"] == "Invalid" && group.ends_with(".example.com")
    };
    custom(want) && custom(found) && unordered(want) == unordered(found)
}

/// A refusal with its causes, and the list of them in its message, in one order.
fn unordered(refusal: &Value) -> Value {
    let mut refusal = refusal.clone();
    if let Some(causes) = refusal.pointer_mut("/details/causes").and_then(Value::as_array_mut) {
        causes.sort_by_key(ToString::to_string);
    }
    let mut words: Vec<&str> =
        refusal["message"].as_str().unwrap_or_default().split([',', '[', ']']).map(str::trim).collect();
    words.sort_unstable();
    refusal["message"] = Value::from(words.join(" "));
    refusal
}
