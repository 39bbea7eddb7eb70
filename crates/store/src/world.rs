//! One immutable state of everything: objects, and the recent events of each kind.
//! It must not know disks, threads or waiting.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, Vector};

use crate::{KindKey, Loaded, ObjectKey, Options};

/// An object in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub key: ObjectKey,
    /// Revision of the write that made it.
    pub revision: u64,
    /// The object.
    pub bytes: Bytes,
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The object was made or replaced.
    Put,
    /// The object went away.
    Delete,
}

/// One write, as watchers see it.
#[derive(Clone, Debug)]
pub struct Event {
    /// Revision of the write.
    pub revision: u64,
    /// The object's name.
    pub key: ObjectKey,
    /// What was done.
    pub change: Change,
    /// The object after the write; the last state for a deletion.
    pub object: Bytes,
    /// The object before the write; `None` if it was made by it.
    pub previous: Option<Arc<Record>>,
}

/// Bytes an event costs besides the object: its struct, the key's shares and the two list slots.
const EVENT_OVERHEAD: usize = 256;

impl Event {
    fn previous_bytes(&self) -> usize {
        self.previous.as_ref().map_or(0, |record| record.bytes.len())
    }
}

/// Namespace and name: the order in which a kind's objects are listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

#[derive(Clone, Default)]
pub(crate) struct KindState {
    pub(crate) objects: OrdMap<Name, Arc<Record>>,
    pub(crate) log: Vector<Arc<Event>>,
    /// Position, counted from the start of time, of the first event in `log`.
    pub(crate) first: u64,
    /// Revision of the last event dropped from `log`.
    pub(crate) compacted: u64,
}

/// The whole state. Cloning costs O(1).
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) revision: u64,
    pub(crate) kinds: OrdMap<KindKey, Arc<KindState>>,
    /// All kinds' events, oldest first: the order in which they are dropped.
    pub(crate) order: Vector<Arc<Event>>,
    /// Position, counted from the start of time, of the first event in `order`.
    pub(crate) first: u64,
    /// Revision of the last event dropped from `order`.
    pub(crate) forgotten: u64,
    log_bytes: usize,
    /// Watches from before this revision are refused, whatever their kind.
    pub(crate) floor: u64,
}

impl World {
    /// The state read at start. A watch of a kind may go on from its last write.
    pub(crate) fn opened(loaded: Loaded) -> Self {
        // Revision 0 means "any" to Kubernetes clients, so the empty store is at 1.
        let revision = loaded.revision.max(1);
        let mut world = Self { revision, floor: loaded.floor.max(1), forgotten: revision, ..Self::default() };
        for (kind, last_write) in loaded.kinds {
            let state = world.kind_mut(&kind);
            state.compacted = state.compacted.max(last_write);
        }
        for (key, stored) in loaded.objects {
            let state = world.kind_mut(&key.kind);
            let record = Record { key, revision: stored.revision, bytes: stored.bytes };
            state.objects.insert(name_of(&record.key), Arc::new(record));
        }
        world
    }

    /// The same key with the text that other keys hold already: cluster, group, resource and namespace are kept once.
    fn shared(&self, key: ObjectKey) -> ObjectKey {
        let Some((kind, state)) = self.kinds.get_key_value(&key.kind) else { return key };
        let name = name_of(&key);
        let neighbour = state.objects.get_prev(&name).or_else(|| state.objects.get_next(&name));
        let namespace = neighbour.map(|(neighbour, _)| &neighbour.namespace).filter(|found| **found == key.namespace);
        ObjectKey { kind: kind.clone(), namespace: namespace.cloned().unwrap_or(key.namespace), name: key.name }
    }

    pub(crate) fn get(&self, key: &ObjectKey) -> Option<&Arc<Record>> {
        self.kinds.get(&key.kind)?.objects.get(&name_of(key))
    }

    pub(crate) fn put(&mut self, key: ObjectKey, revision: u64, bytes: Bytes) {
        let key = self.shared(key);
        let record = Arc::new(Record { key: key.clone(), revision, bytes: bytes.clone() });
        let previous = self.kind_mut(&key.kind).objects.insert(name_of(&key), record);
        self.log(Event { revision, key, change: Change::Put, object: bytes, previous });
    }

    pub(crate) fn delete(&mut self, key: ObjectKey, revision: u64, last: Bytes) {
        let previous = self.kind_mut(&key.kind).objects.remove(&name_of(&key));
        if previous.is_some() {
            self.log(Event { revision, key, change: Change::Delete, object: last, previous });
        }
    }

