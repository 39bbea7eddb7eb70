//! What the segments of a journal say that the database does not hold yet.
//! It must not know files, nor when a journal is read.

use super::record::{self, ALIGN, Record};
use crate::{Batch, Damage};

/// Everything after a revision, as one batch; `None` where there is nothing.
///
/// A segment's records are those from its start on, of one salt, each continuing the one before; what follows is of an
/// earlier use, or was never acknowledged. Both segments together, and the database, must leave no gap.
pub(super) fn after(revision: u64, segments: &[Vec<u8>]) -> Result<Option<Batch>, Damage> {
    let (mut chains, rests): (Vec<Vec<Record>>, Vec<&[u8]>) = segments.iter().map(|bytes| chain(bytes)).unzip();
    chains.sort_by_key(|chain| chain.first().map(|record| record.before));
    let mut missing = Batch { revision, ..Batch::default() };
    for record in chains.into_iter().flatten() {
        if record.batch.revision <= missing.revision {
            continue;
        }
        if record.before != missing.revision {
            return Err(gap(missing.revision, record.before));
        }
        missing.absorb(&record.batch);
    }
    match rests.into_iter().filter_map(last_revision).max() {
        Some(last) if last > missing.revision => Err(gap(missing.revision, last)),
        _ => Ok((missing.revision > revision).then_some(missing)),
    }
}

fn gap(reached: u64, found: u64) -> Damage {
    Damage::of(
        "journal",
        format!(
            "it has writes of revision {found}, and those after revision {reached} are missing or broken: a record is not as \
             it was written, or the journal is that of another store"
        ),
    )
}

/// The records from the start on that continue each other, and the bytes after them.
fn chain(mut bytes: &[u8]) -> (Vec<Record>, &[u8]) {
    let mut records: Vec<Record> = Vec::new();
    while let Some(record) = record::decode(bytes) {
        let continues = |last: &Record| (record.salt, record.before) == (last.salt, last.batch.revision);
        if !records.last().is_none_or(continues) {
            break;
        }
        bytes = bytes.get(record.length..).unwrap_or_default();
        records.push(record);
    }
    (records, bytes)
}

/// The highest revision of any whole record, wherever it stands: a broken record in the middle does not hide what
/// comes after it.
fn last_revision(mut bytes: &[u8]) -> Option<u64> {
    let mut last = None;
    while !bytes.is_empty() {
        let record = record::decode(bytes);
        last = last.max(record.as_ref().map(|record| record.batch.revision));
        bytes = bytes.get(record.map_or(ALIGN, |record| record.length)..).unwrap_or_default();
    }
    last
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{batch, encoded};
    use super::*;

    fn segment(salt: u64, start: u64, revisions: &[u64]) -> Vec<u8> {
        let mut before = start;
        let mut bytes = Vec::new();
        for revision in revisions {
            let name = revision.to_string();
            bytes.extend(encoded(&batch(*revision, &[(&name, Some("x"))]), (salt, before)));
            before = *revision;
        }
        bytes
    }

    fn names(batch: Option<Batch>) -> Vec<String> {
        batch.into_iter().flat_map(|batch| batch.writes.into_keys()).map(|key| key.name.to_string()).collect()
    }

    #[test]
    fn both_segments_continue_the_database() {
        let (first, second) = (segment(1, 10, &[11, 13]), segment(2, 13, &[14, 16]));
        for segments in [[first.clone(), second.clone()], [second.clone(), first.clone()]] {
            assert_eq!(names(after(10, &segments).unwrap()), ["11", "13", "14", "16"]);
            assert_eq!(names(after(13, &segments).unwrap()), ["14", "16"]);
            assert!(after(16, &segments).unwrap().is_none());
            assert!(after(1_000, &segments).unwrap().is_none(), "a restored store is ahead of its journal");
        }
        assert!(after(10, &[Vec::new(), vec![0; 4 * ALIGN]]).unwrap().is_none());
    }

    #[test]
    fn an_unfinished_record_ends_it_and_remains_of_an_earlier_use_do_not_count() {
        let mut torn = segment(1, 10, &[11, 13]);
        torn[ALIGN + 40] ^= 1;
        assert_eq!(names(after(10, &[torn]).unwrap()), ["11"]);
        let mut reused = segment(1, 10, &[11, 12, 13, 14]);
        reused[..ALIGN].copy_from_slice(&segment(2, 14, &[15]));
        assert_eq!(names(after(14, &[reused]).unwrap()), ["15"]);
    }

    #[test]
    fn gaps_are_damage() {
        let (first, second) = (segment(1, 10, &[11, 13]), segment(2, 13, &[14, 16]));
        assert!(after(10, std::slice::from_ref(&second)).is_err(), "the first segment is gone");
        assert!(after(9, &[first.clone(), second.clone()]).is_err(), "an older database");
        assert!(after(12, std::slice::from_ref(&first)).is_err(), "of another store");
        for broken in 0..3 {
            let mut bytes = segment(1, 10, &[11, 13, 14, 16]);
            bytes[broken * ALIGN + 40] ^= 1;
            let error = after(10, &[bytes]).unwrap_err();
            assert!(error.to_string().contains("revision 16"), "{error}");
        }
        let mut bytes = first;
        bytes[40] ^= 1;
        assert!(after(10, &[bytes, second]).is_err());
    }
}
