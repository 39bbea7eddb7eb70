//! What left the source.

use crate::lab::{APPLICATION, Lab, condition, config};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn what_left_the_source_is_pruned_unless_it_asks_to_stay() {
    let lab = Lab::start().await;
    let keep = config("keep", "1", "argocd.argoproj.io/sync-options: Prune=false");
    let first = lab
        .commit(&[
            ("shop/a.yaml", Some(&config("a", "1", ""))),
            ("shop/b.yaml", Some(&config("b", "1", ""))),
            ("shop/keep.yaml", Some(&keep)),
        ])
        .await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;
    lab.commit(&[("shop/b.yaml", None), ("shop/keep.yaml", None)]).await;
    let app = lab
        .until("shop-dev", |app| app["status"]["history"].as_array().is_some_and(|history| history.len() == 2))
        .await;
    assert!(lab.config("b").await.is_none());
    assert!(lab.config("a").await.is_some() && lab.config("keep").await.is_some());
    assert_eq!(app["status"]["sync"]["status"], "OutOfSync");
    let kept =
        app["status"]["resources"].as_array().unwrap().iter().find(|resource| resource["name"] == "keep").unwrap();
    assert_eq!(kept["requiresPruning"], true);
}

#[tokio::test(start_paused = true)]
async fn an_empty_source_prunes_nothing() {
    let lab = Lab::start().await;
    let first = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;
    lab.commit(&[("shop/a.yaml", Some("# nothing left\n"))]).await;
    let app = lab.until("shop-dev", |app| condition(app, "PruneWarning").is_some()).await;
    assert_eq!(app["status"]["sync"]["status"], "OutOfSync");
    lab.cluster.settle().await;
    assert!(lab.config("a").await.is_some());

    let allow = json!({"spec": {"syncPolicy": {"automated": {"allowEmpty": true}}}});
    lab.cluster.api(APPLICATION, "argocd").await.merge_patch("test", "shop-dev", None, &allow).await.unwrap();
    lab.until("shop-dev", |app| app["status"]["resources"].is_null()).await;
    assert!(lab.config("a").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn without_prune_it_stays_out_of_sync() {
    let lab = Lab::start().await;
    let first =
        lab.commit(&[("shop/a.yaml", Some(&config("a", "1", ""))), ("shop/b.yaml", Some(&config("b", "1", "")))]).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["syncPolicy"]["automated"] = json!({});
    lab.cluster.apply(&app).await;
    lab.synced("shop-dev", &first).await;
    lab.commit(&[("shop/b.yaml", None)]).await;
    lab.until("shop-dev", |app| app["status"]["sync"]["status"] == "OutOfSync").await;
    lab.cluster.settle().await;
    assert!(lab.config("b").await.is_some());

    let operation = json!({"operation": {"sync": {"prune": true}, "initiatedBy": {"username": "ada"}}});
    lab.cluster.api(APPLICATION, "argocd").await.merge_patch("test", "shop-dev", None, &operation).await.unwrap();
    let app = lab.until("shop-dev", |app| app["status"]["sync"]["status"] == "Synced").await;
    assert!(lab.config("b").await.is_none());
    assert!(app["operation"].is_null());
}

#[tokio::test(start_paused = true)]
async fn beyond_its_budget_automation_prunes_nothing_and_a_person_may() {
    let lab = Lab::start().await;
    let file = |name: &str| config(name, "1", "");
    let files = ["a", "b", "c", "d"].map(|name| (format!("shop/{name}.yaml"), file(name)));
    let files: Vec<(&str, Option<&str>)> =
        files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let first = lab.commit(&files).await;
    let mut app = lab.app("shop-dev", "shop");
    app["metadata"]["annotations"] = json!({"mainstay.dev/deletion-budget": "1"});
    lab.cluster.apply(&app).await;
    lab.synced("shop-dev", &first).await;
    lab.commit(&[("shop/b.yaml", None)]).await;
    lab.cluster.settle().await;
    assert!(lab.config("b").await.is_none(), "one is within the budget");

    lab.commit(&[("shop/c.yaml", None), ("shop/d.yaml", None), ("shop/a.yaml", Some(&config("a", "2", "")))]).await;
    let app = lab.until("shop-dev", |app| condition(app, "PruneWarning").is_some()).await;
    let said = condition(&app, "PruneWarning").unwrap();
    assert!(said.contains("does not prune 2 of 3 resources, the budget is 1"), "{said}");
    lab.cluster.settle().await;
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "2", "the rest is deployed");
    assert!(lab.config("c").await.is_some() && lab.config("d").await.is_some());

    let prune = json!({"operation": {"sync": {"prune": true}, "initiatedBy": {"username": "ada"}}});
    lab.cluster.api(APPLICATION, "argocd").await.merge_patch("test", "shop-dev", None, &prune).await.unwrap();
    lab.until("shop-dev", |app| condition(app, "PruneWarning").is_none()).await;
    assert!(lab.config("c").await.is_none() && lab.config("d").await.is_none());
}
