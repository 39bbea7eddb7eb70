//! Label and field selectors, parsed and printed as upstream's `labels` and `fields` packages do.
//! It must not know which fields a kind lets its clients select on.

use std::fmt;

use serde_json::{Map, Value};

mod field;
mod parse;

pub use field::{FieldRequirement, FieldSelector};

/// Why a selector was refused; the text is that of upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(String);

impl SelectorError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// One condition on one label, as `labels.Requirement`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRequirement {
    /// The label's key.
    pub key: String,
    /// What must hold for its value.
    pub operator: LabelOperator,
}

/// What must hold for a label's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelOperator {
    /// The label is there, with one of these values.
    In(Vec<String>),
    /// The label is missing or has none of these values.
    NotIn(Vec<String>),
    /// The label is there.
    Exists,
    /// The label is missing.
    DoesNotExist,
    /// The label is an integer greater than this.
    GreaterThan(i64),
    /// The label is an integer less than this.
    LessThan(i64),
}

impl LabelRequirement {
    fn matches(&self, labels: &Map<String, Value>) -> bool {
        let value = labels.get(&self.key).and_then(Value::as_str);
        let number = || value.and_then(|v| v.parse::<i64>().ok());
        match &self.operator {
            LabelOperator::In(values) => value.is_some_and(|v| values.iter().any(|x| x == v)),
            LabelOperator::NotIn(values) => value.is_none_or(|v| values.iter().all(|x| x != v)),
            LabelOperator::Exists => value.is_some(),
            LabelOperator::DoesNotExist => value.is_none(),
            LabelOperator::GreaterThan(bound) => number().is_some_and(|n| n > *bound),
            LabelOperator::LessThan(bound) => number().is_some_and(|n| n < *bound),
        }
    }
}

impl fmt::Display for LabelRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.operator {
            LabelOperator::In(values) if values.len() == 1 => write!(f, "{key}={}", values[0]),
            LabelOperator::In(values) => write!(f, "{key} in ({})", values.join(",")),
            LabelOperator::NotIn(values) if values.len() == 1 => write!(f, "{key}!={}", values[0]),
            LabelOperator::NotIn(values) => write!(f, "{key} notin ({})", values.join(",")),
            LabelOperator::Exists => f.write_str(key),
            LabelOperator::DoesNotExist => write!(f, "!{key}"),
            LabelOperator::GreaterThan(bound) => write!(f, "{key}>{bound}"),
            LabelOperator::LessThan(bound) => write!(f, "{key}<{bound}"),
        }
    }
}

/// A conjunction of conditions on labels, as `labels.Selector`. The default one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<LabelRequirement>,
    nothing: bool,
}

impl LabelSelector {
    /// The selector that matches every object.
    #[must_use]
    pub fn everything() -> Self {
        Self::default()
    }

    /// The selector that matches no object, as a missing `LabelSelector` in most specs does.
    #[must_use]
    pub fn nothing() -> Self {
        Self { requirements: Vec::new(), nothing: true }
    }

    /// Parses the `labelSelector` of a request: `app=web,tier in (a,b),!legacy`.
    ///
    /// # Errors
    /// The text of upstream's parser, when the selector is malformed or a key or value is no valid label.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        Ok(Self { requirements: sorted(parse::requirements(text)?), nothing: false })
    }

    /// Reads a `metav1.LabelSelector`: `matchLabels` and `matchExpressions`. `null` matches nothing and `{}` everything.
    ///
    /// # Errors
    /// When an operator is unknown, or has values where it may not (or lacks them where it must).
    pub fn from_object(selector: &Value) -> Result<Self, SelectorError> {
        if selector.is_null() {
            return Ok(Self::nothing());
        }
        let labels = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
        let mut requirements: Vec<_> = labels.map(|(key, value)| equals(key, value)).collect();
        for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            requirements.push(expression_requirement(expression)?);
        }
        Ok(Self { requirements: sorted(requirements), nothing: false })
    }

    /// A selector for objects that have all of these labels, such as a Service's `spec.selector`.
    #[must_use]
    pub fn from_labels(labels: &Map<String, Value>) -> Self {
        Self { requirements: labels.iter().map(|(key, value)| equals(key, value)).collect(), nothing: false }
    }

    /// Whether an object with these labels is selected.
    #[must_use]
    pub fn matches(&self, labels: &Map<String, Value>) -> bool {
        !self.nothing && self.requirements.iter().all(|requirement| requirement.matches(labels))
    }

    /// Whether every object is selected.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// The conditions, sorted by key.
    #[must_use]
    pub fn requirements(&self) -> &[LabelRequirement] {
        &self.requirements
    }
}

/// Prints as `app=web,!legacy`, which [`LabelSelector::parse`] reads back.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            write!(f, "{}{requirement}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

