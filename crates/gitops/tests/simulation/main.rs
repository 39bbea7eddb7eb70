//! GitOps under everything that goes wrong, in virtual time: seeds draw commits, drift, operations of people, outages of git
//! and of clusters, failing calls and crashes between any two writes. Afterwards everything must come to rest as git says.
//!
//! `MAINSTAY_SIMULATION_SEED=n` runs one seed and prints its script; `MAINSTAY_SIMULATION_SEEDS=n` runs so many.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod calls;
mod ledger;
mod random;
mod script;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use script::Script;
use world::World;

/// Seeds that are run unless told otherwise.
const SEEDS: u64 = 2_000;
/// How often a seed that failed is run again.
const AGAIN: u32 = 8;
/// Seeds that one world serves, each in a directory and a namespace of its own: worlds cost more than scripts.
const SEEDS_PER_WORLD: u64 = 50;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// Something went wrong in the life of a seed.
struct Failure {
    seed: u64,
    said: String,
}

/// Whether a seed fails in any of some more lives. Reads of the repository come back in the order of the machine's threads, so
/// what a machine under load does once it may not do again: that is told, and fails nothing.
fn fails_again(failure: &Failure) -> bool {
    let again = (0..AGAIN).any(|_| !run(std::iter::once(failure.seed)).is_empty());
    if !again {
        eprintln!("failed once and not in {AGAIN} more lives: {}", failure.said);
    }
    again
}

/// Runs some seeds in one world; gives what went wrong.
fn run(seeds: impl Iterator<Item = u64>) -> Vec<Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::start().await;
        let mut wrong = Vec::new();
        for seed in seeds {
            let script = Script::draw(seed);
            let found = world.play(&script).await;
            if !found.is_empty() {
                let said = format!(
                    "seed {seed} (MAINSTAY_SIMULATION_SEED={seed} runs it alone):\n{script}\n  {}",
                    found.join("\n  ")
                );
                wrong.push(Failure { seed, said });
                // What it left behind is nobody else's fault.
                world = World::start().await;
            }
        }
        wrong
    })
}

#[test]
fn every_seed_converges_and_keeps_the_rules() {
    if let Some(seed) = number("MAINSTAY_SIMULATION_SEED") {
        println!("{}", Script::draw(seed));
        let wrong: Vec<String> = run(std::iter::once(seed)).into_iter().map(|failure| failure.said).collect();
        assert!(wrong.is_empty(), "{}", wrong.concat());
        return;
    }
    let seeds = number("MAINSTAY_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while wrong.len() < 3 {
            let from = next.fetch_add(SEEDS_PER_WORLD, Ordering::Relaxed);
            if from >= seeds {
                break;
            }
            let failed = run(from..(from + SEEDS_PER_WORLD).min(seeds));
            wrong.extend(failed.into_iter().filter(fails_again));
        }
        wrong
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).map(|failure| failure.said).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
