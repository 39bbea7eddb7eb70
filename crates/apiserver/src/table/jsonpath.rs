//! The part of JSON path that definitions use for columns, scale and selectable fields:
//! `.a.b`, `['a.b']`, `[0]`, `[-1]`, `[*]`, `[?(@.type=="Ready")]`.
//! It must not know what the paths are for.

use serde_json::Value;

/// A parsed path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    Filter { path: JsonPath, equal: Option<bool>, value: Value },
}

impl JsonPath {
    /// Parses a path; `None` if it is not of the supported form.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let mut rest = path.trim();
        rest = rest.strip_prefix('{').and_then(|r| r.strip_suffix('}')).unwrap_or(rest);
        rest = rest.strip_prefix('$').unwrap_or(rest);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, tail) = if let Some(tail) = rest.strip_prefix('[') { bracket(tail)? } else { field(rest)? };
            steps.extend(step);
            rest = tail;
        }
        Some(Self(steps))
    }

    /// The first value the path leads to.
    pub(crate) fn first<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        walk(&self.0, object).into_iter().next()
    }
}

fn field(rest: &str) -> Option<(Option<Step>, &str)> {
    let rest = rest.strip_prefix('.').unwrap_or(rest);
    let mut name = String::new();
    let mut chars = rest.char_indices();
    let mut end = rest.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.push(chars.next()?.1),
            '.' | '[' => {
                end = at;
                break;
            }
            c => name.push(c),
        }
    }
    let step = match name.as_str() {
        "" => None,
        "*" => Some(Step::All),
        _ => Some(Step::Field(name)),
    };
    if end == 0 && !rest.starts_with('[') {
        return None;
    }
    Some((step, &rest[end..]))
}

fn bracket(rest: &str) -> Option<(Option<Step>, &str)> {
    if let Some(filter) = rest.strip_prefix("?(") {
        let end = filter.find(")]")?;
        return Some((Some(condition(&filter[..end])?), &filter[end + 2..]));
    }
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
    if let Some(quote) = quote {
        let end = rest[1..].find(quote)? + 1;
        let tail = rest[end + 1..].strip_prefix(']')?;
        return Some((Some(Step::Field(rest[1..end].to_owned())), tail));
    }
    let end = rest.find(']')?;
    let step = match &rest[..end] {
        "*" => Step::All,
        index => Step::Index(index.trim().parse().ok()?),
    };
    Some((Some(step), &rest[end + 1..]))
}

/// `@.type=="Ready"`, `@.type!='Ready'`, or `@.field` for its presence.
fn condition(text: &str) -> Option<Step> {
    let (path, equal, value) = match (text.split_once("=="), text.split_once("!=")) {
        (Some((path, value)), _) => (path, Some(true), literal(value)?),
        (None, Some((path, value))) => (path, Some(false), literal(value)?),
        (None, None) => (text, None, Value::Null),
    };
    Some(Step::Filter { path: JsonPath::parse(path.trim().strip_prefix('@')?)?, equal, value })
}

fn literal(text: &str) -> Option<Value> {
    let text = text.trim();
    let quoted = |quote| text.strip_prefix(quote).and_then(|t: &str| t.strip_suffix(quote));
    match quoted('"').or_else(|| quoted('\'')) {
        Some(inner) => Some(Value::from(inner)),
        None => serde_json::from_str(text).ok(),
    }
}

fn walk<'a>(steps: &[Step], value: &'a Value) -> Vec<&'a Value> {
    let Some((step, rest)) = steps.split_first() else { return vec![value] };
    let next: Vec<&Value> = match step {
        Step::Field(name) => value.get(name).into_iter().collect(),
        Step::Index(index) => at(value, *index).into_iter().collect(),
        Step::All => children(value),
        Step::Filter { path, equal, value: wanted } => {
            children(value).into_iter().filter(|item| matches(path.first(item), *equal, wanted)).collect()
        }
    };
    next.into_iter().flat_map(|value| walk(rest, value)).collect()
}

fn matches(found: Option<&Value>, equal: Option<bool>, wanted: &Value) -> bool {
    match (found, equal) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(found), Some(equal)) => (found == wanted) == equal,
    }
}

fn at(value: &Value, index: i64) -> Option<&Value> {
    let list = value.as_array()?;
    let index =
        if index < 0 { list.len().checked_add_signed(isize::try_from(index).ok()?)? } else { index.try_into().ok()? };
    list.get(index)
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(path: &str) -> Option<Value> {
        let object = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "x"}},
            "spec": {"list": [1, 2, 3]},
            "status": {"conditions": [{"type": "A", "status": "no"}, {"type": "Ready", "status": "yes"}]},
        });
        JsonPath::parse(path)?.first(&object).cloned()
    }

    #[test]
    fn finds_what_definitions_ask_for() {
        assert_eq!(found(".status.conditions[?(@.type==\"Ready\")].status"), Some(json!("yes")));
        assert_eq!(found(".status.conditions[?(@.type=='Ready')].status"), Some(json!("yes")));
        assert_eq!(found(".metadata.labels.app\\.kubernetes\\.io/name"), Some(json!("x")));
        assert_eq!(found(".metadata.labels['app.kubernetes.io/name']"), Some(json!("x")));
        assert_eq!(found(".spec.list[-1]"), Some(json!(3)));
        assert_eq!(found("{.spec.list[*]}"), Some(json!(1)));
        assert_eq!(found(".spec.missing"), None);
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        assert_eq!(JsonPath::parse(".spec[?(x)]"), None);
        assert_eq!(JsonPath::parse(".spec["), None);
        assert_eq!(JsonPath::parse(".spec..x"), None);
    }
}
