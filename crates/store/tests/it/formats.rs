//! Files of earlier versions are read, and brought to the present format.

use mainstay_store::{Error, Options, Store, offline};
use redb::{Database, TableDefinition};

use crate::{key, kind, put, text};

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const OBJECTS_1: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("objects");

/// How many objects [`write_format_1`] makes.
pub(crate) const OBJECTS: usize = 30;

/// What the first version wrote.
pub(crate) fn write_format_1(database: &mut Database) {
    let writing = database.begin_write().unwrap();
    {
        let mut objects = writing.open_table(OBJECTS_1).unwrap();
        for number in 1..=OBJECTS as u64 {
            let row = [&number.to_be_bytes()[..], format!("text {number}").as_bytes()].concat();
            objects.insert(key(&format!("o{number}")).encode().as_slice(), row.as_slice()).unwrap();
        }
        let mut meta = writing.open_table(META).unwrap();
        meta.insert("format", 1).unwrap();
        meta.insert("revision", 41).unwrap();
    }
    writing.commit().unwrap();
}

#[tokio::test]
async fn the_first_format_is_upgraded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    write_format_1(&mut Database::create(&path).unwrap());
    let found = offline::verify(&path, &|_, _| Vec::new()).unwrap();
    assert_eq!((found.format, found.objects, found.revision, found.findings.len()), (1, OBJECTS, 41, 0));

    for round in 0..2 {
        let store = Store::open(&path, Options::default()).unwrap();
        assert_eq!(store.snapshot().revision(), 41 + round);
        assert_eq!(text(&store, "o7").as_deref(), Some("text 7"));
        assert!(store.watch(&kind(), None, 40).is_err(), "what was written before the upgrade is not known");
        assert!(round > 0 || store.watch(&kind(), None, 41).is_ok());
        put(&store, "new", "1").await.unwrap();
        drop(store);
        let found = offline::verify(&path, &|_, _| Vec::new()).unwrap();
        assert_eq!((found.format, found.objects, found.findings), (2, OBJECTS + 1, Vec::new()));
    }
}

#[test]
fn a_later_format_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let database = Database::create(&path).unwrap();
    let writing = database.begin_write().unwrap();
    writing.open_table(META).unwrap().insert("format", 3).unwrap();
    writing.commit().unwrap();
    drop(database);
    let before = std::fs::read(&path).unwrap();
    let refused = Store::open(&path, Options::default()).err().unwrap();
    assert!(matches!(&refused, Error::Open { reason, .. } if reason.contains("format 3")), "{refused}");
    assert!(std::fs::read(&path).unwrap() == before);
}
