//! One batch as it stands in a segment of the journal.
//! It must not know files, nor which records belong together.
//!
//! A record starts at a multiple of 512 bytes, the smallest piece that disks write whole: the mark `mjr1`, the length of
//! what follows the head (4 bytes, big endian, as all numbers), a CRC-32 over everything after it (4), the segment's
//! salt (8), the revision before the batch (8) and after it (8). Then the kinds that were written, each with the revision
//! of its last write, and the writes; see [`Sink`] for how they are told apart. The rest of the last 512 bytes is zero.

use bytes::Bytes;

use crate::{Batch, KindKey, ObjectKey, Stored};

const MARK: &[u8; 4] = b"mjr1";
/// Records start at multiples of this.
pub(super) const ALIGN: usize = 512;
const CHECKED_FROM: usize = 12;
const HEAD: usize = CHECKED_FROM + 24;
const DELETED: u8 = 0;
const PUT: u8 = 1;

/// A record as it was read.
#[derive(Debug)]
pub(super) struct Record {
    /// That of all records since the segment was begun anew.
    pub(super) salt: u64,
    /// Revision before the batch.
    pub(super) before: u64,
    pub(super) batch: Batch,
    /// Bytes up to where the next one starts.
    pub(super) length: usize,
}

/// Bytes that a batch takes.
pub(super) fn length(batch: &Batch) -> usize {
    let kind_text = |kind: &KindKey| kind.cluster.len() + kind.group.len() + kind.resource.len() + 2;
    let kinds = batch.kinds.keys().map(|kind| 4 + kind_text(kind) + 8);
    let writes = batch.writes.iter().map(|(key, stored)| {
        let text = kind_text(&key.kind) + key.namespace.len() + key.name.len() + 2;
        4 + text + 1 + stored.as_ref().map_or(0, |stored| 8 + 4 + stored.bytes.len())
    });
    (HEAD + 4 + kinds.sum::<usize>() + 4 + writes.sum::<usize>()).next_multiple_of(ALIGN)
}

/// Where the parts of a record go: texts and objects after their length (4 bytes), numbers of 4 and 8 bytes.
struct Sink<'a>(&'a mut Vec<u8>);

impl Sink<'_> {
    fn short(&mut self, number: usize) {
        let number = u32::try_from(number).expect("a record is as large as a segment at most");
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn long(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn sized(&mut self, bytes: &[u8]) {
        self.short(bytes.len());
        self.0.extend_from_slice(bytes);
    }
}

/// Writes a batch's record into an empty buffer.
pub(super) fn encode(batch: &Batch, (salt, before): (u64, u64), out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(MARK);
    out.extend_from_slice(&[0; 8]);
    let mut sink = Sink(out);
    [salt, before, batch.revision].into_iter().for_each(|number| sink.long(number));
    sink.short(batch.kinds.len());
    for (kind, revision) in &batch.kinds {
        sink.sized(&kind.encode());
        sink.long(*revision);
    }
    sink.short(batch.writes.len());
    for (key, stored) in &batch.writes {
        sink.sized(&key.encode());
        let Some(stored) = stored else {
            sink.0.push(DELETED);
            continue;
        };
        sink.0.push(PUT);
        sink.long(stored.revision);
        sink.sized(&stored.bytes);
    }
    let body = u32::try_from(out.len() - HEAD).expect("a record is as large as a segment at most");
    out[4..8].copy_from_slice(&body.to_be_bytes());
    let sum = crc32fast::hash(&out[CHECKED_FROM..]);
    out[8..CHECKED_FROM].copy_from_slice(&sum.to_be_bytes());
    out.resize(out.len().next_multiple_of(ALIGN), 0);
}

/// The record that starts here; `None` where none does, or not a whole one.
pub(super) fn decode(bytes: &[u8]) -> Option<Record> {
    let mut head = Source(bytes.get(..HEAD)?);
    if head.take(MARK.len())? != MARK {
        return None;
    }
    let (body, sum) = (head.short()?, head.short()?);
    let end = HEAD.checked_add(body)?;
    let checked = bytes.get(CHECKED_FROM..end)?;
    if usize::try_from(crc32fast::hash(checked)).ok()? != sum {
        return None;
    }
    let (salt, before, revision) = (head.long()?, head.long()?, head.long()?);
    let mut body = Source(&bytes[HEAD..end]);
    let mut batch = Batch { revision, ..Batch::default() };
    for _ in 0..body.short()? {
        let kind = KindKey::decode(body.sized()?)?;
        batch.kinds.insert(kind, body.long()?);
    }
    let mut before_it = None;
    for _ in 0..body.short()? {
        let key = ObjectKey::decode_after(body.sized()?, before_it.as_ref())?;
        let stored = match body.take(1)?[0] {
            DELETED => None,
            _ => Some(Stored { revision: body.long()?, bytes: Bytes::copy_from_slice(body.sized()?) }),
        };
        before_it = Some(key.clone());
        batch.writes.insert(key, stored);
    }
    Some(Record { salt, before, batch, length: end.next_multiple_of(ALIGN) })
}

struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<usize> {
        let bytes = self.take(4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    }

    fn long(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    fn sized(&mut self) -> Option<&'a [u8]> {
        let count = self.short()?;
        self.take(count)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A batch of one kind that takes the store from the revision before to `revision`.
    pub(crate) fn batch(revision: u64, writes: &[(&str, Option<&str>)]) -> Batch {
        let kind = KindKey::new("dev", "apps", "deployments");
        let stored = |text: &&str| Stored { revision, bytes: Bytes::copy_from_slice(text.as_bytes()) };
        Batch {
            revision,
            kinds: [(kind.clone(), revision)].into(),
            writes: writes.iter().map(|(name, text)| (kind.object("shop", *name), text.as_ref().map(stored))).collect(),
        }
    }

    pub(crate) fn encoded(batch: &Batch, (salt, before): (u64, u64)) -> Vec<u8> {
        let mut out = vec![1];
        encode(batch, (salt, before), &mut out);
        out
    }

    #[test]
    fn what_is_written_is_read_back() {
        for batch in [
            batch(7, &[("a", Some("text")), ("b", None), ("c", Some(&"x".repeat(3000)))]),
            Batch { revision: 3, ..Batch::default() },
        ] {
            let bytes = encoded(&batch, (5, 2));
            assert_eq!((bytes.len() % ALIGN, bytes.len()), (0, length(&batch)));
            let record = decode(&bytes).unwrap();
            assert_eq!((record.salt, record.before, record.length), (5, 2, bytes.len()));
            assert_eq!((record.batch.revision, &record.batch.kinds), (batch.revision, &batch.kinds));
            assert_eq!(record.batch.writes, batch.writes);
        }
    }

    #[test]
    fn what_is_not_whole_is_no_record() {
        let bytes = encoded(&batch(7, &[("a", Some("text")), ("b", None)]), (5, 2));
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for at in 0..used {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            assert!(decode(&changed).is_none(), "byte {at}");
            assert!(decode(&bytes[..at]).is_none(), "cut at {at}");
        }
        assert!(decode(&[0; ALIGN]).is_none());
    }
}
