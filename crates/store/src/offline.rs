//! Work on the files of a store that does not run: verify, snapshot, restore, compact.
//! It must not know what the objects are.

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::file::{self, Untouched, beside, guarded, put_in_place, sync_folder};
use crate::journal::{self, add_missing};
use crate::redb_backend::{open_untouched, read_untouched};
use crate::rows::{CURRENT_FORMAT, Contents, failed};
use crate::{BackendError, Damage, Error, Finding, Record, Snapshot, compact};

/// Bytes the database may use as cache while a command runs.
const CACHE_BYTES: usize = 8 << 20;

/// How far a restored store's revision is ahead of all that is known: more writes than a server makes between a snapshot
/// and its restore (55 hours at 5,000 a second), so that no client knows a later one.
pub const RESTORE_LEAP: u64 = 1_000_000_000;

/// What a store's file holds, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Number of the file's layout; 0 where it could not be read.
    pub format: u64,
    /// Revision of the last write.
    pub revision: u64,
    /// How many objects.
    pub objects: usize,
    /// How many kinds have objects.
    pub kinds: usize,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// What is wrong; empty for a sound store.
    pub findings: Vec<Finding>,
}

/// What somebody who knows objects says of one among all.
pub type Check<'a> = &'a dyn Fn(&Snapshot, &Record) -> Vec<String>;

/// Reads a store's file without changing it: the structure of the database, every row's checksum, the counters, and what
/// `check` says about each object.
///
/// # Errors
/// [`Error::Locked`] while a server runs on it; [`Error::File`] when there is none. Damage is no error but a finding.
pub fn verify(path: &Path, check: Check<'_>) -> Result<Verified, Error> {
    let file_bytes = std::fs::metadata(path).map_err(Error::file("read", path))?.len();
    let mut verified = Verified { file_bytes, ..Verified::default() };
    let (mut contents, mut database) = match open_untouched(path, CACHE_BYTES) {
        Ok(opened) => opened,
        Err(Error::Damaged { damage, .. }) => return Ok(Verified { findings: damage.findings, ..verified }),
        Err(Error::Open { reason, .. }) => {
            return Ok(Verified { findings: vec![Finding::new("file", reason)], ..verified });
        }
        Err(error) => return Err(error),
    };
    verified.format = contents.format;
    match add_missing(path, &mut contents.loaded) {
        Ok(()) => {}
        Err(Error::Damaged { damage, .. }) => contents.findings.extend(damage.findings),
        Err(error) => return Err(error),
    }
    verified.take(contents, check);
    let structure = guarded(|| match database.get().check_integrity().map_err(failed)? {
        true => Ok(()),
        false => Err(Damage::of("file", "pages or the map of free pages are not as they were written").into()),
    });
    match structure {
        Ok(()) => {}
        Err(BackendError::Damaged(damage)) => verified.findings.extend(damage.findings),
        Err(error) => verified.findings.push(Finding::new("file", error)),
    }
    Ok(verified)
}

impl Verified {
    fn take(&mut self, contents: Contents, check: Check<'_>) {
        self.findings.extend(contents.findings);
        self.revision = contents.loaded.revision;
        let snapshot = Snapshot::of(contents.loaded);
        self.kinds = snapshot.kinds().count();
        self.objects = snapshot.records().count();
        for record in snapshot.records() {
            self.findings.extend(check(&snapshot, record).into_iter().map(|what| Finding::new(&record.key, what)));
        }
    }
}

/// Everything in a store's file, checked, without changing it.
///
/// # Errors
/// [`Error::Locked`] while a server runs on it; [`Error::Damaged`] when it is not as it was written.
pub fn read(path: &Path) -> Result<Snapshot, Error> {
    let mut loaded = read_untouched(path, CACHE_BYTES)?.loaded;
    add_missing(path, &mut loaded)?;
    Ok(Snapshot::of(loaded))
}

/// Whether nobody has a store's file open.
///
/// # Errors
/// [`Error::Locked`] when a server runs on it; [`Error::File`] when there is none.
pub fn read_lock(path: &Path) -> Result<(), Error> {
    Untouched::open(path).map(drop)
}

/// Writes a snapshot to a file that only its owner may read, reads it back, and gives it its name: it is whole, or what was
/// there before stays.
///
/// # Errors
/// When it cannot be written, or is no whole snapshot.
pub fn save(path: &Path, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), Error> {
    let unfinished = beside(path, "unfinished");
    let written = file::create_private(&unfinished).and_then(|file| {
        let mut writer = BufWriter::new(file);
        write(&mut writer)?;
        writer.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
    });
    let checked = written.map_err(Error::file("write", path)).and_then(|()| open_snapshot(&unfinished));
    if let Err(error) = checked {
        file::remove(&unfinished)?;
        return Err(error);
    }
    put_in_place(&unfinished, path)
}

