//! The power is cut at every single step of a workload; what was acknowledged is there, the rest all or nothing.

use std::collections::BTreeMap;

use mainstay_store::{Error, Options, Store};

use crate::medium::{Fate, Medium, Random};
use crate::{key, kind};

/// What one transaction does: the new text of some names, or their deletion.
type Change = Vec<(String, Option<String>)>;
type Objects = BTreeMap<String, String>;

const TRANSACTIONS: usize = 14;

fn workload(seed: u64) -> Vec<Change> {
    let mut random = Random(seed);
    let change = |random: &mut Random, number: usize| {
        let name = format!("o{}", random.below(10));
        // Some objects take several pages.
        let size = if random.below(8) == 0 { 20_000 } else { random.below(1500) as usize };
        let text = (random.below(4) > 0).then(|| format!("{number}-{}", "x".repeat(size)));
        (name, text)
    };
    (0..TRANSACTIONS).map(|number| (0..=random.below(4)).map(|_| change(&mut random, number)).collect()).collect()
}

async fn write(store: &Store, changes: &Change) -> Result<(), Error> {
    let written: Result<(), Error> = store
        .transact(|tx| {
            for (name, text) in changes {
                match text {
                    Some(text) => tx.put(key(name), text.clone().into()),
                    None => tx.delete(key(name), "last".into()),
                }
            }
            Ok(())
        })
        .await;
    written
}

fn applied(objects: &Objects, changes: &Change) -> Objects {
    let mut objects = objects.clone();
    for (name, text) in changes {
        match text {
            Some(text) => drop(objects.insert(name.clone(), text.clone())),
            None => drop(objects.remove(name)),
        }
    }
    objects
}

/// How a store is opened on a medium.
type Open = fn(&Medium) -> Result<Store, Error>;

fn open(medium: &Medium) -> Result<Store, Error> {
    Store::with_backend(Box::new(medium.backend()), Options::default())
}

fn open_with_journal(medium: &Medium) -> Result<Store, Error> {
    Store::with_backend(Box::new(medium.journal()), Options::default())
}

fn objects(store: &Store) -> Objects {
    let snapshot = store.snapshot();
    let kind = kind();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    snapshot.list(&kind, None).map(|record| (record.key.name.to_string(), text(&record.bytes))).collect()
}

/// What a workload came to until its disk died.
#[derive(Default)]
struct Progress {
    acknowledged: Objects,
    /// With the transaction that was not answered.
    unanswered: Option<Objects>,
    revision: u64,
}

async fn run((medium, open): (&Medium, Open), workload: &[Change]) -> Progress {
    let mut progress = Progress { revision: 1, ..Progress::default() };
    let Ok(store) = open(medium) else { return progress };
    for change in workload {
        let next = applied(&progress.acknowledged, change);
        if write(&store, change).await.is_err() {
            progress.unanswered = Some(next);
            break;
        }
        progress.acknowledged = next;
        progress.revision = store.snapshot().revision();
    }
    progress
}

/// A disk with an empty store.
fn fresh(open: Open) -> Medium {
    let medium = Medium::default();
    drop(open(&medium).unwrap());
    medium
}

async fn check((medium, open): (&Medium, Open), progress: &Progress, fate: Fate, step: usize) {
    let medium = medium.after_power_cut(fate);
    let store = open(&medium).unwrap_or_else(|error| panic!("step {step}, {fate:?}: {error}"));
    let (found, revision) = (objects(&store), store.snapshot().revision());
    let all = progress.unanswered.as_ref().is_some_and(|objects| *objects == found);
    assert!(all || found == progress.acknowledged, "step {step}, {fate:?}: acknowledged writes are not there");
    assert!((progress.revision..=progress.revision + 1).contains(&revision), "step {step}, {fate:?}");
    write(&store, &vec![("after".to_owned(), Some("1".to_owned()))]).await.unwrap();
    assert_eq!(store.snapshot().revision(), revision + 1);
}

async fn every_step(open: Open, seed: u64) {
    let workload = workload(seed);
    let whole = fresh(open);
    let before = whole.steps();
    run((&whole, open), &workload).await;
    let steps = whole.steps() - before;
    assert!(steps > TRANSACTIONS * 3, "{steps}");
    for step in 0..=steps {
        let medium = fresh(open);
        medium.die_after(step);
        let progress = run((&medium, open), &workload).await;
        let some = seed.wrapping_mul(1000) + step as u64;
        for fate in [
            Fate::NothingUnsynced,
            Fate::Everything,
            Fate::LastTornInHalf,
            Fate::SomeWrites(some),
            Fate::SomeWrites(!some),
            Fate::SomeSectors(some),
        ] {
            check((&medium, open), &progress, fate, step).await;
        }
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_whatever_the_step() {
    every_step(open, 1).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_in_another_workload() {
    every_step(open, 2).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_with_a_journal() {
    for seed in 1..=3 {
        every_step(open_with_journal, seed).await;
    }
}

#[tokio::test]
async fn a_store_that_was_closed_needs_no_journal() {
    let medium = fresh(open_with_journal);
    let progress = run((&medium, open_with_journal), &workload(4)).await;
    let store = open(&medium.after_power_cut(Fate::NothingUnsynced)).unwrap();
    assert_eq!(objects(&store), progress.acknowledged);
}

#[tokio::test]
async fn an_upgrade_that_is_cut_short_is_made_again() {
    let old = Medium::default();
    crate::formats::write_format_1(&mut redb::Builder::new().create_with_backend(old.clone()).unwrap());
    let before = old.steps();
    let whole = old.after_power_cut(Fate::Everything);
    let expected = objects(&open(&whole).unwrap());
    assert_eq!(expected.len(), crate::formats::OBJECTS);
    let steps = whole.steps();
    assert!(steps > 3 && before > 0);
    for step in 0..=steps {
        for fate in [Fate::NothingUnsynced, Fate::Everything, Fate::LastTornInHalf, Fate::SomeSectors(step as u64)] {
            let medium = old.after_power_cut(Fate::Everything);
            medium.die_after(step);
            drop(open(&medium));
            let store = open(&medium.after_power_cut(fate)).unwrap();
            assert_eq!(objects(&store), expected, "step {step}, {fate:?}");
        }
    }
}
