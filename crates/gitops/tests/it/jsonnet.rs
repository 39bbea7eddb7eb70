//! Directories with Jsonnet.

use crate::lab::{Lab, condition, config};
use serde_json::json;

const MAIN: &str = "local lib = import 'lib.libsonnet';\nfunction(value='none') [\n  lib.config('a', value),\n  lib.config('b', std.extVar('env')),\n]\n";
const LIB: &str = "{ config(name, value): { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: name }, data: { value: value } } }\n";

#[tokio::test(start_paused = true)]
async fn files_are_evaluated_and_follow_what_they_import() {
    let lab = Lab::start().await;
    let plain = config("c", "1", "");
    let skipped = "# +argocd:skip-file-rendering\n{ not: 'valid' ";
    let files = [
        ("shop/main.jsonnet", Some(MAIN)),
        ("vendor/lib.libsonnet", Some(LIB)),
        ("shop/c.yaml", Some(plain.as_str())),
        ("shop/skipped.jsonnet", Some(skipped)),
    ];
    let first = lab.commit(&files).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["source"]["directory"] = json!({"jsonnet": {
        "libs": ["vendor"], "extVars": [{"name": "env", "value": "$ARGOCD_APP_NAME"}],
        "tlas": [{"name": "value", "value": "'x' + 1", "code": true}]}});
    lab.cluster.apply(&app).await;
    lab.synced("shop-dev", &first).await;
    let value = async |name: &str| lab.config(name).await.unwrap()["data"]["value"].clone();
    assert_eq!((value("a").await, value("b").await, value("c").await), (json!("x1"), json!("shop-dev"), json!("1")));

    let second =
        lab.commit(&[("vendor/lib.libsonnet", Some(&LIB.replace("value: value", "value: 'v:' + value")))]).await;
    lab.synced("shop-dev", &second).await;
    assert_eq!(value("a").await, "v:x1");
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_told_with_its_place_and_nothing_is_pruned() {
    let lab = Lab::start().await;
    let plain = config("c", "1", "");
    let first = lab
        .commit(&[
            ("shop/main.jsonnet", Some("{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }")),
            ("shop/c.yaml", Some(&plain)),
        ])
        .await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;
    let broken = "{\n  a: error 'boom',\n}\n";
    lab.commit(&[("shop/main.jsonnet", Some(broken)), ("shop/c.yaml", Some(&config("c", "2", "")))]).await;
    let app = lab.until("shop-dev", |app| condition(app, "ComparisonError").is_some()).await;
    let said = condition(&app, "ComparisonError").unwrap();
    assert!(said.contains("jsonnet: shop/main.jsonnet:2:6: boom"), "{said}");
    lab.cluster.settle().await;
    assert_eq!(lab.config("c").await.unwrap()["data"]["value"], "2", "the rest is deployed");
    assert!(lab.config("a").await.is_some());
}
