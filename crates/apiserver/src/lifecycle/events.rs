//! Events go an hour after they were last written, as leases of etcd end them upstream.
//! It must not know what events say.

use std::time::Duration;

use jiff::Timestamp;
use mainstay_apimachinery::object;
use mainstay_store::{KindKey, ObjectKey};
use serde_json::Value;

use super::write::{Failure, parse};
use super::{Key, Lifecycle};

/// How long an event is kept: upstream's `--event-ttl`.
const TTL: Duration = Duration::from_hours(1);

/// Whether the objects of a kind are events, by whichever group they were written.
pub(super) fn are(kind: &KindKey) -> bool {
    kind.group.is_empty() && &*kind.resource == "events"
}

impl Lifecycle {
    /// An event was just written.
    pub(super) fn keep(&self, key: &ObjectKey) {
        self.queue.add_later(Key::Event(key.clone()), TTL);
    }

    /// An event was found; when it was written, it says itself.
    pub(super) fn keep_found(&self, key: &ObjectKey, bytes: &[u8]) {
        let event = serde_json::from_slice(bytes).unwrap_or_default();
        self.queue.add_later(Key::Event(key.clone()), self.time_left(&event));
    }

    /// Deletes an event whose time is over; one that was written again stays.
    pub(super) async fn expire(&self, key: &ObjectKey) -> Result<(), Failure> {
        let snapshot = self.server.snapshot();
        let Some(record) = snapshot.get(key) else { return Ok(()) };
        let event = parse(key, record)?;
        match self.time_left(&event) {
            Duration::ZERO => self.delete(key, object::uid(&event), None).await,
            left => {
                self.queue.add_later(Key::Event(key.clone()), left);
                Ok(())
            }
        }
    }

    fn time_left(&self, event: &Value) -> Duration {
        let end = last_write(event).map(|written| written + TTL);
        let left = end.map(|end| end.duration_since(self.server.clock().now()));
        left.and_then(|left| Duration::try_from(left).ok()).unwrap_or(Duration::ZERO)
    }
}

/// The time of the last write: each one leaves its time with its manager.
fn last_write(event: &Value) -> Option<Timestamp> {
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let managers = event.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten();
    let of_managers = managers.filter_map(|manager| time(&manager["time"]));
    event.pointer("/metadata/creationTimestamp").and_then(time).into_iter().chain(of_managers).max()
}
