//! A snapshot as a stream of bytes, for a file or the network: independent of the database's layout.
//! It must not know databases or running stores.
//!
//! The line `mainstay-snapshot 1`, the revision (8 bytes, big endian), then per object the byte `o`, its key and its
//! bytes, each after its length (4 bytes), its revision (8) and a CRC-32 over all three (4). The end is the byte `e`, the
//! number of objects (8) and the sum of their checksums (8): a stream that was cut off, or changed anywhere, is noticed.

use std::io::{self, Read, Write};

use crate::rows::checksum;
use crate::{BackendError, Damage, Loaded, ObjectKey, Snapshot, Stored};

const MAGIC: &[u8] = b"mainstay-snapshot 1\n";
const OBJECT: u8 = b'o';
const END: u8 = b'e';
/// Longest key: five names of Kubernetes are far below it.
const MAX_KEY: u32 = 64 << 10;

impl Snapshot {
    /// Writes everything that is in the snapshot.
    ///
    /// # Errors
    /// When the writer refuses.
    pub fn write_to(&self, writer: &mut impl Write) -> io::Result<()> {
        writer.write_all(MAGIC)?;
        writer.write_all(&self.revision().to_be_bytes())?;
        let mut total = Total::default();
        for record in self.records() {
            let key = record.key.encode();
            let sum = checksum(&key, record.revision, &record.bytes);
            writer.write_all(&[OBJECT])?;
            write_sized(writer, &key)?;
            write_sized(writer, &record.bytes)?;
            writer.write_all(&record.revision.to_be_bytes())?;
            writer.write_all(&sum.to_be_bytes())?;
            total.add(sum);
        }
        writer.write_all(&[END])?;
        writer.write_all(&total.objects.to_be_bytes())?;
        writer.write_all(&total.digest.to_be_bytes())?;
        writer.flush()
    }

    /// Reads what [`Snapshot::write_to`] wrote, all of it or nothing.
    ///
    /// # Errors
    /// [`BackendError::Damaged`] when it is anything else; [`BackendError::Failed`] when the reader fails.
    pub fn read_from(reader: &mut impl Read) -> Result<Self, BackendError> {
        let magic: [u8; MAGIC.len()] = take(reader)?;
        if magic != MAGIC {
            return Err(Damage::of("the beginning", "it is no snapshot that this version reads").into());
        }
        let mut loaded = Loaded { revision: u64::from_be_bytes(take(reader)?), ..Loaded::default() };
        let mut total = Total::default();
        loop {
            match take(reader)? {
                [OBJECT] => {
                    let before = loaded.objects.last().map(|(key, _)| key);
                    let object = read_object(reader, &mut total, before)?;
                    loaded.objects.push(object);
                }
                [END] => break,
                _ => return Err(Damage::of(format!("object {}", total.objects + 1), "it does not begin as one").into()),
            }
        }
        let recorded = Total { objects: u64::from_be_bytes(take(reader)?), digest: u64::from_be_bytes(take(reader)?) };
        if recorded != total || reader.read(&mut [0]).map_err(failed)? != 0 {
            return Err(Damage::of("the end", "objects are missing, or there is more than was written").into());
        }
        if loaded.objects.iter().any(|(_, stored)| stored.revision > loaded.revision) {
            return Err(Damage::of("the beginning", "the revision is before that of an object").into());
        }
        Ok(Self::of(loaded))
    }
}

#[derive(Default, PartialEq, Eq)]
struct Total {
    objects: u64,
    digest: u64,
}

impl Total {
    fn add(&mut self, sum: u32) {
        self.objects += 1;
        self.digest = self.digest.wrapping_add(u64::from(sum));
    }
}

fn read_object(
    reader: &mut impl Read,
    total: &mut Total,
    before: Option<&ObjectKey>,
) -> Result<(ObjectKey, Stored), BackendError> {
    let place = format!("object {}", total.objects + 1);
    let key = read_sized(reader, MAX_KEY)?;
    let bytes = read_sized(reader, u32::MAX)?;
    let revision = u64::from_be_bytes(take(reader)?);
    let sum = u32::from_be_bytes(take(reader)?);
    if sum != checksum(&key, revision, &bytes) {
        return Err(Damage::of(place, "the checksum is wrong").into());
    }
    let key = ObjectKey::decode_after(&key, before).ok_or_else(|| Damage::of(place, "the key is none"))?;
    total.add(sum);
    Ok((key, Stored { revision, bytes: bytes.into() }))
}

fn write_sized(writer: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    writer.write_all(&length.to_be_bytes())?;
    writer.write_all(bytes)
}

fn read_sized(reader: &mut impl Read, limit: u32) -> Result<Vec<u8>, BackendError> {
    let length = u32::from_be_bytes(take(reader)?);
    let mut bytes = Vec::new();
    // The length may be any number, so memory is taken for what really comes.
    reader.take(u64::from(length.min(limit))).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() != length as usize {
        return Err(cut_off());
    }
    bytes.shrink_to_fit();
    Ok(bytes)
}

fn take<const N: usize>(reader: &mut impl Read) -> Result<[u8; N], BackendError> {
    let mut bytes = [0; N];
    match reader.read_exact(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(cut_off()),
        Err(error) => Err(failed(error)),
    }
}

fn cut_off() -> BackendError {
    Damage::of("the end", "it is cut off").into()
}

fn failed(error: io::Error) -> BackendError {
    BackendError::Failed(error.to_string())
}
