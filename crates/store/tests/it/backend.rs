//! A backend in memory that can be made to fail or to die.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use mainstay_store::{Backend, BackendError, Batch, KindKey, Loaded, ObjectKey, Stored};

/// What the disk does with the next batches.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Works,
    /// Refuses; nothing is written.
    Full,
    /// Refuses, and yet the batch is written: the answer of the disk was lost.
    Lies,
    /// Takes this many batches, then dies.
    DiesAfter(usize),
}

#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) mood: Mood,
    pub(crate) revision: u64,
    pub(crate) kinds: BTreeMap<KindKey, u64>,
    pub(crate) objects: BTreeMap<ObjectKey, Stored>,
    pub(crate) commits: usize,
}

#[derive(Clone, Default)]
pub(crate) struct Disk(pub(crate) Arc<Mutex<State>>);

impl Disk {
    pub(crate) fn set(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }
}

impl State {
    /// Another disk with the same on it.
    pub(crate) fn clone_state(&self) -> Disk {
        Disk(Arc::new(Mutex::new(self.clone())))
    }

    fn apply(&mut self, batch: &Batch) {
        self.revision = batch.revision;
        self.commits += 1;
        self.kinds.extend(batch.kinds.iter().map(|(kind, revision)| (kind.clone(), *revision)));
        for (key, stored) in &batch.writes {
            match stored {
                Some(stored) => drop(self.objects.insert(key.clone(), stored.clone())),
                None => drop(self.objects.remove(key)),
            }
        }
    }
}

impl Backend for Disk {
    fn load(&mut self) -> Result<Loaded, BackendError> {
        let state = self.0.lock().unwrap();
        Ok(Loaded {
            revision: state.revision,
            floor: 1,
            kinds: state.kinds.clone().into_iter().collect(),
            objects: state.objects.clone().into_iter().collect(),
        })
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), BackendError> {
        let mut state = self.0.lock().unwrap();
        match state.mood {
            Mood::Works => state.apply(batch),
            Mood::Full => return Err(BackendError::Full("no space left on device".into())),
            Mood::Lies => {
                state.apply(batch);
                return Err(BackendError::Failed("input/output error".into()));
            }
            Mood::DiesAfter(0) => return Err(BackendError::Failed("killed".into())),
            Mood::DiesAfter(left) => {
                state.apply(batch);
                state.mood = Mood::DiesAfter(left - 1);
            }
        }
        Ok(())
    }
}
