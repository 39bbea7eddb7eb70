//! An application with several sources.

use crate::lab::{Lab, condition, config};
use serde_json::{Value, json};

fn app(lab: &Lab, sources: Value) -> Value {
    let mut app = lab.app("shop-dev", "shop");
    let spec = app["spec"].as_object_mut().unwrap();
    spec.remove("source");
    spec.insert("sources".to_owned(), sources);
    app
}

fn deployed(app: &Value, shas: &[&str]) -> bool {
    let status = &app["status"];
    status["sync"]["status"] == "Synced"
        && status["sync"]["revisions"] == json!(shas)
        && status["operationState"]["phase"] == "Succeeded"
}

#[tokio::test(start_paused = true)]
async fn what_all_sources_have_is_deployed_and_the_later_wins() {
    let lab = Lab::start().await;
    let first = lab
        .commit(&[
            ("base/a.yaml", Some(&config("a", "base", ""))),
            ("base/b.yaml", Some(&config("b", "base", ""))),
            ("team/b.yaml", Some(&config("b", "team", ""))),
            ("values/dev.yaml", Some("replicas: 1\n")),
        ])
        .await;
    let sources = json!([
        {"repoURL": lab.url, "path": "base", "targetRevision": "main"},
        {"repoURL": lab.url, "path": "team", "targetRevision": "main"},
        {"repoURL": lab.url, "ref": "values", "targetRevision": first},
    ]);
    lab.cluster.apply(&app(&lab, sources)).await;
    let shown = lab.until("shop-dev", |app| deployed(app, &[&first, &first, &first])).await;
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "base");
    assert_eq!(lab.config("b").await.unwrap()["data"]["value"], "team");
    assert!(condition(&shown, "RepeatedResourceWarning").unwrap().contains("is already in base/b.yaml:1"));
    let entry = &shown["status"]["history"][0];
    assert_eq!(
        (&entry["revisions"], entry["sources"].as_array().map(Vec::len)),
        (&json!([first, first, first]), Some(3))
    );
    assert!(shown["status"]["sync"]["revision"].is_null());
    assert_eq!(shown["status"]["sourceTypes"][0], "Directory");

    let second = lab.commit(&[("team/b.yaml", Some(&config("b", "new", "")))]).await;
    lab.until("shop-dev", |app| deployed(app, &[&first, &second, &first])).await;
    assert_eq!(lab.config("b").await.unwrap()["data"]["value"], "new");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_takes_every_source_back() {
    let lab = Lab::start().await;
    let first =
        lab.commit(&[("x/a.yaml", Some(&config("a", "1", ""))), ("y/b.yaml", Some(&config("b", "1", "")))]).await;
    let source = |path: &str| json!({"repoURL": lab.url, "path": path, "targetRevision": "main"});
    lab.cluster.apply(&app(&lab, json!([source("x"), source("y")]))).await;
    lab.until("shop-dev", |app| deployed(app, &[&first, &first])).await;
    let files = [("x/a.yaml", config("a", "2", "")), ("y/b.yaml", config("b", "2", ""))];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    let second = lab.commit(&files).await;
    lab.until("shop-dev", |app| deployed(app, &[&second, &second])).await;
    let back = json!({"operation": {"sync": {"revisions": [first, first]}}});
    let api = lab.cluster.api(crate::lab::APPLICATION, "argocd").await;
    api.merge_patch("test", "shop-dev", None, &back).await.unwrap();
    let shown = lab.until("shop-dev", |app| deployed(app, &[&first, &first])).await;
    assert_eq!(lab.config("b").await.unwrap()["data"]["value"], "1");
    assert!(condition(&shown, "PinnedRevisionWarning").is_some());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deployed_while_one_source_cannot_be_read() {
    let lab = Lab::start().await;
    lab.commit(&[("x/a.yaml", Some(&config("a", "1", "")))]).await;
    let source = |path: &str| json!({"repoURL": lab.url, "path": path, "targetRevision": "main"});
    lab.cluster.apply(&app(&lab, json!([source("x"), source("missing")]))).await;
    let said = |app: &Value| condition(app, "ComparisonError").is_some_and(|said| said.contains("\"missing\""));
    lab.until("shop-dev", said).await;
    lab.cluster.settle().await;
    assert!(lab.config("a").await.is_none());
}
