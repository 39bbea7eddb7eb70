//! How fast a store is by itself: `cargo run --release -p mainstay-store --example pace [OBJECTS] [WRITERS]`.
//! It must not know Kubernetes: its objects are bytes.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a measurement reads the clock and may stop")]

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use mainstay_store::{Error, KindKey, Options, Store};

/// A ConfigMap with 1 KiB of data and its metadata.
const OBJECT_BYTES: usize = 1400;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let number = |index| std::env::args().nth(index).and_then(|argument| argument.parse::<usize>().ok());
    let (objects, writers) = (number(1).unwrap_or(50_000), number(2).unwrap_or(16));
    let directory = tempfile::tempdir_in(".").unwrap();
    let path = directory.path().join("store.redb");
    let before = resident();
    let store = Store::open(&path, Options::default()).unwrap();
    let (began, cpu) = (Instant::now(), cpu_seconds());
    write_all(&store, objects, writers).await;
    let seconds = began.elapsed().as_secs_f64();
    let per_write = (cpu_seconds() - cpu) * 1e6 / objects as f64;
    println!("creates: {:.0}/s from {writers} writers, {per_write:.1} us of processor each", objects as f64 / seconds);
    println!("resident: {} MiB more, {} B per object", (resident() - before) >> 20, (resident() - before) / objects);
    println!("file: {} MiB", std::fs::metadata(&path).unwrap().len() >> 20);
    let killed = directory.path().join("killed.redb");
    for suffix in ["", ".journal-0", ".journal-1"] {
        let beside = |path: &Path| format!("{}{suffix}", path.display());
        std::fs::copy(beside(&path), beside(&killed)).unwrap();
    }
    store.close();
    drop(store);
    open("closed", &path);
    open("killed", &killed);
    let began = Instant::now();
    let verified = mainstay_store::offline::verify(&path, &|_, _| Vec::new()).unwrap();
    println!("verify: {:.0} ms, {} findings", began.elapsed().as_secs_f64() * 1e3, verified.findings.len());
    let began = Instant::now();
    let (_, after) = mainstay_store::offline::compact_file(&path).unwrap();
    println!("compact: {:.0} ms, {} MiB", began.elapsed().as_secs_f64() * 1e3, after >> 20);
}

async fn write_all(store: &Store, objects: usize, writers: usize) {
    let tasks = (0..writers).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let kind = KindKey::new("dev", "", "configmaps");
            for number in (writer..objects).step_by(writers) {
                let key = kind.object(format!("ns-{}", number % 10), format!("object-{number:06}"));
                let bytes = Bytes::from(vec![b'x'; OBJECT_BYTES]);
                let written = store.transact::<_, Error, _>(|tx| {
                    tx.put(key, bytes);
                    Ok(())
                });
                written.await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

fn open(what: &str, path: &Path) {
    let began = Instant::now();
    let store = Store::open(path, Options::default()).unwrap();
    println!("open, {what}: {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    drop(store);
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

fn cpu_seconds() -> f64 {
    /// `sysconf(_SC_CLK_TCK)` is this on Linux.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat.split(' ').skip(13).take(2).filter_map(|field| field.parse().ok()).collect();
    fields.iter().sum::<f64>() / TICKS
}
