//! Sources that are built by a kustomization.

use crate::lab::{Lab, condition, config};
use mainstay_apimachinery::object;
use serde_json::{Value, json};

const BASE: &str = "resources: [a.yaml]\nconfigMapGenerator:\n- {name: settings, literals: [x=1]}\n";
const OVERLAY: &str = "resources: [../../base]\nnamePrefix: dev-\ncommonLabels: {team: shop}\n";

async fn commit(lab: &Lab, files: &[(&str, &str)]) -> String {
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(*text))).collect();
    lab.commit(&files).await
}

async fn names(lab: &Lab) -> Vec<String> {
    let found = lab.member(("v1", "ConfigMap"), "shop").await.list("").await.unwrap();
    let mut names: Vec<String> = found.iter().map(|config| object::name(config).to_owned()).collect();
    names.retain(|name| name != "kube-root-ca.crt");
    names
}

#[tokio::test(start_paused = true)]
async fn an_overlay_is_deployed_and_follows_its_base() {
    let lab = Lab::start().await;
    let base = config("a", "1", "");
    let files = [
        ("base/kustomization.yaml", BASE),
        ("base/a.yaml", &base),
        ("overlays/dev/kustomization.yaml", OVERLAY),
        ("elsewhere/x.yaml", "a: b"),
    ];
    let first = commit(&lab, &files).await;
    lab.cluster.apply(&lab.app("shop-dev", "overlays/dev")).await;
    let app = lab.synced("shop-dev", &first).await;
    assert_eq!(app["status"]["sourceType"], "Kustomize");
    let before = names(&lab).await;
    assert_eq!(before.len(), 2);
    assert_eq!(lab.config("dev-a").await.unwrap()["metadata"]["labels"]["team"], "shop");
    assert!(before[1].starts_with("dev-settings-"));

    // A generated ConfigMap has another name with other content; the old one is pruned.
    let second = commit(&lab, &[("base/kustomization.yaml", &BASE.replace("x=1", "x=2"))]).await;
    lab.synced("shop-dev", &second).await;
    lab.cluster.settle().await;
    let after = names(&lab).await;
    assert_eq!(after.len(), 2);
    assert_ne!(before[1], after[1]);

    let third = commit(&lab, &[("elsewhere/x.yaml", "a: c")]).await;
    lab.cluster.settle().await;
    let status = lab.status("shop-dev").await;
    assert_eq!(status["sync"]["revision"], second, "{third} changes nothing that is read");
}

#[tokio::test(start_paused = true)]
async fn an_application_overrides_its_kustomization() {
    let lab = Lab::start().await;
    let base = config("a", "1", "");
    let sha = commit(&lab, &[("base/kustomization.yaml", BASE), ("base/a.yaml", &base)]).await;
    let mut app = lab.app("shop-dev", "base");
    app["spec"]["source"]["kustomize"] = json!({
        "namePrefix": "my-", "commonAnnotations": {"at": "$ARGOCD_APP_NAME"}, "commonAnnotationsEnvsubst": true,
        "patches": [{"target": {"kind": "ConfigMap", "name": "a"}, "patch": "- {op: replace, path: /data/value, value: patched}"}],
    });
    lab.cluster.apply(&app).await;
    lab.synced("shop-dev", &sha).await;
    let live = lab.config("my-a").await.unwrap();
    assert_eq!(
        (&live["data"]["value"], &live["metadata"]["annotations"]["at"]),
        (&json!("patched"), &json!("shop-dev"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_kustomization_that_cannot_be_built_changes_nothing() {
    let lab = Lab::start().await;
    let base = config("a", "1", "");
    let first = commit(&lab, &[("base/kustomization.yaml", BASE), ("base/a.yaml", &base)]).await;
    lab.cluster.apply(&lab.app("shop-dev", "base")).await;
    lab.synced("shop-dev", &first).await;
    let before = names(&lab).await;
    commit(&lab, &[("base/kustomization.yaml", "resources: [a.yaml, gone.yaml]\n")]).await;
    let said = |app: &Value| condition(app, "ComparisonError").is_some_and(|said| said.contains("gone.yaml"));
    let app = lab.until("shop-dev", said).await;
    assert!(condition(&app, "ComparisonError").unwrap().starts_with("base: kustomize build: base/kustomization.yaml"));
    lab.cluster.settle().await;
    assert_eq!(names(&lab).await, before);
}
