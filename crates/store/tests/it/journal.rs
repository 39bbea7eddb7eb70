//! A journal in front of a database that fails: what is acknowledged is kept, what is refused leaves no trace.

use mainstay_store::{Error, Journal, JournalOptions, Options, Store};

use crate::backend::{Disk, Mood};
use crate::medium::{Fate, Medium};
use crate::{kind, put, text};

const SEGMENT: usize = 4 << 10;

fn over(disk: &Disk, segments: &Medium) -> Store {
    let options = JournalOptions { segment_bytes: SEGMENT, salt: || 7, in_step: true };
    let journal = Journal::over(Box::new(disk.clone()), Box::new(segments.clone()), options);
    Store::with_backend(Box::new(journal), Options::default()).unwrap()
}

/// Writes until the first refusal; answers the names that were acknowledged.
async fn until_refused(store: &Store) -> (Vec<String>, Error) {
    let mut written = Vec::new();
    for number in 0.. {
        let name = format!("o{number}");
        match put(store, &name, &name).await {
            Ok(_) => written.push(name),
            Err(error) => return (written, error),
        }
        assert!(number < 100, "a journal is not endless");
    }
    unreachable!("the loop ends with a refusal");
}

fn assert_holds(store: &Store, names: &[String]) {
    assert!(names.iter().all(|name| text(store, name).as_ref() == Some(name)), "{names:?}");
    assert_eq!(store.snapshot().list(&kind(), None).count(), names.len());
}

#[tokio::test]
async fn writes_do_not_wait_for_the_database() {
    let (disk, segments) = (Disk::default(), Medium::default());
    let store = over(&disk, &segments);
    for number in 0..20 {
        put(&store, "a", &number.to_string()).await.unwrap();
    }
    let commits = disk.0.lock().unwrap().commits;
    assert!((1..=4).contains(&commits), "{commits}");
    drop(store);
    assert_eq!(text(&over(&disk, &segments), "a").as_deref(), Some("19"));
}

#[tokio::test]
async fn what_the_database_refuses_stays_in_the_journal() {
    let (disk, segments) = (Disk::default(), Medium::default());
    let store = over(&disk, &segments);
    disk.set(Mood::Full);
    let (mut written, error) = until_refused(&store).await;
    assert!(matches!(error, Error::Full(_)) && !written.is_empty(), "{error} {written:?}");
    assert!(matches!(*store.health().borrow(), Some(Error::Full(_))));
    assert!(store.probe().await.is_err());
    assert_holds(&store, &written);

    disk.set(Mood::Works);
    store.probe().await.unwrap();
    assert!(store.health().borrow().is_none());
    put(&store, "after", "after").await.unwrap();
    written.push("after".to_owned());
    let killed = segments.after_power_cut(Fate::NothingUnsynced);
    let state = disk.0.lock().unwrap().clone_state();
    assert_holds(&over(&state, &killed), &written);
    drop(store);
    assert_holds(&over(&disk, &segments), &written);
}

#[tokio::test]
async fn a_store_whose_database_is_full_starts_and_can_be_read() {
    let (disk, segments) = (Disk::default(), Medium::default());
    let store = over(&disk, &segments);
    disk.set(Mood::Full);
    let (written, _) = until_refused(&store).await;
    drop(store);
    let store = over(&disk, &segments);
    assert_holds(&store, &written);
    assert!(matches!(put(&store, "no", "no").await, Err(Error::Full(_))));
    disk.set(Mood::Works);
    put(&store, "yes", "yes").await.unwrap();
    drop(store);
    let store = over(&disk, &segments);
    assert_eq!((text(&store, "yes").as_deref(), text(&store, "no")), (Some("yes"), None));
    assert_eq!(store.snapshot().list(&kind(), None).count(), written.len() + 1);
}

#[tokio::test]
async fn a_batch_larger_than_a_segment_goes_past_the_journal() {
    let (disk, segments) = (Disk::default(), Medium::default());
    let store = over(&disk, &segments);
    put(&store, "small", "small").await.unwrap();
    let large = "x".repeat(SEGMENT * 2);
    put(&store, "large", &large).await.unwrap();
    put(&store, "more", "more").await.unwrap();
    let state = disk.0.lock().unwrap().clone_state();
    let store = over(&state, &segments.after_power_cut(Fate::NothingUnsynced));
    for (name, expected) in [("small", "small"), ("large", &*large), ("more", "more")] {
        assert_eq!(text(&store, name).as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_refused_large_batch_that_reached_the_database_is_taken_back() {
    let (disk, segments) = (Disk::default(), Medium::default());
    let store = over(&disk, &segments);
    put(&store, "a", "1").await.unwrap();
    disk.set(Mood::Lies);
    put(&store, "a", &"x".repeat(SEGMENT * 2)).await.unwrap_err();
    // It is not known what the database holds, so nothing is tidied up on the way out.
    drop(store);
    disk.set(Mood::Works);
    let store = over(&disk, &segments);
    let seen = text(&store, "a").unwrap();
    assert!(seen.len() > SEGMENT, "nobody was told, and the database has it: it is as if it had been answered late");
    drop(store);

    let (disk, segments) = (Disk::default(), Medium::default());
    let store = over(&disk, &segments);
    put(&store, "a", "1").await.unwrap();
    disk.set(Mood::Lies);
    put(&store, "a", &"x".repeat(SEGMENT * 2)).await.unwrap_err();
    disk.set(Mood::Works);
    put(&store, "b", "1").await.unwrap();
    put(&store, "c", "1").await.unwrap();
    let state = disk.0.lock().unwrap().clone_state();
    let store = over(&state, &segments.after_power_cut(Fate::NothingUnsynced));
    for name in ["a", "b", "c"] {
        assert_eq!(text(&store, name).as_deref(), Some("1"), "{name}");
    }
}
