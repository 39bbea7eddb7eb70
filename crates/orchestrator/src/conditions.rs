//! Conditions of a status, as apimachinery's `meta.SetStatusCondition`.
//! It must not know what a condition means.

use serde_json::{Value, json};

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody knows yet.
    Unknown,
}

impl Truth {
    fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// The conditions of one object, built from those it has.
#[derive(Debug)]
pub struct Conditions {
    before: Vec<Value>,
    now: String,
    generation: i64,
    list: Vec<Value>,
}

impl Conditions {
    /// Starts from an object's conditions; only those set anew are kept.
    #[must_use]
    pub fn of(object: &Value, now: String) -> Self {
        let before = object.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
        Self { before, now, generation: mainstay_apimachinery::object::generation(object), list: Vec::new() }
    }

    /// Sets a condition; its time moves only when its truth does.
    pub fn set(&mut self, kind: &str, truth: Truth, reason: &str, message: &str) {
        let known = self.before.iter().find(|condition| condition["type"] == kind);
        let since = known
            .filter(|known| known["status"] == truth.as_str())
            .and_then(|known| known["lastTransitionTime"].as_str());
        self.list.push(json!({
            "type": kind, "status": truth.as_str(), "reason": reason, "message": message,
            "observedGeneration": self.generation, "lastTransitionTime": since.unwrap_or(&self.now),
        }));
    }

    /// The list.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Array(self.list)
    }
}

/// Whether a condition of an object is true for its present generation.
#[must_use]
pub fn is_true(object: &Value, kind: &str) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| condition["type"] == kind && condition["status"] == "True")
}

/// The merge patch that turns one status into another: what is no longer there becomes null. `None` if they are equal.
#[must_use]
pub fn status_patch(before: Option<&Value>, after: &Value) -> Option<Value> {
    if before == Some(after) {
        return None;
    }
    let mut status = after.as_object().cloned().unwrap_or_default();
    for key in before.and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key) {
        status.entry(key.clone()).or_insert(Value::Null);
    }
    Some(json!({"status": status}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_move_only_with_the_truth() {
        let mut object = json!({"metadata": {"generation": 2}});
        let mut conditions = Conditions::of(&object, "t1".into());
        conditions.set("Ready", Truth::False, "Waiting", "for pods");
        object["status"] = json!({"conditions": conditions.into_value()});
        let mut conditions = Conditions::of(&object, "t2".into());
        conditions.set("Ready", Truth::False, "Waiting", "for one pod");
        assert_eq!(conditions.into_value()[0]["lastTransitionTime"], "t1");
        let mut conditions = Conditions::of(&object, "t2".into());
        conditions.set("Ready", Truth::True, "Ready", "");
        assert_eq!(conditions.into_value()[0]["lastTransitionTime"], "t2");
        assert!(!is_true(&object, "Ready"));
    }

    #[test]
    fn a_patch_removes_what_is_gone() {
        let before = json!({"a": 1, "b": 2});
        assert_eq!(status_patch(Some(&before), &json!({"b": 3})), Some(json!({"status": {"a": null, "b": 3}})));
        assert_eq!(status_patch(Some(&before), &before), None);
    }
}
