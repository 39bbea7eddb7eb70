//! The row of an event, in the fields of either group.
//! It must not know who reports what.

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::Value;

use super::access::{int, or, text};
use super::cell::since;
use super::printer::{Column, Printer, col, wide};

pub(super) fn printers() -> [(&'static str, &'static str, Printer); 2] {
    const WIDE_NAME: Column = wide("Name").name_format();
    let columns = const {
        &[
            col("Last Seen"),
            col("Type"),
            col("Reason"),
            col("Object"),
            wide("Subobject"),
            wide("Source"),
            col("Message"),
            wide("First Seen"),
            wide("Count"),
            WIDE_NAME,
        ]
    };
    [("", "events", Printer { columns, cells }), ("events.k8s.io", "events", Printer { columns, cells })]
}

/// The first of the fields that is set: `core/v1` and `events.k8s.io/v1` name them differently.
fn first<'a>(event: &'a Value, pointers: [&str; 2]) -> &'a str {
    or(text(event, pointers[0]), text(event, pointers[1]))
}

fn cells(event: &Value, now: Timestamp) -> Vec<Value> {
    let created = text(event, "/eventTime");
    let first_seen = or(first(event, ["/firstTimestamp", "/deprecatedFirstTimestamp"]), created);
    let last_seen = or(first(event, ["/lastTimestamp", "/deprecatedLastTimestamp"]), first_seen);
    let last_seen = or(text(event, "/series/lastObservedTime"), last_seen);
    let count = int(event, "/series/count").max(int(event, "/count")).max(int(event, "/deprecatedCount")).max(1);
    let about = event.get("involvedObject").or_else(|| event.get("regarding")).unwrap_or(&Value::Null);
    let kind = text(about, "/kind").to_lowercase();
    let target = match text(about, "/name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    vec![
        since(last_seen, now).into(),
        text(event, "/type").into(),
        text(event, "/reason").into(),
        target.into(),
        text(about, "/fieldPath").into(),
        source(event).into(),
        first(event, ["/message", "/note"]).trim().into(),
        since(first_seen, now).into(),
        count.to_string().into(),
        object::name(event).into(),
    ]
}

fn source(event: &Value) -> String {
    let controller = first(event, ["/reportingComponent", "/reportingController"]);
    let component = or(first(event, ["/source/component", "/deprecatedSource/component"]), controller);
    let host = or(first(event, ["/source/host", "/deprecatedSource/host"]), text(event, "/reportingInstance"));
    if host.is_empty() { component.to_owned() } else { format!("{component}, {host}") }
}
