//! Behaviour of the store as its users see it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed unwrap fails the test; tests write files that are damaged"
)]

mod backend;
mod crash_points;
mod damage;
mod durability;
mod fork;
mod formats;
mod journal;
mod medium;
mod offline;
mod small_disk;
mod watch;

use bytes::Bytes;
use mainstay_store::{Error, KindKey, ObjectKey, Store};

fn kind() -> KindKey {
    KindKey::new("dev", "apps", "deployments")
}

fn key(name: &str) -> ObjectKey {
    kind().object("shop", name)
}

async fn put(store: &Store, name: &str, text: &str) -> Result<u64, Error> {
    let (key, bytes) = (key(name), Bytes::from(text.to_owned()));
    store
        .transact(|tx| {
            tx.put(key, bytes);
            Ok(tx.revision())
        })
        .await
}

async fn put_at(store: &Store, key: ObjectKey) {
    let written: Result<(), Error> = store
        .transact(|tx| {
            tx.put(key, Bytes::new());
            Ok(())
        })
        .await;
    written.unwrap();
}

async fn delete(store: &Store, name: &str) -> Result<(), Error> {
    let key = key(name);
    store
        .transact(|tx| {
            tx.delete(key, Bytes::from_static(b"last"));
            Ok(())
        })
        .await
}

fn text(store: &Store, name: &str) -> Option<String> {
    store.snapshot().get(&key(name)).map(|record| String::from_utf8_lossy(&record.bytes).into_owned())
}
