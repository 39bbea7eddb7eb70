//! `mainstay status`: is an application, or a commit, live? It must not judge that: the Application says it.

use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use crate::arguments::{Common, Status};
use crate::connection::Connection;
use crate::error::Error;
use crate::output::say;
use crate::{output, paint};

pub(crate) async fn run(common: &Common, status: Status) -> Result<(), Error> {
    let connection = Connection::open(common).await?;
    match (status.app, status.commit) {
        (Some(name), _) => application(common, &connection.application(&name).await?),
        (None, Some(commit)) => commit_status(common, &connection.all_applications().await?, &checked(&commit)?),
        (None, None) => Err(Error::Refused("name an application, or a commit with --commit".to_owned())),
    }
}

/// A commit in lower case, long enough to mean one: git's own shortest form is four characters.
fn checked(commit: &str) -> Result<String, Error> {
    if commit.len() < 4 || !commit.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(Error::Refused(format!(
            "{commit:?} cannot be a commit: give its hash, or the first 4 characters of it or more"
        )));
    }
    Ok(commit.to_ascii_lowercase())
}

fn application(common: &Common, application: &Value) -> Result<(), Error> {
    let status = application.get("status").cloned().unwrap_or_else(|| json!({}));
    let answer = json!({
        "name": object::name(application), "destination": application.pointer("/spec/destination"),
        "sync": status.get("sync"), "health": status.get("health"), "operation": status.get("operationState"),
        "conditions": status.get("conditions"), "resources": status.get("resources"),
    });
    output::print(common.output, &answer, || print_application(application))
}

fn print_application(application: &Value) {
    let text = |pointer: &str| application.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let line = |name: &str, value: String| say!("{} {value}", paint::faint(&format!("{name:<10}")));
    line("name", paint::strong(object::name(application)));
    let several = array(application, "/spec/sources");
    let one = application.pointer("/spec/source").into_iter().filter(|_| several.is_empty());
    for source in one.chain(several) {
        let text = |field: &str| source.get(field).and_then(Value::as_str).unwrap_or_default();
        line("source", format!("{} {}", text("repoURL"), text("path")));
    }
    let revisions = revisions(application).join(", ");
    line("sync", format!("{} {revisions}", paint::status(text("/status/sync/status"))));
    line("health", format!("{} {}", paint::status(text("/status/health/status")), text("/status/health/message")));
    line(
        "operation",
        format!("{} {}", paint::status(text("/status/operationState/phase")), text("/status/operationState/message")),
    );
    for condition in array(application, "/status/conditions") {
        let field = |name: &str| condition.get(name).and_then(Value::as_str).unwrap_or_default();
        line("condition", format!("{} {}", paint::bad(field("type")), field("message")));
    }
    say!();
    let rows: Vec<_> = array(application, "/status/resources").iter().map(resource_row).collect();
    output::table(&["KIND", "NAMESPACE", "NAME", "SYNC", "HEALTH"], &rows);
}

fn revisions(application: &Value) -> Vec<&str> {
    application.pointer("/status/sync").map(argoproj::revisions).unwrap_or_default()
}

fn resource_row(resource: &Value) -> Vec<String> {
    let field = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    vec![
        field("/kind"),
        field("/namespace"),
        field("/name"),
        paint::status(&field("/status")),
        paint::status(&field("/health/status")),
    ]
}

/// Where a commit runs: the applications synced to it, and whether they are healthy.
fn commit_status(common: &Common, applications: &[Value], commit: &str) -> Result<(), Error> {
    let text = |application: &Value, pointer: &str| {
        application.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let found: Vec<_> = applications
        .iter()
        .filter(|application| revisions(application).iter().any(|revision| revision.starts_with(commit)))
        .map(|application| {
            json!({
                "name": object::name(application), "revision": revisions(application).join(", "),
                "sync": text(application, "/status/sync/status"), "health": text(application, "/status/health/status"),
            })
        })
        .collect();
    let live = !found.is_empty() && found.iter().all(|app| app["sync"] == "Synced" && app["health"] == "Healthy");
    let answer = json!({"commit": commit, "live": live, "applications": found});
    output::print(common.output, &answer, || {
        if found.is_empty() {
            say!("No application is at {commit}. `mainstay get` shows where each one is.");
            return;
        }
        let field = |app: &Value, name: &str| app[name].as_str().unwrap_or_default().to_owned();
        let rows: Vec<_> = found
            .iter()
            .map(|app| {
                vec![field(app, "name"), paint::status(&field(app, "sync")), paint::status(&field(app, "health"))]
            })
            .collect();
        output::table(&["NAME", "SYNC", "HEALTH"], &rows);
        let verdict = if live { paint::good("live everywhere") } else { paint::busy("not live everywhere") };
        say!("\n{commit} is {verdict}");
    })
}

fn array<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
