//! The disk as a redb file.
//! It must not know what the objects are.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, ReadableDatabase};

use crate::compact::Compaction;
use crate::file::{self, Untouched, guarded};
use crate::rows::{self, Contents, Writer, failed};
use crate::{Backend, BackendError, Batch, Damage, Error, Loaded, Options, Snapshot, compact};

type Opener = Box<dyn FnMut(&mut Builder) -> Result<Database, DatabaseError> + Send>;

/// A database.
pub struct RedbBackend {
    open: Opener,
    /// `None` for a database that is no file.
    path: Option<PathBuf>,
    options: Options,
    /// `None` after a failed write: redb then wants the file opened anew.
    database: Option<Handle>,
    /// What was read and checked before the file was opened for writing.
    loaded: Option<Loaded>,
    /// Revision of the last batch that is known to be durable.
    durable: u64,
    compaction: Compaction,
}

impl RedbBackend {
    /// Opens or makes the file. A file that is there is read and checked whole before it is opened for writing; a new
    /// one gets its name once it is whole.
    ///
    /// # Errors
    /// [`Error::Locked`] when another store holds it, [`Error::Damaged`] when it is not as it was written,
    /// [`Error::Open`] when it cannot be opened or is of another format.
    pub fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        let file = path.to_owned();
        let opener: Opener = Box::new(move |builder| open_file(&file, builder));
        let mut backend = Self::new(opener, Some(path.to_owned()), options.clone());
        let length = std::fs::metadata(path).map(|file| file.len()).ok();
        if length.is_some_and(|length| length > 0) {
            let contents = read_untouched(path, options.cache_bytes)?;
            backend.durable = contents.loaded.revision;
            backend.loaded = Some(contents.loaded);
            backend.database = Some(backend.open_database().map_err(|opening| match opening {
                Opening::Locked => Error::Locked { path: path.to_owned() },
                Opening::Failed(error) => Error::open(path, error),
            })?);
        } else {
            // An empty file is no store yet.
            length.map_or(Ok(()), |_| file::remove(path))?;
            backend.database = Some(Handle::new(compact::create(path, options.cache_bytes)?));
        }
        // Only whoever holds the store may delete what an earlier holder left.
        Compaction::clean_up(path)?;
        Ok(backend)
    }

    /// A database over any storage; `open` is called again after a failed write.
    #[must_use]
    pub fn over(open: impl FnMut(&mut Builder) -> Result<Database, DatabaseError> + Send + 'static) -> Self {
        Self::new(Box::new(open), None, Options::default())
    }

    fn new(open: Opener, path: Option<PathBuf>, options: Options) -> Self {
        Self { open, path, options, database: None, loaded: None, durable: 0, compaction: Compaction::default() }
    }

    fn open_database(&mut self) -> Result<Handle, Opening> {
        let mut builder = Builder::new();
        builder.set_cache_size(self.options.cache_bytes);
        let database = guarded(|| Ok((self.open)(&mut builder))).map_err(Opening::Failed)?.map_err(Opening::of)?;
        let mut handle = Handle::new(database);
        guarded(|| prepare(handle.get())).map_err(Opening::Failed)?;
        Ok(handle)
    }

    fn database(&mut self) -> Result<&mut Database, BackendError> {
        if self.database.is_none() {
            if let Some(path) = &self.path {
                file::probe(path).map_err(failed)?;
            }
            let mut database = self.open_database().map_err(|opening| match opening {
                Opening::Locked => failed(redb::Error::DatabaseAlreadyOpen),
                Opening::Failed(error) => error,
            })?;
            let found = revision(database.get())?;
            if found < self.durable {
                let what = format!("acknowledged writes up to revision {} are gone, it ends at {found}", self.durable);
                return Err(Damage::of("file", what).into());
            }
            self.database = Some(database);
        }
        Ok(self.database.as_mut().expect("it was just opened").get())
    }
}

/// A database that is closed with care: closing writes, and where the file is damaged it may panic.
pub(crate) struct Handle(Option<Database>);

impl Handle {
    pub(crate) fn new(database: Database) -> Self {
        Self(Some(database))
    }

    pub(crate) fn get(&mut self) -> &mut Database {
        self.0.as_mut().expect("it is taken on drop only")
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let database = self.0.take();
        let closed = guarded(|| {
            drop(database);
            Ok(())
        });
        if let Err(error) = closed {
            tracing::warn!(%error, "failed to close a database");
        }
    }
}

enum Opening {
    Locked,
    Failed(BackendError),
}

impl Opening {
    fn of(error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen => Self::Locked,
            other => Self::Failed(failed(other)),
        }
    }
}

