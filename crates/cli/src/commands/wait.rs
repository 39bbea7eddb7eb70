//! `mainstay app wait`, and waiting for a sync that was asked for: by watching the Application, as `argocd app wait`.
//! It must not ask for anything itself.

use std::time::Duration;

use futures::StreamExt;
use kube::runtime::watcher::Event;
use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use serde_json::Value;

use crate::arguments::{AppWait, Common};
use crate::connection::{Connection, no_application};
use crate::error::Error;
use crate::output::say;
use crate::{output, paint};

pub(crate) async fn run(common: &Common, connection: &Connection, wait: AppWait) -> Result<(), Error> {
    let mut last = None;
    let wanted = wait.revision.as_deref().unwrap_or_default();
    let live = until(connection, &wait.app, |application| {
        last = Some(state(application));
        is_live(application, wanted)
    });
    let outcome = tokio::time::timeout(Duration::from_secs(wait.timeout), live).await;
    match (outcome, last) {
        (Ok(live), _) => {
            let live = live?;
            output::print(common.output, &live, || say!("{} {}", paint::strong(&wait.app), paint::good(&state(&live))))
        }
        (Err(_), Some(state)) => Err(Error::NotLive { app: wait.app, seconds: wait.timeout, state }),
        // It may have been about to be made: that is why nobody complained before.
        (Err(_), None) => Err(no_application(&wait.app, &connection.all_applications().await?)),
    }
}

/// Synced to a commit, healthy, and nothing under way.
fn is_live(application: &Value, revision: &str) -> bool {
    let status = &application["status"];
    let at = argoproj::revisions(&status["sync"]).iter().any(|at| at.starts_with(revision));
    let busy = application.get("operation").is_some() || status["operationState"]["phase"] == "Running";
    at && !busy && status["sync"]["status"] == "Synced" && status["health"]["status"] == "Healthy"
}

fn state(application: &Value) -> String {
    let text = |pointer: &str| application.pointer(pointer).and_then(Value::as_str).unwrap_or("Unknown");
    let revisions = application.pointer("/status/sync").map(argoproj::revisions).unwrap_or_default();
    let revision = revisions.first().map_or("Unknown", |revision| revision.get(..7).unwrap_or(revision));
    format!("{} and {} at {revision}", text("/status/sync/status"), text("/status/health/status"))
}

/// Waits until the operation that was just written has been taken up and has ended; `before` is when the one before
/// it started.
pub(crate) async fn finished(connection: &Connection, written: &Value, before: Option<&Value>) -> Result<Value, Error> {
    let requested_at = object::resource_version(written);
    until(connection, object::name(written), |application| ended(application, requested_at, before)).await
}

/// The request is gone from `.operation`, and a run that ended is in the status that was not there before, or the
/// object has moved on since the request.
fn ended(application: &Value, requested_at: Option<&str>, before: Option<&Value>) -> bool {
    let state = application.pointer("/status/operationState");
    let over =
        state.and_then(|state| state.get("phase")).and_then(Value::as_str).is_some_and(|phase| phase != "Running");
    let renewed = state.and_then(|state| state.get("startedAt")) != before
        || object::resource_version(application) != requested_at;
    application.get("operation").is_none() && over && renewed
}

/// Watches an Application until it is as wanted.
async fn until(connection: &Connection, name: &str, mut wanted: impl FnMut(&Value) -> bool) -> Result<Value, Error> {
    let mut events = connection.watch(Some(name))?;
    while let Some(event) = events.next().await {
        match event {
            Event::Apply(application) | Event::InitApply(application) if wanted(&application) => {
                return Ok(application);
            }
            Event::Delete(_) => return Err(Error::Refused(format!("{name} was deleted meanwhile"))),
            _ => {}
        }
    }
    Err(Error::Refused(format!("the watch on {name} ended early")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn live_is_synced_healthy_and_at_rest() {
        let application = |revision: &str, health: &str, phase: &str| {
            json!({"status": {"sync": {"status": "Synced", "revision": revision},
            "health": {"status": health}, "operationState": {"phase": phase}}})
        };
        assert!(is_live(&application("abc", "Healthy", "Succeeded"), ""));
        assert!(is_live(&application("abc", "Healthy", "Succeeded"), "ab"));
        assert!(!is_live(&application("abc", "Healthy", "Succeeded"), "b"));
        assert!(!is_live(&application("abc", "Healthy", "Running"), ""));
        assert!(!is_live(&application("abc", "Progressing", "Succeeded"), ""));
        assert!(!is_live(&json!({}), ""));
    }

    #[test]
    fn a_sync_has_ended_when_its_request_is_gone() {
        let before = json!("t0");
        let object = |started: &str, phase: &str| json!({"metadata": {"resourceVersion": "2"}, "status": {"operationState": {"startedAt": started, "phase": phase}}});
        assert!(ended(&object("t1", "Succeeded"), Some("2"), Some(&before)));
        assert!(!ended(&object("t1", "Running"), Some("2"), Some(&before)));
        assert!(!ended(&object("t0", "Succeeded"), Some("2"), Some(&before)));
    }
}