/// Reads a snapshot's file, checked.
///
/// # Errors
/// [`Error::Damaged`] when it is no whole snapshot.
pub fn open_snapshot(path: &Path) -> Result<Snapshot, Error> {
    let file = std::fs::File::open(path).map_err(Error::file("read", path))?;
    Snapshot::read_from(&mut BufReader::new(file)).map_err(|error| Error::open(path, error))
}

/// Whether a file is a snapshot, and not a store.
///
/// # Errors
/// When it cannot be read.
pub fn is_snapshot(path: &Path) -> Result<bool, Error> {
    let mut begin = Vec::new();
    let file = std::fs::File::open(path).map_err(Error::file("read", path))?;
    file.take(9).read_to_end(&mut begin).map_err(Error::file("read", path))?;
    Ok(begin == b"mainstay-")
}

/// What became of a restore.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Revision of the store that is in place now.
    pub revision: u64,
    /// How many objects it has.
    pub objects: usize,
    /// Where the store that was there before is kept.
    pub kept: Option<PathBuf>,
}

/// Makes a store's file of a snapshot, verifies it and puts it in place. Its revision is ahead of the snapshot's and of
/// that of the store which was there, and all watches from before end with "too old": no client takes it for the store
/// it knew.
///
/// # Errors
/// [`Error::Exists`] when there is a store and `replace` is not set; [`Error::Locked`] while a server runs on it.
pub fn restore(path: &Path, snapshot: &Snapshot, replace: bool) -> Result<Restored, Error> {
    let existing = existing_revision(path)?;
    if existing.is_some() && !replace {
        return Err(Error::Exists { path: path.to_owned() });
    }
    let revision = snapshot.revision().max(existing.unwrap_or(0)) + RESTORE_LEAP;
    let made = beside(path, "restore");
    make(&made, &snapshot.moved_to(revision))?;
    let kept = existing.map(|_| keep(path)).transpose()?;
    put_in_place(&made, path)?;
    Ok(Restored { revision, objects: snapshot.records().count(), kept })
}

/// The revision of a store, 0 where it is too damaged to tell; `None` where there is no store.
fn existing_revision(path: &Path) -> Result<Option<u64>, Error> {
    if !path.exists() {
        return Ok(None);
    }
    match open_untouched(path, CACHE_BYTES) {
        Ok((mut contents, _)) => match add_missing(path, &mut contents.loaded) {
            // A journal that is no continuation does not tell either.
            Ok(()) | Err(Error::Damaged { .. }) => Ok(Some(contents.loaded.revision)),
            Err(error) => Err(error),
        },
        Err(Error::Damaged { .. } | Error::Open { .. }) => Ok(Some(0)),
        Err(error) => Err(error),
    }
}

/// Writes a new file and checks that it holds what it should.
fn make(path: &Path, snapshot: &Snapshot) -> Result<(), Error> {
    let database = compact::build(path, snapshot, CACHE_BYTES, &AtomicBool::new(false));
    drop(database.map_err(|error| Error::open(path, error))?);
    let written = read(path)?;
    let same = written.revision() == snapshot.revision() && written.records().eq(snapshot.records());
    let sound = verify(path, &|_, _| Vec::new())?;
    if same && sound.findings.is_empty() && sound.format == CURRENT_FORMAT {
        return Ok(());
    }
    file::remove(path)?;
    let mut findings = sound.findings;
    findings.push(Finding::new("file", "it is not what was just written to it"));
    Err(Error::Damaged { path: path.to_owned(), damage: Damage { findings } })
}

/// Gives the store that is there, and its journal, a second name, which the replacement leaves alone. A journal beside
/// the replacement is behind it, and is deleted at the next start.
fn keep(path: &Path) -> Result<PathBuf, Error> {
    let names = (1..).map(|number| beside(path, &format!("replaced-{number}")));
    let free = names.into_iter().find(|name| !name.exists()).unwrap_or_else(|| beside(path, "replaced"));
    std::fs::hard_link(path, &free).map_err(Error::file("keep the old store as", &free))?;
    journal::link(path, &free)?;
    sync_folder(path)?;
    Ok(free)
}

/// Makes a store's file as small as what is in it; answers its size before and after.
///
/// # Errors
/// [`Error::Locked`] while a server runs on it; [`Error::Damaged`] when it is not as it was written.
pub fn compact_file(path: &Path) -> Result<(u64, u64), Error> {
    let size = || std::fs::metadata(path).map(|file| file.len()).map_err(Error::file("look at", path));
    let before = size()?;
    let made = beside(path, "compact");
    make(&made, &read(path)?)?;
    put_in_place(&made, path)?;
    Ok((before, size()?))
}
