//! What differs from run to run is masked; identities become labels in the order they appear, so that moved and not
//! moved can be told apart.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::replay::Answer;

const MASK: &str = "*";

/// Fields whose values are another server's own choice.
const MASKED: &[&str] =
    &["clusterIP", "clusterIPs", "continue", "healthCheckNodePort", "nodePort", "resourceVersion", "token"];

static TIME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)").unwrap());
static UID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap());
static CREDENTIAL: LazyLock<Regex> = LazyLock::new(|| Regex::new("X509SHA256=[0-9a-f]{64}").unwrap());
/// Revisions within texts.
static REVISIONS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(current: )\d+|(too old resource version: )\d+ \(\d+\)|(resourceVersion\\*":\\*")\d+"#).unwrap()
});
static HASH: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"hash=[0-9A-F]+").unwrap());
static SELF_TYPE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"selfType\d*").unwrap());
/// Versions within texts, and names that end in a generated suffix because their prefix was cut off for it.
static IN_TEXT: LazyLock<[(Regex, &str); 3]> = LazyLock::new(|| {
    [
        (Regex::new(r"ResourceVersion in record \(\d+\)").unwrap(), "ResourceVersion in record (*)"),
        (Regex::new(r#"resourceVersion: "\d+""#).unwrap(), "resourceVersion: *"),
        (Regex::new(r"\b([a-z0-9-]{58})[b-df-hj-np-tv-z2-9]{5}\b").unwrap(), "${1}*"),
    ]
});
static AGE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(\d+[smhdy])+$|^<unknown>$").unwrap());
/// An address of the Services' network, in a table.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^10\.(9[6-9]|1[01]\d)\.\d+\.\d+$").unwrap());

/// All answers of a case, masked. A uid becomes `uid 1`, `uid 2`, …; the resource version of an object with a uid becomes
/// `version 1`, …, where the same number means the same version.
pub(crate) fn all(answers: &[Answer]) -> Vec<Answer> {
    let mut labels = Labels::default();
    answers.iter().map(|answer| Answer::new(answer.status, labels.masked(&answer.body))).collect()
}

#[derive(Default)]
struct Labels {
    uids: HashMap<String, usize>,
    versions: HashMap<String, usize>,
}

fn label(known: &mut HashMap<String, usize>, word: &str, text: &str) -> String {
    let next = known.len() + 1;
    format!("{word} {}", known.entry(text.to_owned()).or_insert(next))
}

impl Labels {
    fn masked(&mut self, value: &Value) -> Value {
        match value {
            Value::Object(map) => Value::Object(self.object(map)),
            Value::Array(list) => list.iter().map(|value| self.masked(value)).collect(),
            Value::String(text) => Value::from(self.text(text)),
            other => other.clone(),
        }
    }

    fn object(&mut self, map: &Map<String, Value>) -> Map<String, Value> {
        let mut shown: Map<String, Value> =
            map.iter().map(|(key, value)| (key.clone(), self.field(map, key, value))).collect();
        if let Some(cells) = shown.get_mut("cells").and_then(Value::as_array_mut) {
            cells.iter_mut().for_each(mask_cell);
        }
        if let Some(items) = shown.get_mut("items").and_then(Value::as_array_mut) {
            items.iter_mut().for_each(without_type);
        }
        shown
    }

    fn field(&mut self, map: &Map<String, Value>, key: &str, value: &Value) -> Value {
        match (key, value) {
            ("resourceVersion", Value::String(text)) if map.contains_key("uid") => {
                Value::from(label(&mut self.versions, "version", text))
            }
            (_, Value::Null) => Value::Null,
            (_, Value::String(text)) if text == "None" => value.clone(),
            ("name", Value::String(_)) => match map.get("generateName").and_then(Value::as_str) {
                Some(prefix) => Value::from(format!("{prefix}*")),
                None => self.masked(value),
            },
            _ if MASKED.contains(&key) => Value::from(MASK),
            _ => self.masked(value),
        }
    }

    fn text(&mut self, text: &str) -> String {
        let text = TIME.replace_all(text, "time");
        let text = CREDENTIAL.replace_all(&text, "X509SHA256=*");
        let text = REVISIONS.replace_all(&text, "${1}${2}${3}*");
        // Upstream names the type of `self` by the nanosecond.
        let text = HASH.replace_all(&text, "hash=*");
        let text = SELF_TYPE.replace_all(&text, "selfType");
        let text =
            IN_TEXT.iter().fold(text, |text, (pattern, shown)| pattern.replace_all(&text, *shown).into_owned().into());
        UID.replace_all(&text, |found: &regex::Captures<'_>| label(&mut self.uids, "uid", &found[0])).into_owned()
    }
}

fn mask_cell(cell: &mut Value) {
    let shown = cell.as_str().and_then(|text| match text {
        _ if AGE.is_match(text) => Some("age"),
        _ if ADDRESS.is_match(text) => Some(MASK),
        _ => None,
    });
    if let Some(shown) = shown {
        *cell = Value::from(shown);
    }
}

/// Items of built-in lists carry their kind here, as those of custom resources do upstream.
fn without_type(item: &mut Value) {
    if let Some(fields) = item.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
}

/// Where two values differ, a line each.
pub(crate) fn difference(want: &Value, found: &Value) -> String {
    let mut lines = Vec::new();
    compare(String::new(), want, found, &mut lines);
    lines.join("\n")
}

fn compare(path: String, want: &Value, found: &Value, lines: &mut Vec<String>) {
    match (want, found) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let null = Value::Null;
                compare(format!("{path}.{key}"), a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null), lines);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().for_each(|(index, (a, b))| compare(format!("{path}[{index}]"), a, b, lines));
        }
        _ if want != found => lines.push(format!("    {path}: want {} got {}", cut(want), cut(found))),
        _ => {}
    }
}

fn cut(value: &Value) -> String {
    value.to_string().chars().take(600).collect()
}
