//! The layout of a store's database: tables, rows, checksums and counters.
//! It must not know files, nor when anything is read or written.
//!
//! Format 2. Each row carries a CRC-32 over its key, revision and bytes. The row `state` holds the number of all rows
//! and the sum of their checksums, so that a row that is lost, or comes back, is noticed as well as one that changed.
//! Format 1 had no checksums and no table of kinds; it is read, and rewritten in one transaction.

use std::collections::HashMap;

use bytes::Bytes;
use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};

use crate::{BackendError, Batch, Damage, Finding, KindKey, Loaded, ObjectKey, Stored};

type Rows = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Encoded key → checksum (4 bytes, big endian), revision (8) and object.
const RECORDS: Rows = TableDefinition::new("records");
/// Encoded kind → checksum and revision of the kind's last write.
const KINDS: Rows = TableDefinition::new("kinds");
/// One row, `state`: checksum and [`State`].
const STATE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("state");
const STATE_ROW: &str = "state";
/// The number of the layout; a file with an unknown one is refused. In format 1 the revision too.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FORMAT: &str = "format";
const REVISION: &str = "revision";
/// Format 1: encoded key → revision (8 bytes, big endian) and object.
const OBJECTS_1: Rows = TableDefinition::new("objects");

/// The layout that is written.
pub(crate) const CURRENT_FORMAT: u64 = 2;

const CHECKSUM_BYTES: usize = 4;

/// The counters of a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) revision: u64,
    /// Watches from before this revision are refused.
    pub(crate) floor: u64,
    /// Rows in both tables.
    rows: u64,
    /// Sum of the checksums of these rows.
    digest: u64,
}

/// Everything in a database, and what is wrong with it.
#[derive(Default)]
pub(crate) struct Contents {
    /// 0 for a database that holds nothing yet.
    pub(crate) format: u64,
    pub(crate) loaded: Loaded,
    pub(crate) findings: Vec<Finding>,
}

/// An error of redb, sorted by what helps.
pub(crate) fn failed(error: impl Into<redb::Error>) -> BackendError {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match error.into() {
        redb::Error::Corrupted(what) => BackendError::Damaged(Damage::of("file", what)),
        redb::Error::Io(error) if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) => {
            BackendError::Full(error.to_string())
        }
        other => BackendError::Failed(other.to_string()),
    }
}

pub(crate) fn checksum(key: &[u8], revision: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(&revision.to_be_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

fn encode(key: &[u8], revision: u64, bytes: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(CHECKSUM_BYTES + 8 + bytes.len());
    row.extend_from_slice(&checksum(key, revision, bytes).to_be_bytes());
    row.extend_from_slice(&revision.to_be_bytes());
    row.extend_from_slice(bytes);
    row
}

/// Checksum, revision and rest of a row; `None` if the checksum is not that of what is there.
fn decode<'a>(key: &[u8], row: &'a [u8]) -> Option<(u32, u64, &'a [u8])> {
    let (sum, row) = row.split_first_chunk::<CHECKSUM_BYTES>()?;
    let (revision, bytes) = row.split_first_chunk::<8>()?;
    let (sum, revision) = (u32::from_be_bytes(*sum), u64::from_be_bytes(*revision));
    (sum == checksum(key, revision, bytes)).then_some((sum, revision, bytes))
}

/// The checksum a row says it has.
fn claimed(row: &[u8]) -> u64 {
    row.first_chunk::<CHECKSUM_BYTES>().map_or(0, |sum| u64::from(u32::from_be_bytes(*sum)))
}

impl State {
    fn encode(self) -> Vec<u8> {
        let counters = [self.floor, self.rows, self.digest];
        let bytes: Vec<u8> = counters.iter().flat_map(|counter| counter.to_be_bytes()).collect();
        encode(STATE_ROW.as_bytes(), self.revision, &bytes)
    }

    fn decode(row: &[u8]) -> Option<Self> {
        let (_, revision, rest) = decode(STATE_ROW.as_bytes(), row)?;
        let counters: Vec<u64> = rest.as_chunks::<8>().0.iter().map(|counter| u64::from_be_bytes(*counter)).collect();
        let [floor, rows, digest] = counters[..] else { return None };
        Some(Self { revision, floor, rows, digest })
    }

    fn add(&mut self, row: &[u8]) {
        self.rows += 1;
        self.digest = self.digest.wrapping_add(claimed(row));
    }

    fn subtract(&mut self, row: &[u8]) {
        self.rows = self.rows.wrapping_sub(1);
        self.digest = self.digest.wrapping_sub(claimed(row));
    }
}

/// Writes rows and keeps count of them.
pub(crate) struct Writer<'tx> {
    records: Table<'tx, &'static [u8], &'static [u8]>,
    kinds: Table<'tx, &'static [u8], &'static [u8]>,
    state_table: Table<'tx, &'static str, &'static [u8]>,
    state: State,
    /// Bytes by which the rows grew.
    pub(crate) growth: i64,
}

