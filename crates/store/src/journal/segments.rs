//! The two files of a journal: made, read and deleted.
//! It must not know what is in them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::Error;
use crate::file::{beside, create_private, delete, sync_folder};

/// How many segments there are: one is written while the other's content goes into the database.
pub(super) const COUNT: usize = 2;

/// Where a journal's segments are.
pub trait Segments: Send + 'static {
    /// What is in the segments that are there.
    ///
    /// # Errors
    /// When one cannot be read.
    fn read(&mut self) -> io::Result<Vec<Vec<u8>>>;

    /// Makes a segment of so many zero bytes; it is durable, so that writing over it changes nothing but data.
    ///
    /// # Errors
    /// When there is no room; then nothing is left of it.
    fn create(&mut self, index: usize, bytes: usize) -> io::Result<Box<dyn StorageBackend>>;

    /// Deletes all segments.
    ///
    /// # Errors
    /// When one stays.
    fn remove(&mut self) -> io::Result<()>;
}

/// Segments beside a database's file: `store.redb.journal-0` and `store.redb.journal-1`.
pub(crate) struct SegmentFiles {
    database: PathBuf,
}

impl SegmentFiles {
    pub(crate) fn beside(database: &Path) -> Self {
        Self { database: database.to_owned() }
    }

    fn path(&self, index: usize) -> PathBuf {
        beside(&self.database, &format!("journal-{index}"))
    }
}

impl Segments for SegmentFiles {
    fn read(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let read = |index| {
            let mut bytes = Vec::new();
            match File::open(self.path(index)).and_then(|mut file| file.read_to_end(&mut bytes)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(bytes),
            }
        };
        (0..COUNT).map(read).collect()
    }

    fn create(&mut self, index: usize, bytes: usize) -> io::Result<Box<dyn StorageBackend>> {
        let path = self.path(index);
        let made = create_private(&path).and_then(|mut file| {
            file.write_all(&vec![0; bytes])?;
            file.sync_all()?;
            sync_folder(&path).map_err(io::Error::other)?;
            FileBackend::new(file).map_err(io::Error::other)
        });
        match made {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => {
                delete(&path)?;
                Err(error)
            }
        }
    }

    fn remove(&mut self) -> io::Result<()> {
        (0..COUNT).try_for_each(|index| delete(&self.path(index)))
    }
}

/// What the journal beside a database's file holds, without changing anything.
pub(crate) fn read_beside(database: &Path) -> Result<Vec<Vec<u8>>, Error> {
    SegmentFiles::beside(database).read().map_err(Error::file("read the journal of", database))
}

/// Gives the segments beside a database's file a second name beside another.
pub(crate) fn link(database: &Path, other: &Path) -> Result<(), Error> {
    let (from, to) = (SegmentFiles::beside(database), SegmentFiles::beside(other));
    (0..COUNT).filter(|index| from.path(*index).exists()).try_for_each(|index| {
        let to = to.path(index);
        std::fs::hard_link(from.path(index), &to).map_err(Error::file("keep the old journal as", &to))
    })
}
