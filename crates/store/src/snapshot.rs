//! A consistent view of everything at one revision.
//! It must not know how the view came about.

use std::sync::Arc;

use crate::watch::Compacted;
use crate::world::{KindState, World, name_of};
use crate::{KindKey, Loaded, ObjectKey, Record, Stored};

/// An immutable view of the store. Cloning costs O(1).
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) world: Arc<World>,
}

impl Snapshot {
    /// The revision of the last write that is visible here.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.world.revision
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

    /// As [`Snapshot::list`], from after an object's (namespace, name), whether it is still there or not.
    pub fn list_after(
        &self,
        kind: &KindKey,
        namespace: Option<&str>,
        after: Option<(&str, &str)>,
    ) -> impl Iterator<Item = &Arc<Record>> {
        self.world.kinds.get(kind).into_iter().flat_map(move |state| state.list_after(namespace, after))
    }

    /// How many objects of a kind there are.
    #[must_use]
    pub fn count(&self, kind: &KindKey) -> usize {
        self.world.kinds.get(kind).map_or(0, |state| state.objects.len())
    }

    /// Revision of the last write to a kind that is visible here, or one from before that where there was none since
    /// the store was opened. Two snapshots with the same one hold the same objects of the kind.
    #[must_use]
    pub fn version(&self, kind: &KindKey) -> u64 {
        self.world.kinds.get(kind).map_or(0, |state| state.last_write())
    }

    /// All objects, by kind, namespace and name.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.world.kinds.values().flat_map(|state| state.objects.values()).map(AsRef::as_ref)
    }

    /// The revision of the last write of each kind that was written since the store's beginning.
    pub(crate) fn last_writes(&self) -> impl Iterator<Item = (&KindKey, u64)> {
        self.world.kinds.iter().map(|(kind, state)| (kind, state.last_write()))
    }

    /// The revision before which no watch may start.
    pub(crate) fn floor(&self) -> u64 {
        self.world.floor
    }

    pub(crate) fn of(loaded: Loaded) -> Self {
        Self { world: Arc::new(World::opened(loaded)) }
    }

    /// The same objects at a later revision, with no watch going on from before it.
    pub(crate) fn moved_to(&self, revision: u64) -> Self {
        let objects = self
            .records()
            .map(|record| (record.key.clone(), Stored { revision: record.revision, bytes: record.bytes.clone() }));
        Self::of(Loaded { revision, floor: revision, kinds: Vec::new(), objects: objects.collect() })
    }

    /// The revision of the last write to any kind of a group in a cluster; `None` if there never was one. It costs one
    /// look-up, so that what is made of a group's objects can be kept for as long as it stays.
    #[must_use]
    pub fn group_revision(&self, cluster: &Arc<str>, group: &Arc<str>) -> Option<u64> {
        let first = KindKey { cluster: cluster.clone(), group: group.clone(), resource: "".into() };
        let kinds = self.world.kinds.range(first..);
        let of_group = kinds.take_while(|(kind, _)| kind.cluster == *cluster && kind.group == *group);
        of_group.map(|(_, state)| state.last_write()).max()
    }

    /// The kinds that have objects.
    pub fn kinds(&self) -> impl Iterator<Item = &KindKey> {
        self.world.kinds.iter().filter(|(_, state)| !state.objects.is_empty()).map(|(kind, _)| kind)
    }

    /// This view with one kind as it was at an earlier revision, found by undoing the events since.
    ///
    /// # Errors
    /// When those events are no longer kept.
    pub fn rewind(&self, kind: &KindKey, revision: u64) -> Result<Self, Compacted> {
        let Some(state) = self.world.kinds.get(kind).filter(|_| revision < self.world.revision) else {
            return Ok(self.clone());
        };
        if revision < state.compacted {
            return Err(Compacted { requested: revision, oldest: state.compacted });
        }
        let mut world = World::clone(&self.world);
        world.revision = revision;
        world.kinds.insert(kind.clone(), Arc::new(rewound(state, revision)));
        Ok(Self { world: Arc::new(world) })
    }
}

fn rewound(state: &KindState, revision: u64) -> KindState {
    let mut past = state.clone();
    while let Some(event) = past.log.pop_back() {
        if event.revision <= revision {
            past.log.push_back(event);
            break;
        }
        match &event.previous {
            Some(record) => past.objects.insert(name_of(&event.key), record.clone()),
            None => past.objects.remove(&name_of(&event.key)),
        };
    }
    past
}
