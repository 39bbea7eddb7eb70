//! `mainstay get`: the applications, one per row.

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use crate::arguments::{Common, Get};
use crate::connection::Connection;
use crate::error::Error;
use crate::{output, paint};

const HEADINGS: [&str; 8] = ["NAME", "CLUSTER", "NAMESPACE", "SYNC", "HEALTH", "REVISION", "IMAGES", "AGE"];

pub(crate) async fn run(common: &Common, get: Get) -> Result<(), Error> {
    let connection = Connection::open(common).await?;
    let applications = match &get.app {
        Some(name) => vec![connection.application(name).await?],
        None => connection.applications()?.list("").await?,
    };
    let now = mainstay_controller_runtime::Clock::system().now();
    let answer = match &get.app {
        Some(_) => applications[0].clone(),
        None => json!({"apiVersion": "v1", "kind": "List", "items": applications}),
    };
    output::print(common.output, &answer, || print_rows(&applications, now))
}

fn print_rows(applications: &[Value], now: Timestamp) {
    if applications.is_empty() {
        anstream::println!("No applications yet. Make one: mainstay new application NAME --image IMAGE");
        return;
    }
    let rows: Vec<_> = applications.iter().map(|application| row(application, now)).collect();
    output::table(&HEADINGS, &rows);
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
        text("/status/sync/revision").chars().take(7).collect(),
        images(application),
        age(&text("/metadata/creationTimestamp"), now),
    ]
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

/// As kubectl prints ages: the largest unit, two of them where the first is small.
pub(crate) fn age(since: &str, now: Timestamp) -> String {
    let Ok(since) = since.parse::<Timestamp>() else { return String::new() };
    let seconds = now.duration_since(since).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => format!("{}m{}s", seconds / 60, seconds % 60),
        600..10_800 => format!("{}m", seconds / 60),
        10_800..28_800 => format!("{}h{}m", seconds / 3600, seconds % 3600 / 60),
        28_800..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
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
    fn images_lose_their_registry() {
        let application = json!({"status": {"summary": {"images": ["ghcr.io/a/b:1", "c:2", "d:3"]}}});
        assert_eq!(images(&application), "b:1,c:2,+1");
    }
}
