//! What an application costs in writes: kept visible, and kept low.

use std::collections::BTreeMap;

use mainstay_testkit::{TestCluster, build};

use crate::shop;

/// Writes from a revision on, by resource.
async fn writes_since(cluster: &TestCluster, revision: u64) -> BTreeMap<String, usize> {
    let now = cluster.server().snapshot().revision();
    let mut feed = cluster.server().store().feed(revision).unwrap();
    let mut counts = BTreeMap::new();
    for at in revision..now {
        let event = feed.next().await.unwrap();
        assert!(event.revision > at);
        *counts.entry(event.key.kind.resource.to_string()).or_default() += 1;
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn an_application_of_two_pods_takes_few_writes() {
    let cluster = shop().await;
    cluster.apply(&build::service("shop", "web")).await;
    cluster.settle().await;
    let before = cluster.server().snapshot().revision();
    cluster.apply(&build::deployment("shop", "web", 2, "registry.example/web:1")).await;
    cluster.settle().await;
    let writes = writes_since(&cluster, before).await;
    println!("{writes:?}");
    assert!(writes["pods"] <= 2 * 5, "{writes:?}");
}

#[tokio::test(start_paused = true)]
#[ignore = "a measurement"]
async fn a_thousand_applications() {
    let cluster = TestCluster::simulated().await;
    let count: usize = std::env::var("APPS").ok().and_then(|apps| apps.parse().ok()).unwrap_or(1000);
    cluster.settle().await;
    let before = cluster.server().snapshot().revision();
    #[allow(clippy::disallowed_methods)]
    let start = std::time::Instant::now();
    for index in 0..count {
        let namespace = format!("app-{index}");
        cluster.apply(&build::namespace(&namespace)).await;
        cluster.apply(&build::service(&namespace, "web")).await;
        cluster.apply(&build::deployment(&namespace, "web", 2, "registry.example/web:1")).await;
    }
    let applied = start.elapsed();
    cluster.settle().await;
    let total = cluster.server().snapshot().revision() - before;
    println!(
        "{count} applications: applied {applied:?}, settled {:?}, {total} writes, {} steps",
        start.elapsed(),
        cluster.seams().probe.steps()
    );
}
