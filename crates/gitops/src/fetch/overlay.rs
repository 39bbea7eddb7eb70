//! Objects that were written but that no informer has shown yet: read your own writes.
//! It must not know what was written or why.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::Value;

use crate::plan::compare::Live;
use crate::plan::key::Key;

/// After so long an informer has surely seen a write, or its object is gone again.
const LIFETIME: Duration = Duration::from_secs(10);

/// Writes to be laid over what informers show.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    written: BTreeMap<Key, (Value, Timestamp)>,
}

impl Overlay {
    /// Notes a write's answer.
    pub(crate) fn wrote(&mut self, key: Key, object: Value, now: Timestamp) {
        self.written.insert(key, (object, now));
    }

    /// Notes that an object was deleted.
    pub(crate) fn deleted(&mut self, key: &Key) {
        self.written.remove(key);
    }

    /// Lays the writes that are newer than what is shown over it, and forgets the others.
    pub(crate) fn lay_over(&mut self, live: &mut Live, now: Timestamp) {
        self.written.retain(|key, (written, at)| {
            let fresh = Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < LIFETIME);
            let newer = fresh && live.get(key).is_none_or(|shown| version(shown) < version(written));
            if newer {
                live.insert(key.clone(), written.clone());
            }
            newer
        });
    }
}

/// Resource versions of one object grow; where they are no numbers what is shown counts.
fn version(object: &Value) -> u64 {
    object::resource_version(object).and_then(|version| version.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_write_shows_until_the_informer_has_it() {
        let object =
            |version: &str| json!({"kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": version}});
        let key = Key::of(&object("1"));
        let now: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        let mut overlay = Overlay::default();
        overlay.wrote(key.clone(), object("7"), now);
        let mut live = Live::from([(key.clone(), object("5"))]);
        overlay.lay_over(&mut live, now);
        assert_eq!(version(&live[&key]), 7);
        let mut live = Live::from([(key.clone(), object("8"))]);
        overlay.lay_over(&mut live, now);
        assert_eq!((version(&live[&key]), overlay.written.len()), (8, 0));
    }
}
