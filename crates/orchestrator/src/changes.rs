//! Tells changes that matter from those that do not: a status that nobody reads is no reason to reconcile.
//! It must not know what is done about a change.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mainstay_apimachinery::object;
use serde_json::Value;

/// What objects looked like when they were last seen, but for their status.
#[derive(Default)]
pub struct Changes {
    seen: Mutex<HashMap<String, u64>>,
}

impl Changes {
    fn seen(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether more than the status of an object has changed since it was last seen. An object whose kind has no
    /// generation has always changed.
    pub fn beyond_status(&self, object: &Value) -> bool {
        let generation = object::generation(object);
        let now = fingerprint(object, generation);
        let before = self.seen().insert(object::uid(object).to_owned(), now);
        generation == 0 || before != Some(now)
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, object: &Value) {
        self.seen().remove(object::uid(object));
    }
}

fn fingerprint(object: &Value, generation: i64) -> u64 {
    let mut hasher = DefaultHasher::new();
    generation.hash(&mut hasher);
    object::is_deleting(object).hash(&mut hasher);
    for map in [object::labels(object), object::annotations(object)] {
        map.iter().for_each(|(key, value)| (key, value.as_str()).hash(&mut hasher));
        map.len().hash(&mut hasher);
    }
    object::finalizers(object).for_each(|finalizer| finalizer.hash(&mut hasher));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_is_no_change() {
        let changes = Changes::default();
        let object = |generation: i64, label: &str, status: &str| json!({"metadata": {"uid": "u", "generation": generation, "labels": {"a": label}}, "status": status});
        assert!(changes.beyond_status(&object(1, "x", "a")));
        assert!(!changes.beyond_status(&object(1, "x", "b")));
        assert!(changes.beyond_status(&object(2, "x", "b")));
        assert!(changes.beyond_status(&object(2, "y", "b")));
        changes.forget(&object(2, "y", "b"));
        assert!(changes.beyond_status(&object(2, "y", "b")));
        let none = json!({"metadata": {"uid": "v"}});
        assert!(changes.beyond_status(&none) && changes.beyond_status(&none));
    }
}
