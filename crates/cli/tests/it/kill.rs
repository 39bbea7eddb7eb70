//! `kill -9` in the middle of a large push loses nothing that was acknowledged, and everything converges.

use std::path::Path;

use mainstay_apimachinery::object;
use mainstay_controller_runtime::context::Seams;
use serde_json::Value;
use tempfile::TempDir;

use crate::platform::{CONTROL, Platform, Running, applications, cluster, instances, is_well, mainstay, watched};

/// An unoptimised build is several times slower, so it takes fewer applications to be in the middle of things.
const APPS: usize = if cfg!(debug_assertions) { 40 } else { 200 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost() {
    let directory = TempDir::with_prefix("mainstay-kill-").unwrap();
    let seen = killed_midway(directory.path()).await;
    assert!(!seen.is_empty() && seen.len() < APPS, "it was killed midway: {} of {APPS}", seen.len());

    let platform = Platform::on(directory.path()).await;
    let now = platform.cluster("dev").await.api(&instances(), None).list("").await.unwrap();
    for before in &seen {
        let name = object::name(before);
        let after = now.iter().find(|after| object::name(after) == name);
        let after = after.unwrap_or_else(|| panic!("{name} is gone"));
        assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"], "{name}");
        assert!(version(after) >= version(before), "{name} went back in time");
    }

    let informer = platform.cluster(CONTROL).await.informers.informer(&applications());
    let benched = |application: &Value| object::name(application).starts_with("bench-");
    let converged = watched(&informer, |informer| {
        let live = informer.list().into_iter().filter(|application| benched(application) && is_well(application));
        (live.count() == APPS).then_some(())
    });
    if converged.await.is_none() {
        let behind = informer.list().into_iter().filter(|app| benched(app) && !is_well(app));
        let behind: Vec<_> = behind.map(|app| format!("{}: {}", object::name(&app), app["status"])).collect();
        panic!("{} of {APPS} are not live:\n{}", behind.len(), behind.join("\n"));
    }
}

/// Runs the benchmark until some instances exist, kills it, and answers what was there: a watch tells only of what
/// is durable.
async fn killed_midway(data_dir: &Path) -> Vec<Value> {
    let apps = APPS.to_string();
    let mut bench = Running::start(&mut mainstay(&[
        "bench",
        "golden-path",
        "--apps",
        &apps,
        "--keep",
        "--data-dir",
        data_dir.to_str().unwrap(),
    ]));
    let told = bench.stderr.next_line().await.unwrap().unwrap_or_default();
    assert!(told.contains("kubeconfig"), "{told}");
    let context = cluster(&data_dir.join("kubeconfig"), "dev", &Seams::system()).await;
    let informer = context.informers.informer(&instances());
    let some = watched(&informer, |informer| {
        let bench: Vec<_> = informer.list().into_iter().filter(|app| object::name(app).starts_with("bench-")).collect();
        (bench.len() >= APPS / 8).then_some(bench)
    });
    let some = some.await.expect("the benchmark deploys something");
    bench.kill().await;
    context.shutdown.cancel();
    some
}

fn version(object: &Value) -> u64 {
    object::resource_version(object).unwrap().parse().unwrap()
}
