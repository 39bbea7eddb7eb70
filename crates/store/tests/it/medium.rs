//! Storage that dies at a given step, and what a disk may hold after that.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use mainstay_store::{Journal, JournalOptions, RedbBackend, Segments};
use redb::StorageBackend;

/// Sectors are written whole or not at all.
const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Step {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

/// The database and the two segments of its journal.
const FILES: usize = 3;
type Files = [Vec<u8>; FILES];

#[derive(Debug, Default)]
struct State {
    /// What was synced.
    durable: Files,
    /// What a reader sees.
    now: Files,
    /// What was written to which file since its last sync, and may be on the disk or not.
    unsynced: Vec<(usize, Step)>,
    steps: usize,
    dies_at: Option<usize>,
}

/// Files in memory that count writes, changes of length and syncs of all together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Medium {
    state: Arc<Mutex<State>>,
    /// The file that this handle is of.
    file: usize,
}

impl Step {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, data) => {
                let (from, to) = (*offset as usize, *offset as usize + data.len());
                if bytes.len() < to {
                    bytes.resize(to, 0);
                }
                bytes[from..to].copy_from_slice(data);
            }
            Self::SetLen(len) => bytes.resize(*len as usize, 0),
        }
    }

    /// The sectors of a write that `keep` lets through.
    fn apply_torn(&self, bytes: &mut Vec<u8>, mut keep: impl FnMut() -> bool) {
        let Self::Write(offset, data) = self else { return self.apply(bytes) };
        let (mut at, end) = (*offset as usize, *offset as usize + data.len());
        while at < end {
            let next = ((at / SECTOR + 1) * SECTOR).min(end);
            if keep() {
                let part = data[at - *offset as usize..next - *offset as usize].to_vec();
                Self::Write(at as u64, part).apply(bytes);
            }
            at = next;
        }
    }
}

impl Medium {
    fn with(files: Files) -> Self {
        let state = State { now: files.clone(), durable: files, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), file: 0 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn segment(&self, index: usize) -> Self {
        Self { state: self.state.clone(), file: index + 1 }
    }

    /// The database behind a journal with segments that a few objects fill.
    pub(crate) fn journal(&self) -> Journal {
        let options = JournalOptions { segment_bytes: 4 << 10, salt: || 7, in_step: true };
        Journal::over(Box::new(self.backend()), Box::new(self.clone()), options)
    }

    pub(crate) fn backend(&self) -> RedbBackend {
        let medium = self.clone();
        RedbBackend::over(move |builder| builder.create_with_backend(medium.clone()))
    }

    /// Steps taken so far.
    pub(crate) fn steps(&self) -> usize {
        self.state().steps
    }

    /// From now on, this many steps succeed.
    pub(crate) fn die_after(&self, steps: usize) {
        let mut state = self.state();
        state.dies_at = Some(state.steps + steps);
    }

    /// A medium that holds what a disk may hold after the power is cut now.
    pub(crate) fn after_power_cut(&self, fate: Fate) -> Self {
        let state = self.state();
        let mut files = state.durable.clone();
        let mut random = Random(fate.seed());
        let count = state.unsynced.len();
        for (index, (file, step)) in state.unsynced.iter().enumerate() {
            let bytes = &mut files[*file];
            match fate {
                Fate::NothingUnsynced => {}
                Fate::Everything => step.apply(bytes),
                Fate::LastTornInHalf if index + 1 == count => {
                    let mut first = true;
                    step.apply_torn(bytes, || std::mem::replace(&mut first, false) || random.coin());
                }
                Fate::LastTornInHalf => step.apply(bytes),
                Fate::SomeWrites(_) if random.coin() => step.apply(bytes),
                Fate::SomeWrites(_) => {}
                Fate::SomeSectors(_) => step.apply_torn(bytes, || random.coin()),
            }
        }
        Self::with(files)
    }

    /// One more step; an error if it is the one to die at. What it would have done may have happened all the same.
    fn step(&self, step: Option<Step>) -> io::Result<()> {
        let mut state = self.state();
        let dead = state.dies_at.is_some_and(|last| state.steps >= last);
        let dies_now = state.dies_at == Some(state.steps);
        state.steps += 1;
        if dead && !dies_now {
            return Err(io::Error::other("it is dead"));
        }
        match step {
            Some(step) => {
                step.apply(&mut state.now[self.file]);
                state.unsynced.push((self.file, step));
            }
            None if !dead => {
                state.durable[self.file] = state.now[self.file].clone();
                state.unsynced.retain(|(file, _)| *file != self.file);
            }
            None => {}
        }
        if dead { Err(io::Error::other("killed")) } else { Ok(()) }
    }
}

impl StorageBackend for Medium {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().now[self.file].len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let range = offset as usize..offset as usize + out.len();
        out.copy_from_slice(state.now[self.file].get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.step(Some(Step::SetLen(len)))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.step(None)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.step(Some(Step::Write(offset, data.to_vec())))
    }
}

impl Segments for Medium {
    fn read(&mut self) -> io::Result<Vec<Vec<u8>>> {
        Ok(self.state().now[1..].to_vec())
    }

    fn create(&mut self, index: usize, bytes: usize) -> io::Result<Box<dyn StorageBackend>> {
        let segment = self.segment(index);
        segment.set_len(0)?;
        segment.write(0, &vec![0; bytes])?;
        segment.sync_data()?;
        Ok(Box::new(segment))
    }

    fn remove(&mut self) -> io::Result<()> {
        (0..FILES - 1).try_for_each(|index| self.segment(index).set_len(0))
    }
}

/// What becomes of writes that were not synced when the power went.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// None is on the disk.
    NothingUnsynced,
    /// All are.
    Everything,
    /// All are, but of the last one only some sectors.
    LastTornInHalf,
    /// Some are, some not, in no order.
    SomeWrites(u64),
    /// Some sectors of each are.
    SomeSectors(u64),
}

impl Fate {
    fn seed(self) -> u64 {
        match self {
            Self::SomeWrites(seed) | Self::SomeSectors(seed) => seed,
            _ => 1,
        }
    }
}

/// SplitMix64: the same numbers everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}
