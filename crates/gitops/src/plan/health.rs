//! Health of one live resource and of a whole application. As Argo CD's `setApplicationHealth`, and a `Ready`
//! condition counts for kinds that have no check of their own.
//! It must not know how live objects are got.

use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use serde_json::Value;

use super::compare::{Comparison, Live};
use super::key::Key;

/// Health of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// s
    pub status: Status,
    /// m
    pub message: String,
}
/// Status
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Status {
    Healthy,
    Suspended,
    Progressing,
    Missing,
    Degraded,
    Unknown,
}
mod health {
    pub(super) fn of(_: &serde_json::Value) -> Option<super::Health> {
        None
    }
}

/// How many resources a message names.
const NAMED: usize = 3;

/// The health of a live resource; `None` where its kind has none.
#[must_use]
pub fn of(live: &Value) -> Option<Health> {
    if object::is_deleting(live) {
        return Some(Health { status: Status::Progressing, message: "Pending deletion".to_owned() });
    }
    if Key::of(live).group == argoproj::GROUP && object::kind(live) == "Application" {
        return child_application(live);
    }
    health::of(live).or_else(|| ready_condition(live))
}

/// A child application's own health; Argo CD has this check as a documented customisation.
fn child_application(live: &Value) -> Option<Health> {
    let status = live.pointer("/status/health/status").and_then(Value::as_str)?;
    let message = live.pointer("/status/health/message").and_then(Value::as_str).unwrap_or_default();
    Some(Health { status: parse(status), message: message.to_owned() })
}

/// Custom resources with a `Ready` condition, as kstatus reads it.
fn ready_condition(live: &Value) -> Option<Health> {
    let conditions = live.pointer("/status/conditions")?.as_array()?;
    let ready = conditions.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some("Ready"))?;
    let text = |field: &str| ready.get(field).and_then(Value::as_str).unwrap_or_default();
    let stale =
        ready.get("observedGeneration").and_then(Value::as_i64).is_some_and(|seen| seen < object::generation(live));
    let status = match text("status") {
        "True" if !stale => Status::Healthy,
        "False" if !stale && is_failure(text("reason")) => Status::Degraded,
        _ => Status::Progressing,
    };
    let message = if status == Status::Healthy { "" } else { text("message") };
    Some(Health { status, message: message.to_owned() })
}

/// `Ready=False` while something is still going on is progress; a reason that names a failure is not.
fn is_failure(reason: &str) -> bool {
    ["fail", "error", "invalid", "degraded", "denied", "refused"]
        .iter()
        .any(|word| reason.to_lowercase().contains(word))
}

/// A status by its name.
#[must_use]
pub fn parse(name: &str) -> Status {
    match name {
        "Healthy" => Status::Healthy,
        "Suspended" => Status::Suspended,
        "Progressing" => Status::Progressing,
        "Missing" => Status::Missing,
        "Degraded" => Status::Degraded,
        _ => Status::Unknown,
    }
}

/// The name of a status.
#[must_use]
pub fn name(status: Status) -> &'static str {
    match status {
        Status::Healthy => "Healthy",
        Status::Suspended => "Suspended",
        Status::Progressing => "Progressing",
        Status::Missing => "Missing",
        Status::Degraded => "Degraded",
        Status::Unknown => "Unknown",
    }
}

/// From best to worst.
fn rank(status: Status) -> u8 {
    match status {
        Status::Healthy => 0,
        Status::Suspended => 1,
        Status::Progressing => 2,
        Status::Missing => 3,
        Status::Degraded => 4,
        Status::Unknown => 5,
    }
}

/// The health of an application: the worst of its resources that count.
#[must_use]
pub fn aggregate(app: &str, comparison: &Comparison, live: &Live) -> Health {
    let mut worst = Status::Healthy;
    let mut culprits: Vec<&Key> = Vec::new();
    for resource in &comparison.resources {
        let Some(health) = live.get(&resource.key).and_then(|live| counted(app, &resource.key, live)) else { continue };
        if rank(health) > rank(worst) {
            worst = health;
            culprits.clear();
        }
        if health == worst && health != Status::Healthy {
            culprits.push(&resource.key);
        }
    }
    let nothing_live = !comparison.resources.is_empty() && !comparison.resources.iter().any(|resource| resource.live);
    if nothing_live {
        return Health { status: Status::Missing, message: String::new() };
    }
    Health { status: worst, message: caused_by(&culprits) }
}

/// The health that a live resource brings to its application, if it counts.
fn counted(app: &str, key: &Key, live: &Value) -> Option<Status> {
    if object::annotation(live, argoproj::IGNORE_HEALTHCHECK) == Some("true") {
        return None;
    }
    let application = key.group == argoproj::GROUP && key.kind == "Application";
    if application && key.name == app {
        return None;
    }
    let status = of(live)?.status;
    let harmless = application && matches!(status, Status::Missing | Status::Unknown);
    (!harmless).then_some(status)
}

fn caused_by(culprits: &[&Key]) -> String {
    if culprits.is_empty() {
        return String::new();
    }
    let names: Vec<_> = culprits.iter().take(NAMED).map(ToString::to_string).collect();
    let more = culprits.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("Caused by {}{rest}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn instance(status: &str, reason: &str) -> Value {
        json!({"apiVersion": "platform.mainstay.dev/v1alpha1", "kind": "Application", "metadata": {"name": "shop"},
            "status": {"conditions": [{"type": "Ready", "status": status, "reason": reason, "message": "m"}]}})
    }

    #[test]
    fn a_ready_condition_counts() {
        assert_eq!(of(&instance("True", "Ready")).unwrap().status, Status::Healthy);
        assert_eq!(of(&instance("False", "ResourcesPending")).unwrap().status, Status::Progressing);
        assert_eq!(of(&instance("False", "ApplyFailed")).unwrap().status, Status::Degraded);
        assert!(of(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})).is_none());
    }

    #[test]
    fn a_child_application_has_its_own_health() {
        let child = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "c"}, "status": {"health": {"status": "Degraded"}}});
        assert_eq!(of(&child).unwrap().status, Status::Degraded);
    }
}
