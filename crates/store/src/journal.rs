//! A journal in front of a database: a batch is durable with one short write over space that is there already, and goes
//! into the database later, with many others at once.
//! It must not know the database's layout.
//!
//! There are two segments. Batches are appended to one of them; when it is full, everything in it is handed to the
//! database on a thread of its own, and the other one is written from its start on. A segment is begun anew only once the
//! database holds all that was in it. At a start, what the database lacks is taken from the segments. After an orderly end
//! there are none: the database holds everything.

mod keeper;
mod record;
mod replay;
mod segments;

use std::path::Path;

use redb::StorageBackend;

use crate::rows::failed;
use crate::{Backend, BackendError, Batch, Error, Loaded, Snapshot};
use keeper::{Keeper, Outcome};
use record::ALIGN;
pub use segments::Segments;
pub(crate) use segments::{SegmentFiles, link};

/// A database with a journal in front.
pub struct Journal {
    /// Until everything is read.
    database: Option<Box<dyn Backend>>,
    /// Owns the database after that.
    keeper: Option<Keeper>,
    places: Box<dyn Segments>,
    segments: [Option<Box<dyn StorageBackend>>; segments::COUNT],
    options: JournalOptions,
    active: usize,
    /// Where the next record goes in the active segment.
    at: usize,
    salt: u64,
    /// Revision of the last batch that is durable.
    last: u64,
    /// What is in the active segment.
    gathered: Batch,
    /// The state with all of `gathered` in it.
    now: Option<Snapshot>,
    /// What the database refused; it is in the segment that is not active.
    refused: Option<Batch>,
    /// A record may stand at `at` that was not acknowledged.
    torn: bool,
    /// The database may hold a batch that was not acknowledged, so that nobody knows its revision.
    doubtful: bool,
    buffer: Vec<u8>,
}

/// How a journal works.
#[derive(Clone, Copy, Debug)]
pub struct JournalOptions {
    /// Size of each of the two segments; a batch that is larger goes to the database at once.
    pub segment_bytes: usize,
    /// Makes a segment's salt, which nobody who writes objects can know.
    pub salt: fn() -> u64,
    /// Waits for the database whenever it is handed something: the same steps in the same order each time.
    pub in_step: bool,
}

impl Journal {
    /// A journal in front of a database.
    #[must_use]
    pub fn over(database: Box<dyn Backend>, places: Box<dyn Segments>, options: JournalOptions) -> Self {
        Self {
            database: Some(database),
            keeper: None,
            places,
            segments: [None, None],
            options,
            active: 0,
            at: 0,
            salt: (options.salt)(),
            last: 0,
            gathered: Batch::default(),
            now: None,
            refused: None,
            torn: false,
            doubtful: false,
            buffer: Vec::new(),
        }
    }

    fn keeper(&mut self) -> Result<&mut Keeper, BackendError> {
        self.keeper.as_mut().ok_or_else(|| BackendError::Failed("the journal was not read yet".to_owned()))
    }

    /// Takes note of what became of a batch that the database was given.
    fn note(&mut self, outcome: Outcome) -> Result<(), BackendError> {
        outcome.map_err(|(batch, error)| {
            tracing::warn!(%error, "the database does not take what is in the journal; it stays there");
            self.refused = Some(batch);
            error
        })
    }

    /// Returns once the database holds everything that it was given. What it refused is tried again.
    fn settle(&mut self) -> Result<(), BackendError> {
        if let Some(outcome) = self.keeper()?.wait() {
            self.note(outcome)?;
        }
        let Some(batch) = self.refused.take() else { return Ok(()) };
        let outcome = self.keeper()?.finish(batch);
        self.note(outcome)
    }

    /// Hands what was gathered to the database and goes on at the start of the other segment, which is made if it is not
    /// there. False when it cannot be made: then there is no journal to write to.
    fn turn(&mut self) -> Result<bool, BackendError> {
        self.settle()?;
        let next = (self.active + 1) % segments::COUNT;
        if !self.has(next) {
            return Ok(false);
        }
        if self.gathered.revision > 0 {
            let (batch, now) = (std::mem::take(&mut self.gathered), self.now.clone());
            self.keeper()?.begin(batch, now);
            if self.options.in_step {
                self.settle()?;
            }
        }
        self.active = next;
        self.begin_anew();
        Ok(true)
    }

    fn begin_anew(&mut self) {
        self.at = 0;
        self.salt = (self.options.salt)();
    }

