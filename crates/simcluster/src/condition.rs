//! Conditions of a status: finding, setting and dropping them with upstream's rule for transition times.
//! It must not know which conditions a kind has.

use jiff::Timestamp;
use mainstay_controller_runtime::api::Error;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::{kinds, read};

/// What a condition says, without its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Its type, such as `Available`.
    pub kind: &'static str,
    /// `True`, `False` or `Unknown`.
    pub status: &'static str,
    /// Reason in PascalCase; empty leaves the field out.
    pub reason: &'static str,
    /// Message; empty leaves the field out.
    pub message: String,
}

impl Condition {
    /// A condition from its four parts.
    pub(crate) fn new(kind: &'static str, holds: bool, reason: &'static str, message: impl Into<String>) -> Self {
        Self { kind, status: if holds { "True" } else { "False" }, reason, message: message.into() }
    }

    /// This condition as an object, with `lastTransitionTime` kept from `current` unless the status changed.
    pub(crate) fn to_value(&self, current: Option<&Value>, at: Timestamp) -> Value {
        let same = current.filter(|old| read::text(old, "/status") == Some(self.status));
        let since = same.and_then(|old| read::text(old, "/lastTransitionTime"));
        let mut value = json!({
            "type": self.kind,
            "status": self.status,
            "lastTransitionTime": since.map_or_else(|| read::rfc3339(at), str::to_owned),
        });
        for (field, text) in [("reason", self.reason), ("message", self.message.as_str())] {
            if !text.is_empty() {
                value[field] = Value::from(text);
            }
        }
        value
    }

    /// Whether `current` says the same, times aside.
    pub(crate) fn is_said_by(&self, current: &Value) -> bool {
        read::text(current, "/status") == Some(self.status)
            && read::text(current, "/reason").unwrap_or_default() == self.reason
            && read::text(current, "/message").unwrap_or_default() == self.message
    }
}

/// The condition of a type in the object's status.
pub(crate) fn find<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    find_in(object.pointer("/status/conditions").and_then(Value::as_array)?, kind)
}

/// Whether the object's status has the condition with status `True`.
pub(crate) fn is_true(object: &Value, kind: &str) -> bool {
    find(object, kind).is_some_and(|condition| read::text(condition, "/status") == Some("True"))
}

/// The condition of a type in a list.
pub(crate) fn find_in<'a>(conditions: &'a [Value], kind: &str) -> Option<&'a Value> {
    conditions.iter().find(|condition| read::text(condition, "/type") == Some(kind))
}

/// The object's conditions, to be changed and put into a new status.
pub(crate) fn all(object: &Value) -> Vec<Value> {
    read::items(object, "/status/conditions").cloned().collect()
}

/// Sets a condition in place; one that already says the same is left as it is.
pub(crate) fn set(conditions: &mut Vec<Value>, condition: &Condition, at: Timestamp) {
    match conditions.iter_mut().find(|old| read::text(old, "/type") == Some(condition.kind)) {
        Some(old) if condition.is_said_by(old) => {}
        Some(old) => *old = condition.to_value(Some(old), at),
        None => conditions.push(condition.to_value(None, at)),
    }
}

/// Writes a condition of a pod; whether there was anything to write.
pub(crate) async fn write(cluster: &Cluster, manager: &str, pod: &Value, condition: &Condition) -> Result<bool, Error> {
    let mut conditions = all(pod);
    set(&mut conditions, condition, cluster.now());
    let mut status = pod.get("status").cloned().unwrap_or_else(|| json!({}));
    status["conditions"] = Value::from(conditions);
    let Some(patch) = read::status_patch(pod, &status) else { return Ok(false) };
    cluster.patch_status(manager, &kinds::pods(), pod, &patch).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let (first, later) = (Timestamp::from_second(1).unwrap(), Timestamp::from_second(9).unwrap());
        let mut conditions = Vec::new();
        set(&mut conditions, &Condition::new("Ready", false, "Starting", ""), first);
        set(&mut conditions, &Condition::new("Ready", false, "Still", "x"), later);
        assert_eq!(read::time(&conditions[0], "/lastTransitionTime"), Some(first));
        set(&mut conditions, &Condition::new("Ready", true, "", ""), later);
        assert_eq!(read::time(&conditions[0], "/lastTransitionTime"), Some(later));
        assert!(conditions[0].get("message").is_none());
    }
}
