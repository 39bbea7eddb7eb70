//! The disk as a redb file.
//! It must not know anything but keys and bytes.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};

use crate::{Backend, BackendError, Batch, Error, Loaded, ObjectKey, Stored};

/// Encoded key → revision (8 bytes, big endian) and object.
const OBJECTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("objects");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const REVISION: &str = "revision";
const FORMAT: &str = "format";
/// Number of the layout above; a file with another one is refused.
const CURRENT_FORMAT: u64 = 1;

/// A database file.
pub struct RedbBackend {
    path: PathBuf,
    cache_bytes: usize,
    /// `None` after a failed write: redb then wants the file opened anew.
    database: Option<Database>,
}

impl RedbBackend {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// [`Error::Locked`] when another store holds it; [`Error::Open`] when it cannot be opened or is of another format.
    pub fn open(path: &Path, cache_bytes: usize) -> Result<Self, Error> {
        let database = create(path, cache_bytes).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => Error::Locked { path: path.to_owned() },
            other => Error::Open { path: path.to_owned(), reason: other.to_string() },
        })?;
        check_format(&database).map_err(|error| Error::Open { path: path.to_owned(), reason: error.to_string() })?;
        Ok(Self { path: path.to_owned(), cache_bytes, database: Some(database) })
    }

    fn database(&mut self) -> Result<&Database, BackendError> {
        if self.database.is_none() {
            let database = create(&self.path, self.cache_bytes).map_err(failed)?;
            check_format(&database)?;
            self.database = Some(database);
        }
        Ok(self.database.as_ref().expect("it was just opened"))
    }
}

fn create(path: &Path, cache_bytes: usize) -> Result<Database, DatabaseError> {
    Database::builder().set_cache_size(cache_bytes).create(path)
}

impl Backend for RedbBackend {
    fn load(&mut self) -> Result<Loaded, BackendError> {
        let reading = self.database()?.begin_read().map_err(failed)?;
        let meta = reading.open_table(META).map_err(failed)?;
        let revision = meta.get(REVISION).map_err(failed)?.map_or(0, |value| value.value());
        let table = reading.open_table(OBJECTS).map_err(failed)?;
        let objects = table.iter().map_err(failed)?.map(|row| {
            let (key, value) = row.map_err(failed)?;
            decode(key.value(), value.value())
        });
        Ok(Loaded { revision, objects: objects.collect::<Result<_, _>>()? })
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), BackendError> {
        let result = self.database().and_then(|database| write(database, batch));
        if result.is_err() {
            self.database = None;
        }
        result
    }
}

fn check_format(database: &Database) -> Result<(), BackendError> {
    let writing = database.begin_write().map_err(failed)?;
    let format = {
        let mut meta = writing.open_table(META).map_err(failed)?;
        writing.open_table(OBJECTS).map_err(failed)?;
        let found = meta.get(FORMAT).map_err(failed)?.map(|value| value.value());
        if found.is_none() {
            meta.insert(FORMAT, CURRENT_FORMAT).map_err(failed)?;
        }
        found
    };
    match format {
        None => writing.commit().map_err(failed),
        Some(CURRENT_FORMAT) => writing.abort().map_err(failed),
        Some(other) => Err(BackendError(format!(
            "the file has format {other}, this version reads format {CURRENT_FORMAT}; use the version that wrote it"
        ))),
    }
}

fn write(database: &Database, batch: &Batch) -> Result<(), BackendError> {
    let writing = database.begin_write().map_err(failed)?;
    {
        let mut objects = writing.open_table(OBJECTS).map_err(failed)?;
        for (key, stored) in &batch.writes {
            match stored {
                Some(stored) => objects.insert(key.encode().as_slice(), encode(stored).as_slice()).map_err(failed)?,
                None => objects.remove(key.encode().as_slice()).map_err(failed)?,
            };
        }
        writing.open_table(META).map_err(failed)?.insert(REVISION, batch.revision).map_err(failed)?;
    }
    writing.commit().map_err(failed)
}

fn encode(stored: &Stored) -> Vec<u8> {
    let mut value = Vec::with_capacity(8 + stored.bytes.len());
    value.extend_from_slice(&stored.revision.to_be_bytes());
    value.extend_from_slice(&stored.bytes);
    value
}

fn decode(key: &[u8], value: &[u8]) -> Result<(ObjectKey, Stored), BackendError> {
    let corrupt = || BackendError(format!("the record {:?} is corrupt", String::from_utf8_lossy(key)));
    let key = ObjectKey::decode(key).ok_or_else(corrupt)?;
    let (revision, bytes) = value.split_first_chunk::<8>().ok_or_else(corrupt)?;
    Ok((key, Stored { revision: u64::from_be_bytes(*revision), bytes: Bytes::copy_from_slice(bytes) }))
}

fn failed(error: impl std::fmt::Display) -> BackendError {
    BackendError(error.to_string())
}