    /// Whether a segment is there, after making it if need be.
    fn has(&mut self, index: usize) -> bool {
        if self.segments[index].is_none() {
            match self.places.create(index, self.options.segment_bytes) {
                Ok(segment) => self.segments[index] = Some(segment),
                Err(error) => tracing::debug!(%error, "failed to make a segment of the journal"),
            }
        }
        self.segments[index].is_some()
    }

    /// Writes the record at its place; it is durable after that.
    fn append(&mut self, batch: &Batch) -> Result<(), BackendError> {
        record::encode(batch, (self.salt, self.last), &mut self.buffer);
        let segment = self.segments[self.active].as_ref().expect("a segment is made before it is active");
        self.torn = true;
        segment.write(self.at as u64, &self.buffer).and_then(|()| segment.sync_data()).map_err(failed)?;
        self.torn = false;
        self.at += self.buffer.len();
        self.gathered.absorb(batch);
        self.last = batch.revision;
        Ok(())
    }

    /// Makes sure that a record which was not acknowledged is not found later: other batches take its revisions.
    fn wipe(&mut self) -> Result<(), BackendError> {
        if let Some(segment) = self.segments[self.active].as_ref().filter(|_| self.torn) {
            segment.write(self.at as u64, &[0; ALIGN]).and_then(|()| segment.sync_data()).map_err(failed)?;
        }
        self.torn = false;
        Ok(())
    }

    /// Gives a batch to the database at once, with everything that was gathered before it.
    fn past(&mut self, batch: &Batch) -> Result<(), BackendError> {
        self.settle()?;
        let mut all = self.gathered.clone();
        all.absorb(batch);
        self.doubtful = true;
        // No state with this batch in it is known yet, and an older one would make the database forget it.
        self.keeper()?.finish(all).map_err(|(_, error)| error)?;
        self.doubtful = false;
        self.gathered = Batch::default();
        self.last = batch.revision;
        self.begin_anew();
        Ok(())
    }

    /// Brings everything into the database and deletes the segments.
    fn end(&mut self) -> Result<(), BackendError> {
        // What is not known to be in the database, or not to be there, is found out at the next start.
        if self.keeper.is_none() || self.doubtful {
            return Ok(());
        }
        self.wipe()?;
        self.settle()?;
        if self.gathered.revision > 0 {
            let batch = std::mem::take(&mut self.gathered);
            let outcome = self.keeper()?.finish(batch);
            self.note(outcome)?;
        }
        self.segments = [None, None];
        self.places.remove().map_err(failed)
    }
}

impl Backend for Journal {
    fn load(&mut self) -> Result<Loaded, BackendError> {
        let mut database =
            self.database.take().ok_or_else(|| BackendError::Failed("it was read already".to_owned()))?;
        let mut loaded = database.load()?;
        let segments = self.places.read().map_err(failed)?;
        if let Some(missing) = replay::after(loaded.revision, &segments)? {
            tracing::info!(
                from = loaded.revision,
                to = missing.revision,
                "the journal has writes that the database lacks"
            );
            let outcome = database.commit(&missing).map_err(|error| (missing.clone(), error));
            // The store can be read all the same; writes wait until the database takes it.
            drop(self.note(outcome));
            loaded.add(missing);
        }
        if self.refused.is_none() {
            self.places.remove().map_err(failed)?;
        }
        self.last = loaded.revision;
        self.keeper = Some(Keeper::start(database).map_err(failed)?);
        Ok(loaded)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), BackendError> {
        if let Some(outcome) = self.keeper()?.poll() {
            drop(self.note(outcome));
        }
        // What is refused is tried again before anything else is taken: so much is durable, and no more.
        if self.refused.is_some() {
            self.settle()?;
        }
        self.wipe()?;
        let length = record::length(batch);
        if self.doubtful || length > self.options.segment_bytes {
            return self.past(batch);
        }
        let fits = self.at + length <= self.options.segment_bytes && self.has(self.active);
        if fits || self.turn()? { self.append(batch) } else { self.past(batch) }
    }

    fn tidy(&mut self, now: &Snapshot) {
        self.now = Some(now.clone());
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!(%error, "some writes stay in the journal, from which the next start takes them");
        }
    }
}

/// Adds to what was read from a database's file what its journal has after that, without changing either.
pub(crate) fn add_missing(path: &Path, loaded: &mut Loaded) -> Result<(), Error> {
    let segments = segments::read_beside(path)?;
    let missing = replay::after(loaded.revision, &segments).map_err(|damage| Error::open(path, damage.into()))?;
    missing.into_iter().for_each(|missing| loaded.add(missing));
    Ok(())
}