    fn log(&mut self, event: Event) {
        // A state before that is shown by an event of the log is counted with that one.
        let unseen = event.previous.as_ref().is_some_and(|record| record.revision <= self.forgotten);
        let previous = if unseen { event.previous_bytes() } else { 0 };
        self.log_bytes += event.object.len() + previous + EVENT_OVERHEAD;
        let event = Arc::new(event);
        self.kind_mut(&event.key.kind).log.push_back(event.clone());
        self.order.push_back(event);
    }

    /// Drops the oldest events, whole revisions of them, until the log is within its bounds.
    pub(crate) fn compact(&mut self, options: &Options) {
        let over = |world: &Self| world.order.len() > options.log_events || world.log_bytes > options.log_bytes;
        let begun = |world: &Self| world.order.front().is_some_and(|event| event.revision == world.forgotten);
        while over(self) || begun(self) {
            let Some(oldest) = self.order.pop_front() else { return };
            self.log_bytes = self.log_bytes.saturating_sub(self.held_by(&oldest));
            self.first += 1;
            self.forgotten = oldest.revision;
            let state = self.kind_mut(&oldest.key.kind);
            // The oldest of all events is the oldest of its kind too, since both lists are in order of writing.
            state.log.pop_front();
            state.first += 1;
            state.compacted = oldest.revision;
        }
    }

    /// Bytes that the log no longer holds once its oldest event is gone. The object of a write that was written over
    /// stays, as the state before of a later event.
    fn held_by(&self, oldest: &Event) -> usize {
        let current = self.get(&oldest.key).is_some_and(|record| record.bytes.as_ptr() == oldest.object.as_ptr());
        let object = if current || oldest.change == Change::Delete { oldest.object.len() } else { 0 };
        object + oldest.previous_bytes() + EVENT_OVERHEAD
    }

    /// Position among all events of the first one after a revision.
    pub(crate) fn position_after(&self, revision: u64) -> u64 {
        self.first + position_after(&self.order, revision)
    }

    /// The earliest revision a watch of this kind may start from.
    pub(crate) fn compacted(&self, kind: &KindKey) -> u64 {
        self.kinds.get(kind).map_or(self.floor, |state| state.compacted)
    }

    fn kind_mut(&mut self, kind: &KindKey) -> &mut KindState {
        if !self.kinds.contains_key(kind) {
            let state = KindState { compacted: self.floor, ..KindState::default() };
            self.kinds.insert(kind.clone(), Arc::new(state));
        }
        Arc::make_mut(self.kinds.get_mut(kind).expect("it was just inserted"))
    }
}

pub(crate) fn name_of(key: &ObjectKey) -> Name {
    Name { namespace: key.namespace.clone(), name: key.name.clone() }
}

impl KindState {
    /// The objects in order, of one namespace or of all.
    pub(crate) fn list(&self, namespace: Option<&str>) -> impl Iterator<Item = &Arc<Record>> {
        self.list_after(namespace, None)
    }

    /// The objects in order, from after a (namespace, name).
    pub(crate) fn list_after(
        &self,
        namespace: Option<&str>,
        after: Option<(&str, &str)>,
    ) -> impl Iterator<Item = &Arc<Record>> {
        let wanted: Option<Arc<str>> = namespace.map(Arc::from);
        let first = match after {
            Some((namespace, name)) => Bound::Excluded(Name { namespace: namespace.into(), name: name.into() }),
            None => Bound::Included(Name { namespace: namespace.unwrap_or_default().into(), name: "".into() }),
        };
        let in_place = move |name: &Name| wanted.as_ref().is_none_or(|namespace| *namespace == name.namespace);
        let range = self.objects.range((first, Bound::Unbounded));
        range.take_while(move |(name, _)| in_place(name)).map(|(_, record)| record)
    }

    /// Position of the first event after a revision.
    pub(crate) fn position_after(&self, revision: u64) -> u64 {
        self.first + position_after(&self.log, revision)
    }

    /// Revision of the last write.
    pub(crate) fn last_write(&self) -> u64 {
        self.log.last().map_or(self.compacted, |event| event.revision)
    }
}

/// Index of the first event after a revision.
fn position_after(log: &Vector<Arc<Event>>, revision: u64) -> u64 {
    let after = log.binary_search_by(|event| {
        if event.revision <= revision { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater }
    });
    after.unwrap_or_else(|index| index) as u64
}
