//! A file that is not as it was written is refused at start and named by verify, and nothing of it is changed.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use mainstay_store::{Error, ObjectKey, Options, Store, offline};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::medium::Random;
use crate::{key, put};

const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");

type Objects = Vec<(ObjectKey, u64, Bytes)>;

/// A closed store with objects of all sizes, some of them deleted again.
async fn sound(path: &Path) -> Objects {
    let store = Store::open(path, Options::default()).unwrap();
    for number in 0..40 {
        put(&store, &format!("o{number}"), &format!("content of {number} {}", "y".repeat(number * 97))).await.unwrap();
    }
    for number in 0..10 {
        crate::delete(&store, &format!("o{number}")).await.unwrap();
    }
    objects(&store)
}

fn objects(store: &Store) -> Objects {
    let snapshot = store.snapshot();
    snapshot.records().map(|record| (record.key.clone(), record.revision, record.bytes.clone())).collect()
}

fn findings(path: &Path) -> Vec<String> {
    let found = offline::verify(path, &|_, _| Vec::new()).unwrap();
    found.findings.iter().map(|finding| format!("{}: {}", finding.place, finding.what)).collect()
}

fn open(path: &Path) -> Result<Store, Error> {
    Store::open(path, Options::default())
}

fn refused(path: &Path) -> String {
    let before = std::fs::read(path).unwrap();
    let error = open(path).err().unwrap_or_else(|| panic!("a damaged store is opened; verify: {:?}", findings(path)));
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    assert!(std::fs::read(path).unwrap() == before, "a refused store is left alone");
    error.to_string()
}

#[tokio::test]
async fn a_changed_object_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    sound(&path).await;
    assert_eq!(findings(&path), Vec::<String>::new());
    let mut bytes = std::fs::read(&path).unwrap();
    let marker = b"content of 33";
    let places: Vec<_> = (0..bytes.len() - marker.len()).filter(|at| bytes[*at..].starts_with(marker)).collect();
    for at in places {
        bytes[at] = b'C';
    }
    std::fs::write(&path, &bytes).unwrap();
    let said = refused(&path);
    for part in ["is damaged", "dev: deployments.apps shop/o33", "checksum", "mainstay store restore", "nothing was"] {
        assert!(said.contains(part), "{said:?} says {part:?}");
    }
    let found = findings(&path);
    assert!(found.iter().any(|finding| finding.contains("shop/o33")), "{found:?}");
    assert!(found.iter().any(|finding| finding.starts_with("file: ")), "the page's own checksum too: {found:?}");
}

#[tokio::test]
async fn lost_and_changed_rows_are_noticed_where_the_database_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    type Harm = fn(&mut redb::Table<'_, &'static [u8], &'static [u8]>);
    let harms: [(&str, Harm); 3] = [
        ("rows are missing", |table| drop(table.remove(key("o20").encode().as_slice()).unwrap())),
        ("checksum", |table| {
            // Another object's row under this name: whole, and not what was written here.
            let other = table.get(key("o21").encode().as_slice()).unwrap().unwrap().value().to_vec();
            table.insert(key("o20").encode().as_slice(), other.as_slice()).unwrap();
        }),
        ("checksum", |table| drop(table.insert(&b"no key"[..], &b""[..]).unwrap())),
    ];
    for (expected, harm) in harms {
        std::fs::remove_file(&path).ok();
        sound(&path).await;
        let database = Database::open(&path).unwrap();
        let writing = database.begin_write().unwrap();
        harm(&mut writing.open_table(RECORDS).unwrap());
        writing.commit().unwrap();
        drop(database);
        let said = refused(&path);
        assert!(said.contains(expected), "{said}");
        assert!(findings(&path).iter().any(|finding| finding.contains(expected)));
    }
}

#[tokio::test]
async fn no_changed_byte_goes_unnoticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let expected = sound(&path).await;
    let bytes = std::fs::read(&path).unwrap();
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let mut random = Random(7);
    let header = (0..400).step_by(2);
    let anywhere = std::iter::repeat_with(|| used[random.below(used.len() as u64) as usize]).take(120);
    let mut noticed = 0;
    for at in header.chain(anywhere) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x41;
        std::fs::write(&path, &changed).unwrap();
        let found = findings(&path);
        match open(&path) {
            // A page that is not in use, or a hint that redb checks for itself.
            Ok(store) => assert!(objects(&store) == expected, "byte {at} is changed and nobody notices"),
            Err(Error::Damaged { .. } | Error::Open { .. }) => {
                assert!(!found.is_empty(), "byte {at}: verify must see what the start refuses");
                noticed += 1;
            }
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
    assert!(noticed > 60, "{noticed}");
}

