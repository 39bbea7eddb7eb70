//! Snapshots, restores and compaction of a store's file.

use mainstay_store::{Error, Options, Snapshot, Store, offline};

use crate::{delete, kind, put, text};

fn archive(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    snapshot.write_to(&mut bytes).unwrap();
    bytes
}

fn open(path: &std::path::Path) -> Result<Store, Error> {
    Store::open(path, Options::default())
}

async fn filled(path: &std::path::Path) -> Store {
    let store = open(path).unwrap();
    put(&store, "a", "1").await.unwrap();
    put(&store, "b", "").await.unwrap();
    put(&store, "a", "2").await.unwrap();
    store
}

#[tokio::test]
async fn a_snapshot_survives_the_way_through_bytes_and_no_change_of_them() {
    let store = Store::ephemeral(Options::default());
    put(&store, "a", "1").await.unwrap();
    put(&store, "b", "second").await.unwrap();
    let bytes = archive(&store.snapshot());
    let read = Snapshot::read_from(&mut &bytes[..]).unwrap();
    assert_eq!(read.revision(), store.snapshot().revision());
    assert!(read.records().eq(store.snapshot().records()));
    for length in 0..bytes.len() {
        assert!(Snapshot::read_from(&mut &bytes[..length]).is_err(), "cut off at {length}");
    }
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let read = Snapshot::read_from(&mut &changed[..]);
        // The revision itself has no checksum, but none before that of an object is taken.
        let revision_only = read.is_ok_and(|read| read.records().eq(store.snapshot().records()));
        assert!(!revision_only || (20..28).contains(&at), "byte {at}");
    }
    assert!(Snapshot::read_from(&mut &[&bytes[..], b"more"].concat()[..]).is_err());
}

#[tokio::test]
async fn a_restored_store_is_ahead_of_all_that_clients_know() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let store = filled(&path).await;
    let snapshot = store.snapshot();
    put(&store, "a", "lost").await.unwrap();
    put(&store, "c", "lost").await.unwrap();
    let known = store.snapshot().revision();
    assert!(matches!(offline::restore(&path, &snapshot, true), Err(Error::Locked { .. })));
    drop(store);

    assert!(matches!(offline::restore(&path, &snapshot, false), Err(Error::Exists { .. })));
    let restored = offline::restore(&path, &snapshot, true).unwrap();
    assert_eq!((restored.revision, restored.objects), (known + offline::RESTORE_LEAP, 2));
    let kept = restored.kept.unwrap();
    assert_eq!(text(&open(&kept).unwrap(), "c").as_deref(), Some("lost"), "the old store is kept");

    let store = open(&path).unwrap();
    assert_eq!((text(&store, "a").as_deref(), text(&store, "c")), (Some("2"), None));
    assert_eq!(store.snapshot().revision(), restored.revision);
    for from in [2, snapshot.revision(), known, restored.revision - 1] {
        assert!(store.watch(&kind(), None, from).is_err(), "{from} is from before the restore");
    }
    assert!(store.watch(&kind(), None, restored.revision).is_ok());
    assert_eq!(put(&store, "d", "1").await.unwrap(), restored.revision + 1);
    drop(store);
    assert!(offline::verify(&path, &|_, _| Vec::new()).unwrap().findings.is_empty());
}

#[tokio::test]
async fn a_snapshot_file_is_whole_or_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let (path, file) = (directory.path().join("store.redb"), directory.path().join("backup"));
    drop(filled(&path).await);
    let snapshot = offline::read(&path).unwrap();
    offline::save(&file, |mut writer| snapshot.write_to(&mut writer)).unwrap();
    assert!(offline::is_snapshot(&file).unwrap() && !offline::is_snapshot(&path).unwrap());
    let failing = offline::save(&file, |_| Err(std::io::Error::other("the connection broke")));
    assert!(failing.unwrap_err().to_string().contains("the connection broke"));
    assert!(offline::open_snapshot(&file).unwrap().records().eq(snapshot.records()), "the earlier one is still whole");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2, "nothing unfinished stays");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0);
    }
    std::fs::write(&file, "text").unwrap();
    assert!(matches!(offline::open_snapshot(&file), Err(Error::Damaged { .. })));

    let elsewhere = directory.path().join("new.redb");
    assert_eq!(offline::restore(&elsewhere, &snapshot, false).unwrap().kept, None);
    assert_eq!(text(&open(&elsewhere).unwrap(), "a").as_deref(), Some("2"));
}

#[tokio::test]
async fn a_damaged_store_can_be_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let snapshot = filled(&path).await.snapshot();
    std::fs::write(&path, "no store at all").unwrap();
    let restored = offline::restore(&path, &snapshot, true).unwrap();
    assert_eq!(std::fs::read(restored.kept.unwrap()).unwrap(), b"no store at all");
    assert_eq!(text(&open(&path).unwrap(), "a").as_deref(), Some("2"));
}

async fn fill_and_empty(store: &Store) {
    for number in 0..64 {
        put(store, &format!("large{number}"), &"z".repeat(64 << 10)).await.unwrap();
    }
    // What stays is spread over the file, so that it does not shrink by itself.
    for number in (0..64).filter(|number| number % 16 != 15) {
        delete(store, &format!("large{number}")).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_shrinks_when_it_is_compacted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let store = filled(&path).await;
    fill_and_empty(&store).await;
    let revision = store.snapshot().revision();
    assert!(matches!(offline::compact_file(&path), Err(Error::Locked { .. })));
    drop(store);
    let (before, after) = offline::compact_file(&path).unwrap();
    assert!(before > 3 << 20 && after < before / 2, "{before} {after}");
    let store = open(&path).unwrap();
    assert_eq!((text(&store, "a").as_deref(), store.snapshot().revision()), (Some("2"), revision));
    assert!(store.watch(&kind(), None, revision).is_ok(), "watches go on");
}

#[tokio::test]
async fn a_running_store_makes_its_file_smaller_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let options = Options { compact_above_bytes: 2 << 20, journal_bytes: 64 << 10, ..Options::default() };
    let store = Store::open(&path, options.clone()).unwrap();
    put(&store, "a", "kept").await.unwrap();
    fill_and_empty(&store).await;
    let size = || std::fs::metadata(&path).unwrap().len();
    let before = size();
    assert!(before > 4 << 20, "{before}");
    let mut writes = 0;
    while size() >= before {
        writes += 1;
        assert!(writes < 20_000, "it is compacted within so many writes");
        put(&store, &format!("small{}", writes % 100), &writes.to_string()).await.unwrap();
    }
    for more in 0..10 {
        put(&store, &format!("more{more}"), "after").await.unwrap();
    }
    let expected: Vec<_> = store.snapshot().records().cloned().collect();
    let revision = store.snapshot().revision();
    drop(store);
    assert!(offline::verify(&path, &|_, _| Vec::new()).unwrap().findings.is_empty());
    let store = Store::open(&path, options).unwrap();
    assert!(store.snapshot().records().eq(&expected));
    assert_eq!(store.snapshot().revision(), revision);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
}
