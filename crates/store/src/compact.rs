//! Making the file as small as what is in it: a new file is written beside it while writes go on, what was written
//! meanwhile is added, and it takes the old one's place.
//! It must not know when batches are made.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use redb::backends::FileBackend;
use redb::{Builder, Database};

use crate::file::{self, beside, put_where_none_is, sync_folder};
use crate::rows::{Writer, failed, upgrade};
use crate::{BackendError, Batch, Error, Loaded, Options, Snapshot, Stored};

/// A file this many times larger than its rows is compacted. redb itself, with pages half full and copies of what
/// changes, comes to between one and a half and three times.
const SPACIOUS: u64 = 4;
/// Batches between looks at the file's size; each has what filled a segment of the journal.
const LOOK_EVERY: u32 = 8;
/// Batches to wait after a compaction that failed.
const REST: u32 = 1 << 9;

/// The name of the new file, beside the old one.
const SUFFIX: &str = "compact";

/// Watches the size of a file, and makes it small.
#[derive(Default)]
pub(crate) struct Compaction {
    /// Bytes of all rows.
    live_bytes: i64,
    batches_until_look: u32,
    running: Option<Running>,
}

struct Running {
    thread: JoinHandle<Result<Database, BackendError>>,
    cancelled: Arc<AtomicBool>,
    /// Batches committed since the copy began.
    missed: Batch,
}

impl Compaction {
    /// Deletes what a process that was killed left.
    pub(crate) fn clean_up(path: &Path) -> Result<(), Error> {
        file::remove(&beside(path, SUFFIX))
    }

    pub(crate) fn start_counting(&mut self, loaded: &Loaded) {
        /// Of a key's text and a row's header.
        const ROW_OVERHEAD: usize = 64;
        let bytes = loaded.objects.iter().map(|(key, stored)| key.name.len() + stored.bytes.len() + ROW_OVERHEAD);
        self.live_bytes = bytes.sum::<usize>() as i64;
    }

    pub(crate) fn committed(&mut self, batch: &Batch, growth: i64) {
        self.live_bytes += growth;
        self.batches_until_look = self.batches_until_look.saturating_sub(1);
        if let Some(running) = &mut self.running {
            running.missed.absorb(batch);
        }
    }

    /// Gives up a compaction that runs.
    pub(crate) fn abandon(&mut self) {
        if let Some(running) = self.running.take() {
            running.cancelled.store(true, Ordering::Relaxed);
            // Its result is thrown away, so a panic in it is no loss either.
            drop(running.thread.join());
        }
    }

    /// Begins a compaction where one is due, or ends one whose copy is ready: then the new database is answered.
    pub(crate) fn step(&mut self, path: &Path, now: &Snapshot, options: &Options) -> Result<Option<Database>, Error> {
        if self.running.as_ref().is_some_and(|running| running.thread.is_finished()) {
            let finished = self.running.take().map(|running| finish(running, path));
            self.batches_until_look = if matches!(finished, Some(Ok(_))) { LOOK_EVERY } else { REST };
            return finished.transpose();
        }
        if self.running.is_none() && self.batches_until_look == 0 {
            self.batches_until_look = LOOK_EVERY;
            let size = std::fs::metadata(path).map_err(Error::file("look at", path))?.len();
            if size > options.compact_above_bytes && size > SPACIOUS * u64::try_from(self.live_bytes).unwrap_or(0) {
                tracing::info!(size, live = self.live_bytes, "compacting the store");
                self.running = Some(begin(beside(path, SUFFIX), now.clone(), options.cache_bytes)?);
            }
        }
        Ok(None)
    }
}

impl Drop for Compaction {
    fn drop(&mut self) {
        self.abandon();
    }
}

fn begin(path: PathBuf, now: Snapshot, cache_bytes: usize) -> Result<Running, Error> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let missed = Batch { revision: now.revision(), ..Batch::default() };
    let (copy, stop) = (path.clone(), cancelled.clone());
    let thread = std::thread::Builder::new()
        .name("store-compact".into())
        .spawn(move || build(&copy, &now, cache_bytes, &stop))
        .map_err(Error::file("start to write", &path))?;
    Ok(Running { thread, cancelled, missed })
}

fn finish(running: Running, path: &Path) -> Result<Database, Error> {
    let copy = beside(path, SUFFIX);
    let built = running.thread.join().unwrap_or_else(|_| Err(BackendError::Failed("the copy panicked".to_owned())));
    let added = built.and_then(|database| {
        let writing = database.begin_write().map_err(failed)?;
        let mut writer = Writer::open(&writing)?;
        writer.batch(&running.missed)?;
        writer.finish(running.missed.revision, None)?;
        writing.commit().map_err(failed)?;
        Ok(database)
    });
    match added {
        Ok(database) => {
            std::fs::rename(&copy, path).map_err(Error::file("rename to", path))?;
            // The new file has the name now, so there is no way back, even if the name may not survive a power cut.
            if let Err(error) = sync_folder(path) {
                tracing::error!(%error, "failed to make the compacted store's name durable");
            }
            Ok(database)
        }
        Err(error) => {
            file::remove(&copy)?;
            Err(Error::open(&copy, error))
        }
    }
}

/// Makes a new, empty store's file; it gets its name once it is whole, unless another process was faster.
pub(crate) fn create(path: &Path, cache_bytes: usize) -> Result<Database, Error> {
    let made = beside(path, &format!("new-{}", std::process::id()));
    let empty = Snapshot::of(Loaded::default());
    let database = build(&made, &empty, cache_bytes, &AtomicBool::new(false));
    let database = database.map_err(|error| Error::open(path, error))?;
    put_where_none_is(&made, path)?;
    Ok(database)
}

/// Writes a new database with everything of a snapshot; it is durable when this returns.
pub(crate) fn build(
    path: &Path,
    now: &Snapshot,
    cache_bytes: usize,
    cancelled: &AtomicBool,
) -> Result<Database, BackendError> {
    let file = file::create_private(path).map_err(failed)?;
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes);
    let database = builder.create_with_backend(FileBackend::new(file).map_err(failed)?).map_err(failed)?;
    let writing = database.begin_write().map_err(failed)?;
    upgrade(&writing, None)?;
    let mut writer = Writer::open(&writing)?;
    for record in now.records() {
        if cancelled.load(Ordering::Relaxed) {
            return Err(BackendError::Failed("it was given up".to_owned()));
        }
        let stored = Stored { revision: record.revision, bytes: record.bytes.clone() };
        writer.record(&record.key, Some(&stored))?;
    }
    now.last_writes().try_for_each(|(kind, revision)| writer.kind(kind, revision))?;
    writer.finish(now.revision(), Some(now.floor()))?;
    writing.commit().map_err(failed)?;
    Ok(database)
}
