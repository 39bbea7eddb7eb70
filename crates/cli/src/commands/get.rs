//! `mainstay get`: the applications, one per row, once or with every change. It must not judge how well they are.

use std::collections::BTreeMap;

use futures::StreamExt;
use jiff::Timestamp;
use kube::runtime::watcher::Event;
use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use crate::arguments::{Common, Format, Get};
use crate::connection::{Connection, no_application};
use crate::error::Error;
use crate::output::Table;
use crate::{output, paint};

const HEADINGS: [&str; 8] = ["NAME", "CLUSTER", "NAMESPACE", "SYNC", "HEALTH", "REVISION", "IMAGES", "AGE"];
/// Position of the health among them.
const HEALTH: usize = 4;
/// Label that says which application an Argo CD Application deploys.
const APPLICATION: &str = "mainstay.dev/application";

pub(crate) async fn run(common: &Common, get: Get) -> Result<(), Error> {
    let connection = Connection::open(common).await?;
    let known = connection.all_applications().await?;
    let chosen = choose(&known, get.app.as_deref());
    match get.app {
        Some(name) if chosen.is_empty() => return Err(no_application(&name, &known)),
        _ if get.watch => return watch(common, &connection, &chosen, get.app.as_deref()).await,
        _ => {}
    }
    let answer = match (&get.app, chosen.as_slice()) {
        (Some(name), [only]) if object::name(only) == name => (*only).clone(),
        _ => json!({"apiVersion": "v1", "kind": "List", "items": chosen}),
    };
    output::print(common.output, &answer, || print_rows(&chosen))
}

/// All, the one of a name, or what is labelled as one application in its environments.
fn choose<'a>(applications: &'a [Value], name: Option<&str>) -> Vec<&'a Value> {
    let Some(name) = name else { return applications.iter().collect() };
    match applications.iter().find(|application| object::name(application) == name) {
        Some(application) => vec![application],
        None => applications.iter().filter(|application| is_labelled(application, name)).collect(),
    }
}

fn is_labelled(application: &Value, name: &str) -> bool {
    application["metadata"]["labels"][APPLICATION] == name
}

fn print_rows(applications: &[&Value]) {
    if applications.is_empty() {
        output::line("No applications yet. Make one: mainstay new application NAME --image IMAGE");
        return;
    }
    output::table(&HEADINGS, &rows(applications));
}

fn rows(applications: &[&Value]) -> Vec<Vec<String>> {
    let now = mainstay_controller_runtime::Clock::system().now();
    applications.iter().map(|application| row(application, now)).collect()
}

/// Prints what is there, then each application whose row changes, until interrupted.
async fn watch(common: &Common, connection: &Connection, chosen: &[&Value], name: Option<&str>) -> Result<(), Error> {
    let table = (common.output == Format::Text).then(|| Table::fitting(&HEADINGS, &rows(chosen)));
    let mut shown = BTreeMap::new();
    let mut events = connection.watch(name.filter(|name| chosen.iter().any(|app| object::name(app) == *name)))?;
    while let Some(event) = events.next().await {
        let (Event::Apply(application) | Event::InitApply(application) | Event::Delete(application)) = &event else {
            continue;
        };
        let is_wanted = |name: &str| object::name(application) == name || is_labelled(application, name);
        let state = (!matches!(event, Event::Delete(_))).then(|| state(application));
        let known = shown.insert(object::name(application).to_owned(), state.clone());
        if !name.is_none_or(is_wanted) || known.is_some_and(|known| known == state) {
            continue;
        }
        output::print_next(common.output, application, || {
            let mut row = rows(&[application]);
            if state.is_none() {
                row[0][HEALTH] = paint::bad("Deleted");
            }
            table.iter().for_each(|table| table.print(&row));
        });
    }
    Ok(())
}

/// What a row says, but for its age.
fn state(application: &Value) -> Vec<String> {
    let mut row = row(application, Timestamp::UNIX_EPOCH);
    row.pop();
    row
}

fn row(application: &Value, now: Timestamp) -> Vec<String> {
    let text = |pointer: &str| application.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let destination = [text("/spec/destination/name"), text("/spec/destination/server")];
    vec![
        paint::strong(object::name(application)),
        destination.into_iter().find(|part| !part.is_empty()).unwrap_or_default(),
        text("/spec/destination/namespace"),
        paint::status(&text("/status/sync/status")),
        paint::status(&text("/status/health/status")),
        application.pointer("/status/sync").map(short).unwrap_or_default(),
        images(application),
        age(&text("/metadata/creationTimestamp"), now),
    ]
}

/// The commits, seven letters of each.
fn short(sync: &Value) -> String {
    let revisions = argoproj::revisions(sync);
    revisions.iter().map(|revision| revision.get(..7).unwrap_or(revision)).collect::<Vec<_>>().join(", ")
}

/// The images without their registry and path, at most two.
fn images(application: &Value) -> String {
    let images = application.pointer("/status/summary/images").and_then(Value::as_array);
    let names: Vec<_> = images
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|image| image.rsplit('/').next().unwrap_or(image))
        .collect();
    match names.len() {
        0..=2 => names.join(","),
        more => format!("{},{},+{}", names[0], names[1], more - 2),
    }
}

/// The age of an RFC 3339 time; empty for what is none.
pub(crate) fn age(since: &str, now: Timestamp) -> String {
    since.parse().map(|since| mainstay_portal::model::age(since, now)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        let now: Timestamp = "2030-01-02T00:00:00Z".parse().unwrap();
        assert_eq!(age("2030-01-01T23:59:30Z", now), "30s");
        assert_eq!(age("2030-01-01T23:55:30Z", now), "4m30s");
        assert_eq!(age("2030-01-01T19:00:00Z", now), "5h0m");
        assert_eq!(age("2029-12-01T00:00:00Z", now), "32d");
        assert_eq!(age("never", now), "");
    }

    #[test]
    fn one_application_in_all_its_environments() {
        let app = |name: &str, of: &str| json!({"metadata": {"name": name, "labels": {APPLICATION: of}}});
        let all = [app("a-dev", "a"), app("a-prod", "a"), app("b", "")];
        let names = |wanted: Option<&str>| choose(&all, wanted).into_iter().map(object::name).collect::<Vec<_>>();
        assert_eq!(names(None), ["a-dev", "a-prod", "b"]);
        assert_eq!(names(Some("a")), ["a-dev", "a-prod"]);
        assert_eq!(names(Some("a-dev")), ["a-dev"]);
        assert!(names(Some("c")).is_empty());
    }

    #[test]
    fn images_lose_their_registry() {
        let application = json!({"status": {"summary": {"images": ["ghcr.io/a/b:1", "c:2", "d:3"]}}});
        assert_eq!(images(&application), "b:1,c:2,+1");
    }
}
