//! Pods and Jobs, as Argo CD judges them.
//! It must not know what owns them.

use serde_json::Value;

use super::{Health, Status, conditions, list, text};

pub(super) fn pod(object: &Value) -> Health {
    let always = text(object, "/spec/restartPolicy") == "Always";
    // A pod that is run to its end may be a hook, which one failed pull must not fail.
    if let Some(stuck) = stuck(object).filter(|_| always) {
        return stuck;
    }
    let message = text(object, "/status/message");
    match (text(object, "/status/phase"), text(object, "/spec/restartPolicy")) {
        ("Pending", _) => Health::progressing(message),
        ("Succeeded", _) => Health::healthy(message),
        ("Failed", _) => Health::degraded(failure(object)),
        ("Running", "Always") => running(object, message),
        ("Running", "OnFailure" | "Never") => Health::progressing(message),
        _ => Health::new(Status::Unknown, message),
    }
}

/// Containers that wait for something that went wrong.
fn stuck(object: &Value) -> Option<Health> {
    let waiting = list(object, "/status/containerStatuses").iter().filter_map(|c| c.pointer("/state/waiting"));
    let messages: Vec<&str> = waiting.filter(|w| is_failure(text(w, "/reason"))).map(|w| text(w, "/message")).collect();
    (!messages.is_empty()).then(|| Health::degraded(messages.join(", ")))
}

fn is_failure(reason: &str) -> bool {
    reason.starts_with("Err") || reason.ends_with("Error") || reason.ends_with("BackOff")
}

fn running(object: &Value, message: &str) -> Health {
    if conditions(object).any(|condition| condition.is("Ready", "True")) {
        return Health::healthy(message);
    }
    let crashed = |container: &Value| container.pointer("/lastState/terminated").is_some_and(|state| !state.is_null());
    if list(object, "/status/containerStatuses").iter().any(crashed) {
        return Health::degraded(message);
    }
    Health::progressing(message)
}

/// Why a pod failed: its own message, else that of the first container that says something.
fn failure(object: &Value) -> String {
    let message = text(object, "/status/message");
    if !message.is_empty() {
        return message.to_owned();
    }
    let containers =
        list(object, "/status/initContainerStatuses").iter().chain(list(object, "/status/containerStatuses"));
    containers.filter_map(container_failure).next().unwrap_or_default()
}

fn container_failure(container: &Value) -> Option<String> {
    let ended = container.pointer("/state/terminated")?;
    let (message, reason) = (text(ended, "/message"), text(ended, "/reason"));
    let code = ended.get("exitCode").and_then(Value::as_i64).unwrap_or(0);
    match () {
        () if !message.is_empty() => Some(message.to_owned()),
        () if reason == "OOMKilled" => Some(reason.to_owned()),
        () if code != 0 => Some(format!("container {:?} failed with exit code {code}", text(container, "/name"))),
        () => None,
    }
}

pub(super) fn job(object: &Value) -> Health {
    // Of several conditions the last one speaks, and each of the three counts whatever its status, as upstream.
    let last = |types: &[&str]| conditions(object).filter(|c| types.contains(&c.get("type"))).last();
    if let Some(failed) = last(&["Failed"]) {
        return Health::degraded(failed.get("message"));
    }
    if conditions(object).any(|condition| condition.is("Suspended", "True")) {
        return Health::new(Status::Suspended, "");
    }
    match last(&["Complete", "Suspended"]) {
        Some(ended) => Health::healthy(ended.get("message")),
        None => Health::progressing(""),
    }
}
