//! The idea that `plan` stands on: fork the world, change it there, run the very same controllers on the virtual
//! clock until nothing is left to do, and compare. The parent never notices.

use mainstay_testkit::{Difference, build};
use serde_json::json;

use crate::{DEPLOYMENTS, number, shop, text};

#[tokio::test(start_paused = true)]
async fn a_change_on_a_fork_shows_all_it_would_do_and_touches_nothing() {
    let parent = shop().await;
    parent.apply(&build::service("shop", "web")).await;
    parent.apply(&build::deployment("shop", "web", 2, "registry.example/web:1")).await;
    parent.apply(&build::deployment("shop", "other", 1, "registry.example/other:1")).await;
    parent.apply(&build::failing_deployment("shop", "other-crashes", "crash-loop")).await;
    parent.apply(&build::ingress("shop", "other", "other.example.test")).await;
    parent.apply(&build::job("shop", "other-job", 1)).await;
    parent.settle().await;
    let (before, revision) = (parent.world(), parent.server().snapshot().revision());

    let fork = parent.fork();
    fork.settle().await;
    assert_eq!(fork.server().snapshot().revision(), revision, "a fork at rest stays at rest");
    fork.apply(&build::deployment("shop", "web", 3, "registry.example/web:2")).await;
    fork.settle().await;

    let web = fork.get(DEPLOYMENTS, "shop", "web").await.unwrap();
    assert_eq!((number(&web, "/status/availableReplicas"), number(&web, "/status/updatedReplicas")), (3, 3));
    let difference = before.difference(&fork.world());
    let kinds = summarise(&difference);
    let expected = json!({
        "changed deployments.apps": 1,
        "changed replicasets.apps": 1, "added replicasets.apps": 1,
        "added pods": 3, "removed pods": 2,
        "changed endpointslices.discovery.k8s.io": 1, "changed endpoints": 1,
    });
    assert_eq!(kinds, expected, "{:#?}", difference.keys().collect::<Vec<_>>());
    assert!(difference.keys().all(|path| !path.contains("other")));

    assert_eq!(parent.world(), before);
    assert_eq!(parent.server().snapshot().revision(), revision);
}

#[tokio::test(start_paused = true)]
async fn what_a_fork_foretells_is_what_happens() {
    let parent = shop().await;
    parent.apply(&build::deployment("shop", "web", 2, "registry.example/web:1")).await;
    parent.settle().await;
    let before = parent.world();
    let change = build::deployment("shop", "web", 3, "registry.example/web:2");

    let fork = parent.fork();
    fork.apply(&change).await;
    fork.settle().await;
    parent.apply(&change).await;
    parent.settle().await;

    let paths = |world: &mainstay_testkit::World| before.difference(world).into_keys().collect::<Vec<_>>();
    let foretold: Vec<String> = paths(&fork.world()).into_iter().filter(|path| !path.contains("/events/")).collect();
    let happened: Vec<String> = paths(&parent.world()).into_iter().filter(|path| !path.contains("/events/")).collect();
    assert_eq!(foretold, happened);
}

/// How many objects of each resource were added, removed or changed; Events aside.
fn summarise(difference: &std::collections::BTreeMap<String, Difference>) -> serde_json::Value {
    let mut counts = serde_json::Map::new();
    for (path, difference) in difference {
        let resource = path.split('/').nth(1).unwrap_or_default();
        if resource == "events" {
            continue;
        }
        let verb = match difference {
            Difference::Added(_) => "added",
            Difference::Removed(_) => "removed",
            Difference::Changed { after, .. } => {
                assert_ne!(text(after, "/kind"), "");
                "changed"
            }
        };
        let count = counts.entry(format!("{verb} {resource}")).or_insert(json!(0));
        *count = json!(count.as_i64().unwrap_or(0) + 1);
    }
    serde_json::Value::Object(counts)
}
