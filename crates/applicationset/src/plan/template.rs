//! Placeholders such as `{{path.basename}}`, and templates that are laid over one another. As Argo CD's use of
//! fasttemplate.
//! It must not know where parameters come from.

use serde_json::{Map, Value};

/// Parameters by name, flat: `path`, `metadata.labels.env`. All of them are texts.
pub type Params = std::collections::BTreeMap<String, String>;

/// A text with its placeholders replaced; those of unknown parameters stay as they are.
#[must_use]
pub fn text(template: &str, params: &Params) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, left)) = after.split_once("}}") else { break };
        out.push_str(before);
        match params.get(name.trim()) {
            Some(value) => out.push_str(value),
            None => out.push_str(&format!("{{{{{name}}}}}")),
        }
        rest = left;
    }
    out.push_str(rest);
    out
}

/// A value with the placeholders of all its texts and keys replaced.
#[must_use]
pub fn value(template: &Value, params: &Params) -> Value {
    match template {
        Value::String(template) => text(template, params).into(),
        Value::Array(items) => items.iter().map(|item| value(item, params)).collect(),
        Value::Object(map) => map.iter().map(|(key, item)| (text(key, params), value(item, params))).collect(),
        other => other.clone(),
    }
}

/// A template with another laid over it: what the other says wins, and lists are taken whole.
#[must_use]
pub fn over(below: &Value, above: &Value) -> Value {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            let mut all: Map<String, Value> = below.clone();
            for (key, value) in above {
                let merged = all.get(key).map_or_else(|| value.clone(), |old| over(old, value));
                all.insert(key.clone(), merged);
            }
            Value::Object(all)
        }
        (below, Value::Null) => below.clone(),
        (_, above) => above.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn placeholders_are_replaced_everywhere_and_unknown_ones_stay() {
        let params = Params::from([("name".into(), "dev".into()), ("path.basename".into(), "nginx".into())]);
        let template = json!({"a": ["{{name}}-{{ path.basename }}"], "{{name}}": "{{unknown}} {{", "n": 1});
        assert_eq!(value(&template, &params), json!({"a": ["dev-nginx"], "dev": "{{unknown}} {{", "n": 1}));
    }

    #[test]
    fn what_is_laid_over_wins() {
        let below = json!({"metadata": {"labels": {"a": "1"}}, "spec": {"project": "x", "list": [1]}});
        let above = json!({"metadata": {"labels": {"b": "2"}}, "spec": {"list": [2]}});
        let expected = json!({"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {"project": "x", "list": [2]}});
        assert_eq!(over(&below, &above), expected);
    }
}
