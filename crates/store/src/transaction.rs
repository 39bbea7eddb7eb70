//! A write in the making.
//! It must not know whether and how it becomes durable.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::world::World;
use crate::{KindKey, ObjectKey, Record, Stored};

/// Reads and writes that happen together. Reads see earlier writes that are not yet durable.
pub struct Transaction {
    pub(crate) world: World,
    pub(crate) writes: BTreeMap<ObjectKey, Option<Stored>>,
    revision: u64,
}

impl Transaction {
    pub(crate) fn new(world: World) -> Self {
        let revision = world.revision + 1;
        Self { world, writes: BTreeMap::new(), revision }
    }

    /// The revision that what is put here gets.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What is put from here on gets a later revision than what was put so far, though both become durable together:
    /// watchers see two writes.
    pub fn advance(&mut self) {
        self.revision = self.world.revision + 1;
    }

    /// One object.
    #[must_use]
    pub fn get(&self, key: &ObjectKey) -> Option<&Record> {
        self.world.get(key).map(AsRef::as_ref)
    }

    /// The objects of a kind in order of namespace and name, of one namespace or of all.
    pub fn list(&self, kind: &KindKey, namespace: Option<&str>) -> impl Iterator<Item = &Record> {
        self.world.kinds.get(kind).into_iter().flat_map(move |state| state.list(namespace)).map(AsRef::as_ref)
    }

    /// Makes or replaces an object.
    pub fn put(&mut self, key: ObjectKey, bytes: Bytes) {
        self.writes.insert(key.clone(), Some(Stored { revision: self.revision, bytes: bytes.clone() }));
        self.touch();
        self.world.put(key, self.revision, bytes);
    }

    /// Deletes an object; `last` is its last state, for watchers. Nothing happens if there is no such object.
    pub fn delete(&mut self, key: ObjectKey, last: Bytes) {
        if self.world.get(&key).is_some() {
            self.writes.insert(key.clone(), None);
            self.touch();
            self.world.delete(key, self.revision, last);
        }
    }

    fn touch(&mut self) {
        self.world.revision = self.revision;
    }
}
