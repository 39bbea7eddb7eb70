//! Watches see every write once, in order, or are told that they cannot.

use futures::{FutureExt, StreamExt};
use mainstay_store::{Change, Options, Store};

use crate::{delete, kind, put, put_at};

#[tokio::test]
async fn a_watch_resumes_after_a_revision() {
    let store = Store::ephemeral(Options::default());
    put(&store, "a", "1").await.unwrap();
    let from = store.snapshot().revision();
    put(&store, "a", "2").await.unwrap();
    delete(&store, "a").await.unwrap();
    let events: Vec<_> =
        store.watch(&kind(), None, from).unwrap().into_stream().take(2).map(Result::unwrap).collect().await;
    assert_eq!((events[0].change, &events[0].object[..]), (Change::Put, &b"2"[..]));
    assert_eq!(events[0].previous.as_ref().map(|record| &record.bytes[..]), Some(&b"1"[..]));
    assert_eq!((events[1].change, &events[1].object[..]), (Change::Delete, &b"last"[..]));
    assert_eq!(events[1].revision, from + 2);
}

#[tokio::test]
async fn a_waiting_watch_is_woken() {
    let store = Store::ephemeral(Options::default());
    let mut watch = store.watch(&kind(), Some("shop"), 1).unwrap();
    assert!(watch.next().now_or_never().is_none());
    put_at(&store, kind().object("elsewhere", "a")).await;
    assert!(watch.next().now_or_never().is_none());
    assert_eq!(watch.progress(), store.snapshot().revision());
    let reader = tokio::spawn(async move { watch.next().await.unwrap().key.name.to_string() });
    put(&store, "mine", "1").await.unwrap();
    assert_eq!(reader.await.unwrap(), "mine");
}

#[tokio::test]
async fn all_writes_of_one_transaction_are_seen() {
    let store = Store::ephemeral(Options::default());
    let mut watch = store.watch(&kind(), None, 1).unwrap();
    store
        .transact(|tx| {
            tx.put(crate::key("a"), "1".into());
            tx.put(crate::key("b"), "1".into());
            Ok::<_, mainstay_store::Error>(())
        })
        .await
        .unwrap();
    let (a, b) = (watch.next().await.unwrap(), watch.next().await.unwrap());
    assert_eq!((&*a.key.name, &*b.key.name, a.revision == b.revision), ("a", "b", true));
}

#[tokio::test]
async fn falling_behind_is_an_error_and_only_for_the_kind_that_lost_events() {
    let store = Store::ephemeral(Options { log_events: 4, ..Options::default() });
    let quiet = mainstay_store::KindKey::new("dev", "", "nodes");
    let from = store.snapshot().revision();
    let mut watch = store.watch(&kind(), None, from).unwrap();
    for index in 0..10 {
        put(&store, "a", &index.to_string()).await.unwrap();
    }
    let error = watch.next().await.unwrap_err();
    assert!(error.oldest > from, "{error}");
    assert!(store.watch(&kind(), None, from).is_err());
    assert!(store.watch(&quiet, None, from).is_ok());
}

#[tokio::test]
async fn the_log_is_bounded_in_bytes() {
    let store = Store::ephemeral(Options { log_bytes: 16 << 10, ..Options::default() });
    let from = store.snapshot().revision();
    for _ in 0..32 {
        put(&store, "a", &"x".repeat(2048)).await.unwrap();
    }
    assert!(store.watch(&kind(), None, from).is_err());
    assert!(store.watch(&kind(), None, store.snapshot().revision() - 5).is_ok());
}