fn sorted(mut requirements: Vec<LabelRequirement>) -> Vec<LabelRequirement> {
    requirements.sort_by(|a, b| a.key.cmp(&b.key));
    requirements
}

fn equals(key: &str, value: &Value) -> LabelRequirement {
    let value = value.as_str().unwrap_or_default().to_owned();
    LabelRequirement { key: key.to_owned(), operator: LabelOperator::In(vec![value]) }
}

fn expression_requirement(expression: &Value) -> Result<LabelRequirement, SelectorError> {
    let text = |field: &str| expression.get(field).and_then(Value::as_str).unwrap_or_default();
    let (key, operator) = (text("key").to_owned(), text("operator"));
    let items = expression.get("values").and_then(Value::as_array).into_iter().flatten();
    let mut values: Vec<String> = items.filter_map(Value::as_str).map(str::to_owned).collect();
    values.sort();
    let operator = match (operator, values.is_empty()) {
        ("In", false) => LabelOperator::In(values),
        ("NotIn", false) => LabelOperator::NotIn(values),
        ("Exists", true) => LabelOperator::Exists,
        ("DoesNotExist", true) => LabelOperator::DoesNotExist,
        ("In" | "NotIn", true) => {
            return Err(SelectorError::new("for 'in', 'notin' operators, values set can't be empty"));
        }
        ("Exists" | "DoesNotExist", false) => {
            return Err(SelectorError::new("values set must be empty for exists and does not exist"));
        }
        (other, _) => return Err(SelectorError::new(format!("{other:?} is not a valid label selector operator"))),
    };
    Ok(LabelRequirement { key, operator })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn matches(selector: &str, labels: Value) -> bool {
        LabelSelector::parse(selector).unwrap().matches(labels.as_object().unwrap())
    }

    #[test]
    fn every_operator() {
        for (selector, labels, expected) in [
            ("", json!({}), true),
            ("tier=web", json!({"tier": "web"}), true),
            ("tier==web", json!({"tier": "db"}), false),
            ("tier!=web", json!({}), true),
            ("tier in (web,db)", json!({"tier": "db"}), true),
            ("tier notin (web)", json!({}), true),
            ("tier notin (web)", json!({"tier": "web"}), false),
            ("tier", json!({"tier": ""}), true),
            ("!tier", json!({"tier": ""}), false),
            ("size>3", json!({"size": "4"}), true),
            ("size<3", json!({"size": "x"}), false),
            ("tier=", json!({"tier": ""}), true),
            ("tier in ()", json!({"tier": "web"}), false),
            ("in=1,notin", json!({"in": "1", "notin": "2"}), true),
            ("example.com/tier=web , !old", json!({"example.com/tier": "web"}), true),
        ] {
            assert_eq!(matches(selector, labels), expected, "{selector}");
        }
    }

    #[test]
    fn errors_read_as_upstream() {
        for (selector, expected) in [
            ("=", "found '=', expected: !, identifier, or 'end of string'"),
            ("tier=web=db", "found '=', expected: ',' or 'end of string'"),
            ("tier in (web", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("tier web", "unable to parse requirement: found 'web', expected: in, notin, =, ==, !=, gt, lt"),
            ("tier,", "found '', expected: identifier after ','"),
            (
                "size>tall",
                "unable to parse requirement: values[0]: Invalid value: \"tall\": for 'Gt', 'Lt' operators, the value must \
                 be an integer",
            ),
        ] {
            assert_eq!(LabelSelector::parse(selector).unwrap_err().to_string(), expected);
        }
        let starts = |selector: &str, start: &str| {
            let error = LabelSelector::parse(selector).unwrap_err().to_string();
            assert!(error.starts_with(start), "{error}");
        };
        starts(
            "tier=a~b",
            "unable to parse requirement: values[0][tier]: Invalid value: \"a~b\": a valid label must be",
        );
        starts("-x", "unable to parse requirement: <nil>: Invalid value: \"-x\": name part must consist of");
        starts("t in (a~,b~)", "unable to parse requirement: [values[0][t]: Invalid value: \"a~\": a valid");
    }

    #[test]
    fn objects_and_printing() {
        let selector = LabelSelector::from_object(&json!({
            "matchLabels": {"tier": "web"},
            "matchExpressions": [{"key": "env", "operator": "NotIn", "values": ["test", "dev"]}, {"key": "old", "operator": "DoesNotExist"}],
        }))
        .unwrap();
        assert_eq!(selector.to_string(), "env notin (dev,test),!old,tier=web");
        assert_eq!(LabelSelector::parse(&selector.to_string()).unwrap(), selector);
        assert!(LabelSelector::from_object(&json!({})).unwrap().is_everything());
        assert!(!LabelSelector::from_object(&Value::Null).unwrap().matches(&Map::new()));
        assert!(LabelSelector::from_object(&json!({"matchExpressions": [{"key": "a", "operator": "In"}]})).is_err());
    }
}
