//! `mainstay app sync|history|rollback`: writes an operation on the Application, as `argocd` does, and waits for it.

use futures::StreamExt;
use kube::api::{Api as TypedApi, DynamicObject};
use kube::runtime::watcher;
use mainstay_api::argoproj::PINNED_REVISION;
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use crate::arguments::{App, AppAction, AppName, AppRollback, AppSync, Common};
use crate::commands::get::age;
use crate::connection::{ARGOCD, Connection, applications};
use crate::error::Error;
use crate::{output, paint};

/// Field manager of what a person does here.
const MANAGER: &str = "mainstay-cli";

pub(crate) async fn run(common: &Common, app: App) -> Result<(), Error> {
    let connection = Connection::open(common).await?;
    match app.action {
        AppAction::Sync(arguments) => sync(common, &connection, arguments).await,
        AppAction::History(arguments) => history(common, &connection, arguments).await,
        AppAction::Rollback(arguments) => rollback(common, &connection, arguments).await,
    }
}

async fn sync(common: &Common, connection: &Connection, arguments: AppSync) -> Result<(), Error> {
    let application = connection.application(&arguments.app).await?;
    let pinned = object::annotation(&application, PINNED_REVISION);
    if let Some(pinned) = pinned.filter(|_| !arguments.release) {
        return Err(Error::Refused(format!(
            "{} is pinned to {pinned} by a rollback; --release lets it follow git again",
            arguments.app
        )));
    }
    let mut patch = operation(json!({"prune": arguments.prune}));
    if arguments.release {
        patch["metadata"] = json!({"annotations": {PINNED_REVISION: null}});
    }
    start(common, connection, &application, &patch, arguments.no_wait).await
}

async fn rollback(common: &Common, connection: &Connection, arguments: AppRollback) -> Result<(), Error> {
    let application = connection.application(&arguments.app).await?;
    let entry = chosen(&application, arguments.id)?;
    let revision = entry.get("revision").and_then(Value::as_str).unwrap_or_default();
    let mut patch = operation(json!({"prune": true, "revision": revision}));
    patch["metadata"] = json!({"annotations": {PINNED_REVISION: revision}});
    start(common, connection, &application, &patch, arguments.no_wait).await?;
    if common.output == crate::arguments::Format::Text {
        anstream::println!(
            "{} stays at {} until `mainstay app sync {} --release`.",
            arguments.app,
            short(revision),
            arguments.app
        );
    }
    Ok(())
}

/// The history entry asked for, or the last one of another revision than the newest.
fn chosen(application: &Value, id: Option<i64>) -> Result<Value, Error> {
    let name = object::name(application);
    let entries = entries(application);
    let revision_of = |entry: &Value| entry.get("revision").and_then(Value::as_str).map(str::to_owned);
    let newest = entries.last().and_then(revision_of);
    let found = match id {
        Some(id) => entries.iter().find(|entry| entry.get("id").and_then(Value::as_i64) == Some(id)),
        None => entries.iter().rev().find(|entry| revision_of(entry) != newest),
    };
    found.cloned().ok_or_else(|| match id {
        Some(id) => Error::Refused(format!("{name} has no deployment {id}; `mainstay app history {name}` lists them")),
        None => Error::Refused(format!("{name} was never deployed at another revision: nothing to go back to")),
    })
}

fn operation(sync: Value) -> Value {
    json!({"operation": {"initiatedBy": {"username": "mainstay-cli"}, "sync": sync}})
}

async fn start(
    common: &Common,
    connection: &Connection,
    application: &Value,
    patch: &Value,
    no_wait: bool,
) -> Result<(), Error> {
    let name = object::name(application);
    let before = application.pointer("/status/operationState/startedAt").cloned();
    let written = connection.applications()?.merge_patch(MANAGER, name, None, patch).await?;
    if no_wait {
        return output::print(common.output, &written, || anstream::println!("sync of {name} requested"));
    }
    let done = finished(connection, name, object::resource_version(&written), before.as_ref()).await?;
    let phase = done.pointer("/status/operationState/phase").and_then(Value::as_str).unwrap_or_default().to_owned();
    let message = done.pointer("/status/operationState/message").and_then(Value::as_str).unwrap_or_default().to_owned();
    output::print(common.output, &done, || anstream::println!("{name}: {} {message}", paint::status(&phase)))?;
    if phase == "Succeeded" { Ok(()) } else { Err(Error::Refused(format!("the sync of {name} ended as {phase}"))) }
}

/// Waits until the operation just requested has been taken up and has ended.
async fn finished(
    connection: &Connection,
    name: &str,
    requested_at: Option<&str>,
    before: Option<&Value>,
) -> Result<Value, Error> {
    let api: TypedApi<DynamicObject> =
        TypedApi::namespaced_with(connection.control()?.clone(), ARGOCD, &applications());
    let mut events = Box::pin(watcher(api, watcher::Config::default().fields(&format!("metadata.name={name}"))));
    while let Some(event) = events.next().await {
        let Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) = event else { continue };
        let object = serde_json::to_value(&object).unwrap_or_default();
        if ended(&object, requested_at, before) {
            return Ok(object);
        }
    }
    Err(Error::Refused(format!("the watch on {name} ended before its sync did")))
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

async fn history(common: &Common, connection: &Connection, arguments: AppName) -> Result<(), Error> {
    let application = connection.application(&arguments.app).await?;
    let entries = entries(&application);
    output::print(common.output, &json!(entries), || {
        if entries.is_empty() {
            anstream::println!(
                "{} was not deployed yet. `mainstay why {}` may tell why.",
                arguments.app,
                arguments.app
            );
            return;
        }
        let rows: Vec<_> = entries.iter().rev().map(history_row).collect();
        output::table(&["ID", "REVISION", "DEPLOYED", "AGE", "BY"], &rows);
    })
}

fn history_row(entry: &Value) -> Vec<String> {
    let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let now = mainstay_controller_runtime::Clock::system().now();
    let automated = entry.pointer("/initiatedBy/automated").and_then(Value::as_bool) == Some(true);
    vec![
        entry.get("id").map(ToString::to_string).unwrap_or_default(),
        short(&text("/revision")),
        text("/deployedAt"),
        age(&text("/deployedAt"), now),
        if automated { "automated sync".to_owned() } else { text("/initiatedBy/username") },
    ]
}

fn entries(application: &Value) -> Vec<Value> {
    application.pointer("/status/history").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn short(revision: &str) -> String {
    revision.chars().take(7).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployed(revisions: &[&str]) -> Value {
        let history: Vec<_> =
            revisions.iter().enumerate().map(|(id, revision)| json!({"id": id, "revision": revision})).collect();
        json!({"metadata": {"name": "shop"}, "status": {"history": history}})
    }

    #[test]
    fn a_rollback_goes_to_the_last_other_revision() {
        assert_eq!(chosen(&deployed(&["a", "b", "c", "c"]), None).unwrap()["id"], 1);
        assert_eq!(chosen(&deployed(&["a", "b"]), Some(0)).unwrap()["revision"], "a");
        assert!(chosen(&deployed(&["a"]), None).is_err());
        assert!(chosen(&deployed(&["a"]), Some(9)).is_err());
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