#[tokio::test]
async fn a_file_that_was_cut_off_or_is_none_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    sound(&path).await;
    let bytes = std::fs::read(&path).unwrap();
    for length in [1, 100, 4096, bytes.len() / 2, bytes.len() - 4096] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(open(&path).is_err(), "{length} bytes of {} are opened", bytes.len());
        assert!(!findings(&path).is_empty());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), length as u64);
    }
    std::fs::write(&path, "this is a text").unwrap();
    assert!(refused(&path).contains("no store"), "{}", refused(&path));
}

fn segment(path: &Path, index: usize) -> PathBuf {
    path.with_extension(format!("redb.journal-{index}"))
}

/// The files as they are while the store runs are the files after a kill.
fn copy_as_killed(path: &Path, killed: &Path) {
    std::fs::copy(path, killed).unwrap();
    for index in 0..2 {
        if segment(path, index).exists() {
            std::fs::copy(segment(path, index), segment(killed, index)).unwrap();
        }
    }
}

/// A store that was killed with some objects in its journal.
async fn killed(directory: &Path) -> PathBuf {
    let (path, killed) = (directory.join("store.redb"), directory.join("killed.redb"));
    let store = open(&path).unwrap();
    for name in ["a", "b", "c"] {
        put(&store, name, "1").await.unwrap();
    }
    copy_as_killed(&path, &killed);
    killed
}

#[tokio::test]
async fn a_broken_record_in_the_journal_is_refused_and_nothing_changes() {
    let directory = tempfile::tempdir().unwrap();
    let path = killed(directory.path()).await;
    let mut bytes = std::fs::read(segment(&path, 0)).unwrap();
    bytes[600] ^= 1;
    std::fs::write(segment(&path, 0), &bytes).unwrap();
    let found = findings(&path);
    assert!(found.len() == 1 && found[0].starts_with("journal: it has writes of revision 4"), "{found:?}");
    for _ in 0..2 {
        assert!(matches!(open(&path), Err(Error::Damaged { .. })));
        assert_eq!(std::fs::read(segment(&path, 0)).unwrap(), bytes);
    }
    assert!(matches!(offline::read(&path), Err(Error::Damaged { .. })));
}

#[tokio::test]
async fn the_journal_of_another_store_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = killed(directory.path()).await;
    let other = directory.path().join("other.redb");
    drop(open(&other).unwrap());
    let store = open(&path).unwrap();
    for number in 0..4 {
        put(&store, "d", &number.to_string()).await.unwrap();
    }
    std::fs::copy(segment(&path, 0), segment(&other, 0)).unwrap();
    let found = findings(&other);
    assert!(found.len() == 1 && found[0].contains("that of another store"), "{found:?}");
}

#[tokio::test]
async fn a_kept_store_keeps_its_journal() {
    let directory = tempfile::tempdir().unwrap();
    let path = killed(directory.path()).await;
    let before = offline::read(&path).unwrap();
    assert_eq!(before.records().count(), 3);
    let restored = offline::restore(&path, &before, true).unwrap();
    assert!(restored.revision > before.revision() + offline::RESTORE_LEAP - 1);
    let kept = restored.kept.unwrap();
    assert_eq!(offline::read(&kept).unwrap().revision(), before.revision());
    assert_eq!(objects(&open(&path).unwrap()).len(), 3);
    assert_eq!(objects(&open(&kept).unwrap()).len(), 3);
}

#[tokio::test]
async fn a_store_that_was_killed_is_sound() {
    let directory = tempfile::tempdir().unwrap();
    let (path, killed) = (directory.path().join("store.redb"), directory.path().join("killed.redb"));
    let store = open(&path).unwrap();
    put(&store, "a", "1").await.unwrap();
    copy_as_killed(&path, &killed);
    assert_eq!(findings(&killed), Vec::<String>::new());
    assert_eq!(objects(&open(&killed).unwrap()), objects(&store));
    // That start has ended in order, so everything is in the database.
    assert!(!segment(&killed, 0).exists() && !segment(&killed, 1).exists());
    let reading = Database::open(&killed).unwrap();
    assert_eq!(reading.begin_read().unwrap().open_table(RECORDS).unwrap().iter().unwrap().count(), 1);
}
