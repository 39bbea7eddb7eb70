//! `mainstay app sync|history|rollback|terminate-op`: writes an operation on the Application, as `argocd` does, and waits for it.
//! It must not sync anything itself.

use mainstay_api::argoproj::{self, PINNED_REVISION};
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use crate::arguments::{App, AppAction, AppName, AppRollback, AppSync, Common};
use crate::commands::get::age;
use crate::commands::wait;
use crate::connection::Connection;
use crate::error::Error;
use crate::output::say;
use crate::{output, paint};

/// Field manager of what a person does here.
const MANAGER: &str = "mainstay-cli";

pub(crate) async fn run(common: &Common, app: App) -> Result<(), Error> {
    let connection = Connection::open(common).await?;
    match app.action {
        AppAction::Sync(arguments) => sync(common, &connection, arguments).await,
        AppAction::History(arguments) => history(common, &connection, arguments).await,
        AppAction::Rollback(arguments) => rollback(common, &connection, arguments).await,
        AppAction::Wait(arguments) => wait::run(common, &connection, arguments).await,
        AppAction::TerminateOp(arguments) => terminate(common, &connection, arguments).await,
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
    let revisions = argoproj::revisions(&entry);
    let asked = if entry.get("revisions").is_some() { json!(revisions) } else { Value::Null };
    let mut patch = operation(json!({"prune": true, "revision": entry.get("revision"), "revisions": asked}));
    patch["metadata"] = json!({"annotations": {PINNED_REVISION: revisions.join(",")}});
    start(common, connection, &application, &patch, arguments.no_wait).await?;
    if common.output == crate::arguments::Format::Text {
        let at = short(&revisions);
        say!("{} stays at {at} until `mainstay app sync {} --release`.", arguments.app, arguments.app);
    }
    Ok(())
}

/// The history entry asked for, or the last one of another revision than the newest.
fn chosen(application: &Value, id: Option<i64>) -> Result<Value, Error> {
    let name = object::name(application);
    let entries = entries(application);
    let newest = entries.last().map(argoproj::revisions);
    let found = match id {
        Some(id) => entries.iter().find(|entry| entry.get("id").and_then(Value::as_i64) == Some(id)),
        None => entries.iter().rev().find(|entry| Some(argoproj::revisions(entry)) != newest),
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
        return output::print(common.output, &written, || say!("sync of {name} requested"));
    }
    let done = wait::finished(connection, &written, before.as_ref()).await?;
    let text = |field: &str| {
        let state = done.pointer("/status/operationState");
        state.and_then(|state| state.get(field)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (phase, message) = (text("phase"), text("message"));
    let succeeded = phase == "Succeeded";
    output::print(common.output, &done, || {
        if succeeded {
            say!("{name}: {} {message}", paint::status(&phase));
        }
    })?;
    if succeeded { Ok(()) } else { Err(Error::SyncFailed { app: name.to_owned(), phase, message }) }
}

async fn terminate(common: &Common, connection: &Connection, arguments: AppName) -> Result<(), Error> {
    let application = connection.application(&arguments.app).await?;
    let name = object::name(&application);
    let phase = application.pointer("/status/operationState/phase").and_then(Value::as_str);
    if phase != Some("Running") {
        return Err(Error::Refused(format!(
            "no sync of {name} runs; `mainstay app history {name}` lists those that did"
        )));
    }
    let patch = json!({
        "metadata": {"resourceVersion": object::resource_version(&application)},
        "status": {"operationState": {"phase": "Terminating"}},
    });
    let written = connection.applications()?.merge_patch(MANAGER, name, None, &patch).await?;
    output::print(common.output, &written, || say!("the sync of {name} is being ended"))
}

async fn history(common: &Common, connection: &Connection, arguments: AppName) -> Result<(), Error> {
    let application = connection.application(&arguments.app).await?;
    let entries = entries(&application);
    output::print(common.output, &json!(entries), || {
        if entries.is_empty() {
            say!("{} was not deployed yet. `mainstay why {}` may tell why.", arguments.app, arguments.app);
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
        short(&argoproj::revisions(entry)),
        text("/deployedAt"),
        age(&text("/deployedAt"), now),
        if automated { "automated sync".to_owned() } else { text("/initiatedBy/username") },
    ]
}

fn entries(application: &Value) -> Vec<Value> {
    application.pointer("/status/history").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn short(revisions: &[&str]) -> String {
    let short: Vec<&str> = revisions.iter().map(|revision| revision.get(..7).unwrap_or(revision)).collect();
    short.join(", ")
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
}