/// Reads and checks a file without changing it.
pub(crate) fn read_untouched(path: &Path, cache_bytes: usize) -> Result<Contents, Error> {
    let (contents, _) = open_untouched(path, cache_bytes)?;
    if contents.findings.is_empty() {
        return Ok(contents);
    }
    Err(Error::Damaged { path: path.to_owned(), damage: Damage { findings: contents.findings } })
}

/// Reads a file without changing it; answers the database too, whose changes are kept in memory.
pub(crate) fn open_untouched(path: &Path, cache_bytes: usize) -> Result<(Contents, Handle), Error> {
    let storage = Untouched::open(path)?;
    let read = guarded(|| {
        let mut builder = Builder::new();
        builder.set_cache_size(cache_bytes);
        recover_only_after_a_crash(&mut builder, path).map_err(failed)?;
        let mut database = Handle::new(builder.create_with_backend(storage).map_err(opening)?);
        let contents = rows::read(&database.get().begin_read().map_err(failed)?)?;
        Ok((contents, database))
    });
    read.map_err(|error| Error::open(path, error))
}

fn opening(error: DatabaseError) -> BackendError {
    match error {
        DatabaseError::RepairAborted => {
            Damage::of("file", "the last commit is broken although the file was closed").into()
        }
        DatabaseError::Storage(redb::StorageError::Io(error))
            if matches!(error.kind(), std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidData) =>
        {
            Damage::of("file", format!("it is cut off, or no store at all: {error}")).into()
        }
        other => failed(other),
    }
}

fn open_file(path: &Path, builder: &mut Builder) -> Result<Database, DatabaseError> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    recover_only_after_a_crash(builder, path)?;
    builder.create_with_backend(FileBackend::new(file)?)
}

/// Lets redb go back to the commit before the last one only where the last may be incomplete, and says so.
fn recover_only_after_a_crash(builder: &mut Builder, path: &Path) -> std::io::Result<()> {
    /// redb's progress when it has found that the last commit is broken. Every recovery reports 0 at its start, and more
    /// than this later.
    const GOING_BACK: std::ops::Range<f64> = 0.1..0.5;
    let closed = file::was_closed(path)?;
    let path = path.to_owned();
    builder.set_repair_callback(move |repair| {
        if GOING_BACK.contains(&repair.progress()) {
            tracing::warn!(path = %path.display(), "the last commit before the crash is incomplete and is taken back");
            if closed {
                repair.abort();
            }
        }
    });
    Ok(())
}

/// Makes the tables, or brings them to the current format.
fn prepare(database: &Database) -> Result<(), BackendError> {
    let reading = database.begin_read().map_err(failed)?;
    let found = rows::format(&reading)?;
    drop(reading);
    if found == Some(rows::CURRENT_FORMAT) {
        return Ok(());
    }
    let writing = database.begin_write().map_err(failed)?;
    rows::upgrade(&writing, found)?;
    writing.commit().map_err(failed)
}

fn revision(database: &Database) -> Result<u64, BackendError> {
    guarded(|| Ok(rows::state(&database.begin_read().map_err(failed)?)?.revision))
}

impl Backend for RedbBackend {
    fn load(&mut self) -> Result<Loaded, BackendError> {
        let loaded = match self.loaded.take() {
            Some(loaded) => loaded,
            None => {
                let reading = self.database()?.begin_read().map_err(failed)?;
                let contents = guarded(|| rows::read(&reading))?;
                if !contents.findings.is_empty() {
                    return Err(Damage { findings: contents.findings }.into());
                }
                contents.loaded
            }
        };
        self.durable = loaded.revision;
        self.compaction.start_counting(&loaded);
        Ok(loaded)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), BackendError> {
        match self.database().and_then(|database| guarded(|| write(database, batch))) {
            Ok(growth) => {
                self.durable = batch.revision;
                self.compaction.committed(batch, growth);
                Ok(())
            }
            Err(error) => {
                self.database = None;
                self.compaction.abandon();
                Err(error)
            }
        }
    }

    fn tidy(&mut self, now: &Snapshot) {
        let Some(path) = &self.path else { return };
        match self.compaction.step(path, now, &self.options) {
            Ok(Some(database)) => self.database = Some(Handle::new(database)),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "failed to compact the store; it goes on as it is"),
        }
    }
}

fn write(database: &Database, batch: &Batch) -> Result<i64, BackendError> {
    let writing = database.begin_write().map_err(failed)?;
    let mut writer = Writer::open(&writing)?;
    writer.batch(batch)?;
    let growth = writer.growth;
    writer.finish(batch.revision, None)?;
    writing.commit().map_err(failed)?;
    Ok(growth)
}
