//! Forks and snapshots share what they have in common and nothing else.

use mainstay_store::{Options, Store};

use crate::{delete, kind, put, put_at, text};

#[tokio::test]
async fn a_fork_and_its_parent_do_not_see_each_other() {
    let store = Store::ephemeral(Options::default());
    put(&store, "a", "1").await.unwrap();
    let fork = store.fork();
    put(&fork, "a", "fork").await.unwrap();
    put(&store, "b", "parent").await.unwrap();
    assert_eq!((text(&store, "a").as_deref(), text(&fork, "a").as_deref()), (Some("1"), Some("fork")));
    assert_eq!(text(&fork, "b"), None);
}

#[tokio::test]
async fn a_watch_of_a_fork_sees_only_the_fork() {
    let store = Store::ephemeral(Options::default());
    put(&store, "a", "1").await.unwrap();
    let fork = store.fork();
    let mut watch = fork.watch(&kind(), None, fork.snapshot().revision()).unwrap();
    put(&store, "a", "parent").await.unwrap();
    put(&fork, "a", "fork").await.unwrap();
    assert_eq!(watch.next().await.unwrap().object, "fork");
}

#[tokio::test]
async fn a_failed_transaction_leaves_no_trace() {
    let store = Store::ephemeral(Options::default());
    put(&store, "a", "1").await.unwrap();
    let before = store.snapshot().revision();
    let result: Result<(), mainstay_store::Error> = store
        .transact(|tx| {
            tx.put(crate::key("a"), "2".into());
            Err(mainstay_store::Error::Closed)
        })
        .await;
    assert!(result.is_err());
    store.transact(|_| Ok::<(), mainstay_store::Error>(())).await.unwrap();
    assert_eq!((text(&store, "a").as_deref(), store.snapshot().revision()), (Some("1"), before));
}

#[tokio::test]
async fn a_kind_can_be_seen_as_it_was() {
    let store = Store::ephemeral(Options { log_events: 3, ..Options::default() });
    put(&store, "a", "1").await.unwrap();
    put(&store, "b", "1").await.unwrap();
    let then = store.snapshot().revision();
    put(&store, "a", "2").await.unwrap();
    delete(&store, "b").await.unwrap();
    put(&store, "c", "1").await.unwrap();
    let past = store.snapshot().rewind(&kind(), then).unwrap();
    let seen: Vec<_> =
        past.list(&kind(), Some("shop")).map(|record| (record.key.name.to_string(), record.bytes.clone())).collect();
    assert_eq!(seen, [("a".to_owned(), "1".into()), ("b".to_owned(), "1".into())]);
    assert_eq!(past.revision(), then);
    put(&store, "d", "1").await.unwrap();
    assert!(store.snapshot().rewind(&kind(), then).is_err());
}

#[tokio::test]
async fn lists_are_in_order_and_by_namespace() {
    let store = Store::ephemeral(Options::default());
    for (namespace, name) in [("b", "x"), ("a", "z"), ("a", "y"), ("ab", "x")] {
        put_at(&store, kind().object(namespace, name)).await;
    }
    let snapshot = store.snapshot();
    let names = |namespace| -> Vec<String> {
        snapshot
            .list(&kind(), namespace)
            .map(|record| format!("{}/{}", record.key.namespace, record.key.name))
            .collect()
    };
    assert_eq!(names(None), ["a/y", "a/z", "ab/x", "b/x"]);
    assert_eq!(names(Some("a")), ["a/y", "a/z"]);
    assert_eq!(snapshot.kinds().count(), 1);
    let kind = kind();
    let rest: Vec<_> =
        snapshot.list_after(&kind, Some("a"), Some(("a", "y"))).map(|record| &*record.key.name).collect();
    assert_eq!(rest, ["z"]);
}