impl<'tx> Writer<'tx> {
    pub(crate) fn open(writing: &'tx WriteTransaction) -> Result<Self, BackendError> {
        let state_table = writing.open_table(STATE).map_err(failed)?;
        let state = match state_table.get(STATE_ROW).map_err(failed)? {
            Some(row) => State::decode(row.value()).ok_or_else(|| Damage::of("counters", "the checksum is wrong"))?,
            None => State::default(),
        };
        let records = writing.open_table(RECORDS).map_err(failed)?;
        let kinds = writing.open_table(KINDS).map_err(failed)?;
        Ok(Self { records, kinds, state_table, state, growth: 0 })
    }

    /// Makes, replaces or deletes a record.
    pub(crate) fn record(&mut self, key: &ObjectKey, stored: Option<&Stored>) -> Result<(), BackendError> {
        let key = key.encode();
        let Some(stored) = stored else {
            if let Some(old) = self.records.remove(key.as_slice()).map_err(failed)? {
                self.growth -= (key.len() + old.value().len()) as i64;
                self.state.subtract(old.value());
            }
            return Ok(());
        };
        let row = encode(&key, stored.revision, &stored.bytes);
        self.growth += (key.len() + row.len()) as i64;
        self.state.add(&row);
        if let Some(old) = self.records.insert(key.as_slice(), row.as_slice()).map_err(failed)? {
            // The key stays.
            self.growth -= (key.len() + old.value().len()) as i64;
            self.state.subtract(old.value());
        }
        Ok(())
    }

    /// Notes the last write of a kind.
    pub(crate) fn kind(&mut self, kind: &KindKey, revision: u64) -> Result<(), BackendError> {
        let key = kind.encode();
        let row = encode(&key, revision, &[]);
        self.state.add(&row);
        if let Some(old) = self.kinds.insert(key.as_slice(), row.as_slice()).map_err(failed)? {
            self.state.subtract(old.value());
        }
        Ok(())
    }

    /// Writes the counters, in the end.
    pub(crate) fn finish(mut self, revision: u64, floor: Option<u64>) -> Result<State, BackendError> {
        self.state.revision = revision;
        self.state.floor = floor.unwrap_or(self.state.floor);
        self.state_table.insert(STATE_ROW, self.state.encode().as_slice()).map_err(failed)?;
        Ok(self.state)
    }

    pub(crate) fn batch(&mut self, batch: &Batch) -> Result<(), BackendError> {
        for (key, stored) in &batch.writes {
            self.record(key, stored.as_ref())?;
        }
        batch.kinds.iter().try_for_each(|(kind, revision)| self.kind(kind, *revision))
    }
}

/// Brings a database, of the format that was found or empty, to the current format in one transaction.
pub(crate) fn upgrade(writing: &WriteTransaction, found: Option<u64>) -> Result<(), BackendError> {
    let mut meta = writing.open_table(META).map_err(failed)?;
    let revision = meta.get(REVISION).map_err(failed)?.map_or(0, |value| value.value());
    let mut writer = Writer::open(writing)?;
    if found == Some(1) {
        let old = writing.open_table(OBJECTS_1).map_err(failed)?;
        for row in old.iter().map_err(failed)? {
            let (key, value) = row.map_err(failed)?;
            let (key, stored) = decode_1(key.value(), value.value())?;
            writer.record(&key, Some(&stored))?;
        }
        drop(old);
        writing.delete_table(OBJECTS_1).map_err(failed)?;
        meta.remove(REVISION).map_err(failed)?;
    }
    // What was written last of each kind is not known, so no watch goes on from before.
    writer.finish(revision, Some(revision.max(1)))?;
    meta.insert(FORMAT, CURRENT_FORMAT).map_err(failed)?;
    Ok(())
}

fn decode_1(key: &[u8], row: &[u8]) -> Result<(ObjectKey, Stored), Damage> {
    let damage = || Damage::of(shown(key), "it is no record of format 1");
    let key = ObjectKey::decode(key).ok_or_else(damage)?;
    let (revision, bytes) = row.split_first_chunk::<8>().ok_or_else(damage)?;
    Ok((key, Stored { revision: u64::from_be_bytes(*revision), bytes: Bytes::copy_from_slice(bytes) }))
}

/// A key as findings name it.
fn shown(key: &[u8]) -> String {
    match ObjectKey::decode(key) {
        Some(key) => key.to_string(),
        None => String::from_utf8_lossy(key).replace('\0', "/").escape_debug().to_string(),
    }
}

/// Reads everything and checks all of it.
pub(crate) fn read(reading: &ReadTransaction) -> Result<Contents, BackendError> {
    match format(reading)? {
        None => Ok(Contents::default()),
        Some(1) => read_1(reading),
        Some(_) => read_2(reading),
    }
}

