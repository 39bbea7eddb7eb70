//! Files of databases: reading one without touching it, and putting one in another's place.
//! It must not know tables or rows.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use crate::{BackendError, Damage, Error};

/// A file that is read, with everything that is written to it kept in memory: a database that was not closed can be
/// recovered and looked at, and the file stays as it is.
#[derive(Debug)]
pub(crate) struct Untouched {
    state: Mutex<Layer>,
}

#[derive(Debug)]
struct Layer {
    file: File,
    /// Bytes of the file that still count.
    file_len: u64,
    len: u64,
    pages: BTreeMap<u64, Box<[u8; PAGE]>>,
}

const PAGE: usize = 4096;

impl Untouched {
    /// Opens a file that nobody writes to, and keeps writers away.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::file("read", path))?;
        match file.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(Error::file("lock", path)(error)),
        }
        let len = file.metadata().map_err(Error::file("read", path))?.len();
        Ok(Self { state: Mutex::new(Layer { file, file_len: len, len, pages: BTreeMap::new() }) })
    }

    fn layer(&self) -> MutexGuard<'_, Layer> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layer {
    /// A page, as it is now.
    fn page(&mut self, number: u64) -> io::Result<Box<[u8; PAGE]>> {
        if let Some(page) = self.pages.get(&number) {
            return Ok(page.clone());
        }
        let mut page = Box::new([0; PAGE]);
        let start = number * PAGE as u64;
        let there = self.file_len.saturating_sub(start).min(PAGE as u64) as usize;
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_exact(&mut page[..there])?;
        Ok(page)
    }

    fn read(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if self.pages.is_empty() {
            self.file.seek(SeekFrom::Start(offset))?;
            return self.file.read_exact(out);
        }
        for (number, inside, range) in pages(offset, out.len()) {
            out[range.clone()].copy_from_slice(&self.page(number)?[inside..inside + range.len()]);
        }
        Ok(())
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        for (number, inside, range) in pages(offset, data.len()) {
            let mut page = self.page(number)?;
            page[inside..inside + range.len()].copy_from_slice(&data[range]);
            self.pages.insert(number, page);
        }
        self.len = self.len.max(offset + data.len() as u64);
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        if len < self.len {
            let last = len / PAGE as u64;
            let mut edge = self.page(last)?;
            edge[(len % PAGE as u64) as usize..].fill(0);
            self.pages.split_off(&last);
            self.pages.insert(last, edge);
            self.file_len = self.file_len.min(len);
        }
        self.len = len;
        Ok(())
    }
}

/// The pages that a range of bytes touches: number, offset inside, and which bytes of the range.
fn pages(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let inside = (at % PAGE as u64) as usize;
        let count = (PAGE - inside).min(length - done);
        let range = done..done + count;
        done += count;
        (count > 0).then_some((at / PAGE as u64, inside, range))
    })
}

impl StorageBackend for Untouched {
    fn len(&self) -> io::Result<u64> {
        Ok(self.layer().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.layer().read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.layer().set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.layer().write(offset, data)
    }
}

/// Runs what reads a file that may be anything: a panic is an answer about the file.
pub(crate) fn guarded<T>(run: impl FnOnce() -> Result<T, BackendError>) -> Result<T, BackendError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(Damage::of("file", format!("its structure is broken: {}", text.unwrap_or("reading it panicked"))).into())
    })
}

/// The byte of a database's header that says whether it was closed, and its bit that says it was not.
const FLAGS_AT: usize = 9;
const NOT_CLOSED: u8 = 2;

/// Whether a database was closed by whoever wrote it last. After a crash it was not, and its last commit, which nobody
/// was told of, may be incomplete.
pub(crate) fn was_closed(path: &Path) -> io::Result<bool> {
    let mut header = Vec::new();
    File::open(path)?.take(FLAGS_AT as u64 + 1).read_to_end(&mut header)?;
    Ok(header.get(FLAGS_AT).is_some_and(|flags| flags & NOT_CLOSED == 0))
}

/// A file beside another, such as `store.redb.compact`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

/// Puts a file, whose content is durable, in another's place: after a crash there is one or the other.
pub(crate) fn put_in_place(from: &Path, to: &Path) -> Result<(), Error> {
    std::fs::rename(from, to).map_err(Error::file("rename to", to))?;
    sync_folder(to)
}

/// Gives a file, whose content is durable, a name that no other file may have. A second process that makes a store in the
/// same place at the same time is refused.
pub(crate) fn put_where_none_is(from: &Path, to: &Path) -> Result<(), Error> {
    match std::fs::hard_link(from, to) {
        Ok(()) => remove(from)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            remove(from)?;
            return Err(Error::Locked { path: to.to_owned() });
        }
        // A file system without links.
        Err(_) => std::fs::rename(from, to).map_err(Error::file("rename to", to))?,
    }
    sync_folder(to)
}

/// Makes the names in a file's folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::file("sync", folder))
}

/// Deletes a file; it need not be there.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    delete(path).map_err(Error::file("delete", path))
}

/// As [`remove`], with the system's own error.
pub(crate) fn delete(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes an empty file that only its owner may read.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Bytes that a probe writes: more than a commit of a few objects needs.
const PROBE_BYTES: usize = 256 << 10;

/// Whether the disk takes any data, found out without opening the database.
pub(crate) fn probe(path: &Path) -> io::Result<()> {
    let path = beside(path, "probe");
    let written = create_private(&path).and_then(|mut file| {
        file.write_all(&vec![0; PROBE_BYTES])?;
        file.sync_data()
    });
    let removed = std::fs::remove_file(&path);
    written.and(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_over_a_file_is_read_back_and_leaves_it_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::File::create(&path).unwrap().write_all(&[1; 10_000]).unwrap();
        let over = Untouched::open(&path).unwrap();
        over.write(4000, &[2; 200]).unwrap();
        let mut out = [0; 300];
        over.read(3950, &mut out).unwrap();
        assert_eq!((out[49], out[50], out[249], out[250]), (1, 2, 2, 1));
        over.set_len(4100).unwrap();
        over.set_len(12_000).unwrap();
        over.read(4050, &mut out).unwrap();
        assert_eq!((out[49], out[50], out[299]), (2, 0, 0));
        assert!(over.read(11_900, &mut out).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), [1; 10_000]);
    }
}
