//! What is acknowledged is kept; what is refused leaves no trace.

use futures::future::join_all;
use mainstay_store::{Error, Options, Store};

use crate::backend::{Disk, Mood};
use crate::{delete, kind, put, text};

fn over(disk: &Disk) -> Store {
    Store::with_backend(Box::new(disk.clone()), Options::default()).unwrap()
}

#[tokio::test]
async fn a_restart_brings_everything_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.redb");
    let store = Store::open(&path, Options::default()).unwrap();
    put(&store, "a", "1").await.unwrap();
    put(&store, "b", "1").await.unwrap();
    put(&store, "a", "2").await.unwrap();
    delete(&store, "b").await.unwrap();
    let revision = store.snapshot().revision();
    drop(store);

    let store = Store::open(&path, Options::default()).unwrap();
    assert_eq!(store.snapshot().revision(), revision);
    assert_eq!((text(&store, "a").as_deref(), text(&store, "b")), (Some("2"), None));
    assert!(store.watch(&kind(), None, revision - 1).is_err(), "events from before the restart are gone");
    assert!(store.watch(&kind(), None, revision).is_ok());
    assert_eq!(put(&store, "a", "3").await.unwrap(), revision + 1);
}

#[tokio::test]
async fn a_file_has_one_owner() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.redb");
    let _store = Store::open(&path, Options::default()).unwrap();
    assert!(matches!(Store::open(&path, Options::default()), Err(Error::Locked { path: locked }) if locked == path));
}

#[tokio::test]
async fn closing_frees_the_file_whoever_holds_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.redb");
    let store = Store::open(&path, Options::default()).unwrap();
    let held = store.clone();
    put(&store, "a", "1").await.unwrap();
    store.close();
    assert!(matches!(put(&held, "a", "2").await, Err(Error::Closed)));
    assert_eq!(text(&held, "a").as_deref(), Some("1"));
    let again = Store::open(&path, Options::default()).unwrap();
    assert_eq!(text(&again, "a").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_recovers() {
    let disk = Disk::default();
    let store = over(&disk);
    put(&store, "a", "1").await.unwrap();
    let revision = store.snapshot().revision();
    disk.set(Mood::Full);
    let error = put(&store, "a", "2").await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("no space left"), "{error}");
    assert!(matches!(*store.health().borrow(), Some(Error::Full(_))));
    assert_eq!(text(&store, "a").as_deref(), Some("1"));
    assert_eq!(store.snapshot().revision(), revision);
    disk.set(Mood::Works);
    assert_eq!(put(&store, "a", "3").await.unwrap(), revision + 1);
    assert_eq!(text(&store, "a").as_deref(), Some("3"));
    assert!(store.health().borrow().is_none());
}

#[tokio::test]
async fn a_probe_finds_out_that_the_disk_takes_writes_again() {
    let disk = Disk::default();
    let store = over(&disk);
    put(&store, "a", "1").await.unwrap();
    let revision = store.snapshot().revision();
    let mut health = store.health();
    disk.set(Mood::Lies);
    put(&store, "a", "2").await.unwrap_err();
    health.wait_for(Option::is_some).await.unwrap();
    assert!(store.probe().await.is_err());
    disk.set(Mood::Works);
    store.probe().await.unwrap();
    assert!(health.borrow_and_update().is_none());
    assert_eq!(store.snapshot().revision(), revision);
    drop(store);
    assert_eq!(text(&over(&disk), "a").as_deref(), Some("1"), "the refused write is taken back by the probe");
}

#[tokio::test]
async fn watches_go_on_after_a_restart_unless_their_kind_was_written_since() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.redb");
    let nodes = mainstay_store::KindKey::new("dev", "", "nodes");
    let store = Store::open(&path, Options::default()).unwrap();
    put(&store, "a", "1").await.unwrap();
    let quiet = store.snapshot().revision();
    crate::put_at(&store, nodes.object("", "n1")).await;
    delete(&store, "a").await.unwrap();
    crate::put_at(&store, nodes.object("", "n2")).await;
    drop(store);

    let store = Store::open(&path, Options::default()).unwrap();
    assert!(store.watch(&kind(), None, quiet).is_err(), "its only object was deleted since");
    let mut watch = store.watch(&kind(), None, quiet + 2).unwrap();
    assert!(store.watch(&nodes, None, quiet + 2).is_err());
    assert!(store.watch(&mainstay_store::KindKey::new("dev", "", "pods"), None, 1).is_ok(), "never written");
    assert!(store.snapshot().rewind(&kind(), quiet + 2).is_ok());
    put(&store, "b", "1").await.unwrap();
    assert_eq!(&*watch.next().await.unwrap().key.name, "b");
}

#[tokio::test]
async fn a_refused_write_that_reached_the_disk_is_taken_back() {
    let disk = Disk::default();
    let store = over(&disk);
    put(&store, "a", "1").await.unwrap();
    disk.set(Mood::Lies);
    put(&store, "a", "2").await.unwrap_err();
    put(&store, "new", "2").await.unwrap_err();
    disk.set(Mood::Works);
    put(&store, "b", "1").await.unwrap();
    drop(store);
    let store = over(&disk);
    assert_eq!((text(&store, "a").as_deref(), text(&store, "new")), (Some("1"), None));
}

#[tokio::test]
async fn every_acknowledged_write_survives_a_kill_at_any_batch() {
    for batches in 0..8 {
        let disk = Disk::default();
        disk.set(Mood::DiesAfter(batches));
        let store = over(&disk);
        let mut acknowledged = Vec::new();
        for round in 0..4 {
            let names: Vec<_> = (0..16).map(|writer| format!("{round}-{writer}")).collect();
            let results = join_all(names.iter().map(|name| put(&store, name, name))).await;
            acknowledged
                .extend(names.into_iter().zip(results).filter(|(_, result)| result.is_ok()).map(|(name, _)| name));
        }
        drop(store);
        disk.set(Mood::Works);
        let store = over(&disk);
        assert!(acknowledged.iter().all(|name| text(&store, name).as_ref() == Some(name)));
        assert_eq!(store.snapshot().list(&kind(), None).count(), acknowledged.len());
    }
}

#[tokio::test]
async fn writes_that_wait_together_share_a_commit() {
    let disk = Disk::default();
    let store = over(&disk);
    let names: Vec<_> = (0..500).map(|index| index.to_string()).collect();
    join_all(names.iter().map(|name| put(&store, name, name)))
        .await
        .into_iter()
        .for_each(|result| assert!(result.is_ok()));
    assert!(disk.0.lock().unwrap().commits < 500);
}
