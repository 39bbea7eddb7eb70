//! All objects at one moment, and what differs between two moments or two worlds.
//! It must not know how they came about.

use std::collections::BTreeMap;

use mainstay_apimachinery::object;
use mainstay_store::Snapshot;
use serde_json::Value;

/// Parts of metadata that tell when and by whom, not what.
const VOLATILE: [&str; 5] = ["resourceVersion", "managedFields", "uid", "creationTimestamp", "generation"];

/// Group of what the server keeps for itself, which no one can ask for.
const BOOKKEEPING: &str = "internal.mainstay.dev";

/// All objects by path: `cluster/resource.group/namespace/name`, the last two as far as they apply.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    objects: BTreeMap<String, Value>,
}

/// How one object differs.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// It is new.
    Added(Value),
    /// It is gone.
    Removed(Value),
    /// It is another.
    Changed {
        /// As it was.
        before: Value,
        /// As it is.
        after: Value,
    },
}

impl World {
    /// The objects of a snapshot.
    ///
    /// # Panics
    /// If one of them is no JSON.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut objects = BTreeMap::new();
        for kind in snapshot.kinds().filter(|kind| &*kind.group != BOOKKEEPING) {
            for record in snapshot.list(kind, None) {
                let key = &record.key;
                let resource = format!("{}.{}", kind.resource, kind.group);
                let parts = [&*kind.cluster, resource.trim_end_matches('.'), &*key.namespace, &*key.name];
                let path = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
                let value = serde_json::from_slice(&record.bytes).expect("the store holds JSON");
                objects.insert(path, value);
            }
        }
        Self { objects }
    }

    /// The object at a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.objects.get(path)
    }

    /// The paths of all objects.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.objects.keys().map(String::as_str)
    }

    /// What is different in `later`, by path; versions, times and managers do not count.
    #[must_use]
    pub fn difference(&self, later: &Self) -> BTreeMap<String, Difference> {
        let gone = self.objects.iter().filter(|(path, _)| !later.objects.contains_key(*path));
        let gone = gone.map(|(path, object)| (path.clone(), Difference::Removed(object.clone())));
        let others = later.objects.iter().filter_map(|(path, after)| {
            let difference = match self.objects.get(path) {
                None => Difference::Added(after.clone()),
                Some(before) if lasting(before) == lasting(after) => return None,
                Some(before) => Difference::Changed { before: before.clone(), after: after.clone() },
            };
            Some((path.clone(), difference))
        });
        gone.chain(others).collect()
    }
}

fn lasting(object: &Value) -> Value {
    let mut lasting = object.clone();
    let metadata = object::metadata_mut(&mut lasting);
    for field in VOLATILE {
        metadata.remove(field);
    }
    lasting
}
