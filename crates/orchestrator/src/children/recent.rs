//! What was written lately: a cache shows a write a moment later, and reading it meanwhile would write again.
//! It must not be asked for longer than that: whatever a cache shows newer wins.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mainstay_api::kro;
use mainstay_apimachinery::{GroupVersionKind, object};
use mainstay_controller_runtime::ObjectKey;
use serde_json::Value;

/// How many deleted objects are remembered, so that a late answer to an apply does not bring one back.
const TOMBSTONES: usize = 4096;

type Entry = (GroupVersionKind, ObjectKey);

/// An object as it was written. Kept as text, which takes a tenth of a parsed value: it may wait here for long.
struct Written {
    version: u64,
    uid: String,
    text: Box<str>,
}

impl Written {
    fn new(mut object: Value) -> Self {
        object::metadata_mut(&mut object).remove("managedFields");
        Self { version: version(&object), uid: object::uid(&object).to_owned(), text: object.to_string().into() }
    }

    fn object(&self) -> Value {
        serde_json::from_str(&self.text).expect("it was serialised here")
    }
}

/// The objects written lately, by the instance they belong to (or are), kind and name.
#[derive(Default)]
pub struct Recent {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    objects: HashMap<String, BTreeMap<Entry, Written>>,
    gone: HashSet<String>,
    gone_in_order: VecDeque<String>,
}

/// The uid of the instance an object is a child of, else its own.
fn owner(object: &Value) -> &str {
    object::label(object, kro::INSTANCE_ID).unwrap_or_else(|| object::uid(object))
}

impl Recent {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers the answer to a write.
    pub fn put(&self, gvk: &GroupVersionKind, object: &Value) {
        let mut state = self.state();
        if !state.gone.contains(object::uid(object)) {
            let entry = (gvk.clone(), ObjectKey::of(object));
            let written = Written::new(object.clone());
            state.objects.entry(owner(object).to_owned()).or_default().insert(entry, written);
        }
    }

    /// Forgets an object that is deleted.
    pub(super) fn gone(&self, deleted: &Value) {
        let mut state = self.state();
        let uid = object::uid(deleted);
        if let Some(objects) = state.objects.get_mut(owner(deleted)) {
            objects.retain(|_, written| written.uid != uid);
        }
        if state.gone.insert(uid.to_owned()) {
            state.gone_in_order.push_back(uid.to_owned());
        }
        if state.gone_in_order.len() > TOMBSTONES
            && let Some(oldest) = state.gone_in_order.pop_front()
        {
            state.gone.remove(&oldest);
        }
    }

    /// Forgets all of an instance that is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.state().objects.remove(uid);
    }

    /// The newer of what a cache shows and what was written.
    pub fn newest(&self, gvk: &GroupVersionKind, cached: Value) -> Value {
        let mut state = self.state();
        let Some(objects) = state.objects.get_mut(owner(&cached)) else { return cached };
        let entry = (gvk.clone(), ObjectKey::of(&cached));
        match objects.get(&entry) {
            Some(written) if version(&cached) < written.version => written.object(),
            _ => {
                objects.remove(&entry);
                cached
            }
        }
    }

    /// The children of an instance: what a cache shows, replaced and completed by what was written.
    pub(super) fn overlay(&self, gvk: &GroupVersionKind, uid: &str, cached: Vec<Value>) -> Vec<Value> {
        let mut state = self.state();
        let Some(objects) = state.objects.get_mut(uid) else { return cached };
        let mut children = Vec::with_capacity(cached.len());
        let mut seen = HashSet::new();
        for child in cached {
            let entry = (gvk.clone(), ObjectKey::of(&child));
            match objects.get(&entry) {
                Some(written) if version(&child) < written.version => children.push(written.object()),
                _ => {
                    objects.remove(&entry);
                    children.push(child);
                }
            }
            seen.insert(entry.1);
        }
        let unseen =
            objects.iter().filter(|((kind, key), written)| kind == gvk && !seen.contains(key) && written.uid != uid);
        children.extend(unseen.map(|(_, written)| written.object()));
        if objects.is_empty() {
            state.objects.remove(uid);
        }
        children
    }
}

/// Resource versions of one cluster grow; what is no number is taken for old.
fn version(object: &Value) -> u64 {
    object::resource_version(object).and_then(|version| version.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn child(version: &str) -> Value {
        json!({"metadata": {"name": "a", "uid": "c", "resourceVersion": version, "labels": {"kro.run/instance-id": "i"}}})
    }

    #[test]
    fn what_was_written_shows_until_the_cache_is_as_new() {
        let (recent, gvk) = (Recent::default(), GroupVersionKind::new("", "v1", "ConfigMap"));
        recent.put(&gvk, &child("5"));
        assert_eq!(recent.overlay(&gvk, "i", vec![]), [child("5")]);
        assert_eq!(recent.overlay(&gvk, "other", vec![]), Vec::<Value>::new());
        assert_eq!(recent.overlay(&gvk, "i", vec![child("4")]), [child("5")]);
        assert_eq!(recent.overlay(&gvk, "i", vec![child("6")]), [child("6")]);
        assert_eq!(recent.overlay(&gvk, "i", vec![]), Vec::<Value>::new());
    }

    #[test]
    fn a_deleted_object_does_not_come_back() {
        let (recent, gvk) = (Recent::default(), GroupVersionKind::new("", "v1", "ConfigMap"));
        recent.gone(&child("7"));
        recent.put(&gvk, &child("5"));
        assert_eq!(recent.overlay(&gvk, "i", vec![]), Vec::<Value>::new());
    }
}
