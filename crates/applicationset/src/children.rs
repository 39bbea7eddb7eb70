//! Wakes a set when one of its Applications changes: at once if the change is to be undone, later if it is only how the
//! Application is.
//! It must not know what a set does about it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Event, ObjectKey, WorkQueue};
use serde_json::Value;

use crate::plan::children::controller;

/// How soon a set shows how its Applications are: a set of a thousand that come up one by one would otherwise be looked at
/// for each.
const SHOWN_AFTER: Duration = Duration::from_secs(5);

/// What the Applications of sets looked like, but for their status.
#[derive(Default)]
pub(crate) struct Children(Mutex<HashMap<ObjectKey, u64>>);

impl Children {
    /// The set that has to be looked at now.
    pub(crate) fn owner(&self, event: &Event<'_>, later: &WorkQueue<ObjectKey>) -> Option<ObjectKey> {
        let owner = owner(event.object())?;
        let key = ObjectKey::of(event.object());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Deleted { .. } => drop(known.remove(&key)),
            Event::Applied { object } => {
                let now = fingerprint(object);
                if known.insert(key, now) == Some(now) {
                    later.add_later(owner, SHOWN_AFTER);
                    return None;
                }
            }
        }
        Some(owner)
    }
}

/// The set that owns an Application.
fn owner(application: &Value) -> Option<ObjectKey> {
    let owner = controller(application).filter(|owner| owner["kind"] == "ApplicationSet")?;
    Some(ObjectKey::new(object::namespace(application).unwrap_or_default(), owner["name"].as_str()?))
}

fn fingerprint(application: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    let metadata = &application["metadata"];
    let parts = ["labels", "annotations", "finalizers", "ownerReferences", "deletionTimestamp", "uid"];
    for part in parts.map(|field| metadata.get(field)).into_iter().chain([application.get("spec")]) {
        part.map(Value::to_string).hash(&mut hasher);
    }
    hasher.finish()
}