/// The format of a database; `None` if it holds nothing yet.
pub(crate) fn format(reading: &ReadTransaction) -> Result<Option<u64>, BackendError> {
    let found = match reading.open_table(META) {
        Ok(meta) => meta.get(FORMAT).map_err(failed)?.map(|value| value.value()),
        Err(redb::TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(failed(error)),
    };
    match found {
        None | Some(1 | CURRENT_FORMAT) => Ok(found),
        Some(other) => Err(BackendError::Failed(format!(
            "the file has format {other}, this version reads formats 1 and {CURRENT_FORMAT}; use the version that wrote it"
        ))),
    }
}

/// The counters of a database of the current format.
pub(crate) fn state(reading: &ReadTransaction) -> Result<State, BackendError> {
    let row = reading.open_table(STATE).map_err(failed)?.get(STATE_ROW).map_err(failed)?;
    let state = row.and_then(|row| State::decode(row.value()));
    state.ok_or_else(|| Damage::of("counters", "they are missing, or their checksum is wrong").into())
}

fn read_1(reading: &ReadTransaction) -> Result<Contents, BackendError> {
    let revision = reading.open_table(META).map_err(failed)?.get(REVISION).map_err(failed)?;
    let revision = revision.map_or(0, |value| value.value());
    let mut contents = Contents { format: 1, ..Contents::default() };
    contents.loaded.revision = revision;
    contents.loaded.floor = revision.max(1);
    for row in reading.open_table(OBJECTS_1).map_err(failed)?.iter().map_err(failed)? {
        let (key, value) = row.map_err(failed)?;
        match decode_1(key.value(), value.value()) {
            Ok(record) => contents.loaded.objects.push(record),
            Err(damage) => contents.findings.extend(damage.findings),
        }
    }
    Ok(contents)
}

fn read_2(reading: &ReadTransaction) -> Result<Contents, BackendError> {
    let mut contents = Contents { format: CURRENT_FORMAT, ..Contents::default() };
    let mut counted = State::default();
    let recorded = state(reading);
    for row in reading.open_table(KINDS).map_err(failed)?.iter().map_err(failed)? {
        let (key, value) = row.map_err(failed)?;
        counted.add(value.value());
        match (KindKey::decode(key.value()), decode(key.value(), value.value())) {
            (Some(kind), Some((_, revision, _))) => contents.loaded.kinds.push((kind, revision)),
            _ => contents.findings.push(Finding::new(shown(key.value()), "the checksum of the kind is wrong")),
        }
    }
    for row in reading.open_table(RECORDS).map_err(failed)?.iter().map_err(failed)? {
        let (key, value) = row.map_err(failed)?;
        counted.add(value.value());
        let before = contents.loaded.objects.last().map(|(key, _)| key);
        let decoded = ObjectKey::decode_after(key.value(), before);
        match (decoded, decode(key.value(), value.value())) {
            (Some(key), Some((_, revision, bytes))) => {
                contents.loaded.objects.push((key, Stored { revision, bytes: Bytes::copy_from_slice(bytes) }));
            }
            _ => contents.findings.push(Finding::new(shown(key.value()), "the checksum of the object is wrong")),
        }
    }
    check(&mut contents, recorded, counted);
    Ok(contents)
}

/// Holds the counters against what was counted, and the revisions against each other.
fn check(contents: &mut Contents, recorded: Result<State, BackendError>, counted: State) {
    let state = match recorded {
        Ok(state) => state,
        Err(BackendError::Damaged(damage)) => return contents.findings.extend(damage.findings),
        Err(other) => return contents.findings.push(Finding::new("counters", other)),
    };
    (contents.loaded.revision, contents.loaded.floor) = (state.revision, state.floor);
    if (state.rows, state.digest) != (counted.rows, counted.digest) {
        let what = format!(
            "there are {} rows with checksums of {:x} in sum, and there were {} of {:x}: rows are missing or came back",
            counted.rows, counted.digest, state.rows, state.digest
        );
        contents.findings.push(Finding::new("counters", what));
    }
    contents.findings.extend(disorder(&contents.loaded));
}

fn disorder(loaded: &Loaded) -> Vec<Finding> {
    let late = |place: String, revision: u64, limit: u64, of: &str| {
        (revision > limit)
            .then(|| Finding::new(place, format!("its revision {revision} is after {limit}, that of {of}")))
    };
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(late("counters".to_owned(), loaded.floor, loaded.revision.max(1), "the store"));
    let kinds = loaded.kinds.iter();
    findings
        .extend(kinds.filter_map(|(kind, revision)| late(kind.to_string(), *revision, loaded.revision, "the store")));
    let last: HashMap<&KindKey, u64> = loaded.kinds.iter().map(|(kind, revision)| (kind, *revision)).collect();
    for (key, stored) in &loaded.objects {
        let limit = last.get(&key.kind).copied().unwrap_or(0).max(loaded.floor);
        findings.extend(late(key.to_string(), stored.revision, limit, "its kind"));
    }
    findings
}
