//! How two states of an object differ, for people and for controllers that must not write without need.
//! It must not know who owns fields, nor write anything.

use serde_json::Value;

mod changes;
mod covers;

pub use changes::{Change, changes, changes_in};
pub use covers::covers;

/// Fields of metadata that a server keeps and nobody asks for.
const SERVER_FIELDS: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Annotations that tell how an object was written, not what it is.
const BOOKKEEPING: &[&str] =
    &["kubectl.kubernetes.io/last-applied-configuration", "mainstay.dev/applied-hash", "mainstay.dev/thread"];

/// What of an object is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All but what the server keeps.
    Whole,
    /// What a user may desire: the same without `status`.
    Desired,
}

/// A copy of an object without what the server keeps (`managedFields`, `resourceVersion`, `uid`, …) and without the
/// annotations of our own bookkeeping, so that equal intents compare equal.
#[must_use]
pub fn normalise(object: &Value, scope: Scope) -> Value {
    let Value::Object(fields) = object else { return object.clone() };
    let kept = fields.iter().filter(|(name, _)| *name != "status" || scope == Scope::Whole);
    Value::Object(kept.map(|(name, value)| (name.clone(), normal_field(name, value))).collect())
}

fn normal_field(name: &str, value: &Value) -> Value {
    let (Value::Object(metadata), "metadata") = (value, name) else { return value.clone() };
    let kept = metadata.iter().filter(|(name, _)| !SERVER_FIELDS.contains(&name.as_str()));
    let mut metadata: serde_json::Map<_, _> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
        annotations.retain(|name, _| !BOOKKEEPING.contains(&name.as_str()));
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    Value::Object(metadata)
}

/// A unified diff of two objects as YAML; empty if they are equal.
#[must_use]
pub fn text(before: &Value, after: &Value) -> String {
    let print = |value: &Value| if value.is_null() { String::new() } else { crate::yaml::to_string(value) };
    unified(&print(before), &print(after))
}

/// A unified diff of two texts with three lines of context; empty if they are equal.
#[must_use]
pub fn unified(before: &str, after: &str) -> String {
    similar::TextDiff::from_lines(before, after).unified_diff().context_radius(3).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn normal_objects_say_only_what_is_desired() {
        let object = json!({"kind": "Thing", "metadata": {
            "name": "t", "uid": "1", "resourceVersion": "2", "generation": 3, "managedFields": [],
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"mainstay.dev/thread": "apps@1", "mainstay.dev/applied-hash": "x"},
        }, "spec": {"a": 1}, "status": {"b": 2}});
        assert_eq!(
            normalise(&object, Scope::Desired),
            json!({"kind": "Thing", "metadata": {"name": "t"}, "spec": {"a": 1}})
        );
        assert_eq!(normalise(&object, Scope::Whole)["status"], json!({"b": 2}));
    }

    #[test]
    fn texts_are_unified() {
        let (before, after) = (json!({"a": 1, "b": 2}), json!({"a": 1, "b": 3}));
        assert_eq!(text(&before, &after), "@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n");
        assert_eq!(text(&before, &before), "");
        assert_eq!(text(&Value::Null, &json!({"a": 1})), "@@ -0,0 +1 @@\n+a: 1\n");
    }
}
