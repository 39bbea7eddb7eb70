//! Manifests that are rendered from one branch to another, and deployed from there.

use crate::lab::{Lab, condition, config};
use mainstay_git::{Options, Repositories};
use serde_json::{Value, json};

const CHART: &str = "apiVersion: v2\nname: shop\nversion: 0.1.0\n";
const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {value: \"{{ .Values.value }}\", release: {{ .Release.Name }}}\n";

fn app(lab: &Lab, more: Value) -> Value {
    let mut app = lab.app("shop-dev", "unused");
    let spec = app["spec"].as_object_mut().unwrap();
    spec.remove("source");
    let mut hydrator = json!({
        "drySource": {"repoURL": lab.url, "targetRevision": "main", "path": "chart", "helm": {"parameters": [{"name": "value", "value": "1"}]}},
        "syncSource": {"targetBranch": "env/dev", "path": "shop"},
    });
    hydrator.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec.insert("sourceHydrator".to_owned(), hydrator);
    app
}

fn files(template: &str) -> Vec<(&'static str, Option<&str>)> {
    vec![("chart/Chart.yaml", Some(CHART)), ("chart/templates/a.yaml", Some(template))]
}

fn hydration(app: &Value) -> &Value {
    &app["status"]["sourceHydrator"]["currentOperation"]
}

async fn manifest(lab: &Lab, branch: &str) -> String {
    let cache = tempfile::tempdir().unwrap();
    let repositories = Repositories::new(Options::new(cache.path()).with_host(lab.host()));
    let sha = repositories.resolve(&lab.url, branch).await.unwrap().sha;
    let tree = repositories.tree(&lab.url, &sha, "shop").await.unwrap();
    let file = tree.files.into_iter().find(|file| file.path == "shop/manifest.yaml").unwrap();
    String::from_utf8(file.bytes.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_chart_is_rendered_to_a_branch_and_deployed_from_there() {
    let lab = Lab::start().await;
    let dry = lab.commit(&files(TEMPLATE)).await;
    lab.cluster.apply(&app(&lab, json!({}))).await;
    let synced = lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Succeeded").await;
    let operation = hydration(&synced);
    assert_eq!((&operation["phase"], &operation["drySHA"]), (&json!("Hydrated"), &json!(dry)));
    assert_eq!(operation["hydratedSHA"], synced["status"]["sync"]["revision"]);
    assert_eq!(synced["status"]["sourceType"], "Directory");
    assert_eq!(lab.config("a").await.unwrap()["data"], json!({"value": "1", "release": "shop-dev"}));
    assert!(manifest(&lab, "env/dev").await.starts_with("apiVersion: v1\n"));

    let next = lab.commit(&files(&TEMPLATE.replace("value: \"", "value: \"v"))).await;
    lab.until("shop-dev", |app| {
        hydration(app)["drySHA"] == next.as_str() && app["status"]["sync"]["status"] == "Synced"
    })
    .await;
    lab.cluster.settle().await;
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "v1");

    let before = lab.status("shop-dev").await;
    lab.commit(&[("elsewhere/x.yaml", Some(&config("x", "1", "")))]).await;
    lab.run_gitops();
    lab.cluster.settle().await;
    let after = lab.status("shop-dev").await;
    assert_eq!(
        after["sourceHydrator"]["lastSuccessfulOperation"]["hydratedSHA"], before["sync"]["revision"],
        "nothing new came of it"
    );
}

#[tokio::test(start_paused = true)]
async fn what_does_not_render_is_said_and_what_is_deployed_stays() {
    let lab = Lab::start().await;
    lab.commit(&files(TEMPLATE)).await;
    lab.cluster.apply(&app(&lab, json!({}))).await;
    lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Succeeded").await;
    lab.commit(&files("{{ .Values.value | nonsense }}")).await;
    let broken = lab.until("shop-dev", |app| condition(app, "HydrationError").is_some()).await;
    assert_eq!(hydration(&broken)["phase"], "Failed");
    assert!(condition(&broken, "HydrationError").unwrap().contains("nonsense"), "{broken:#}");
    lab.cluster.settle().await;
    assert_eq!(lab.status("shop-dev").await["sync"]["status"], "Synced");
    assert!(lab.config("a").await.is_some());

    lab.commit(&files(TEMPLATE)).await;
    let mended = lab.until("shop-dev", |app| condition(app, "HydrationError").is_none()).await;
    assert_eq!(hydration(&mended)["phase"], "Hydrated");
}

#[tokio::test(start_paused = true)]
async fn rendered_manifests_may_wait_on_another_branch_for_somebody_to_merge_them() {
    let lab = Lab::start().await;
    lab.commit(&files(TEMPLATE)).await;
    lab.cluster.apply(&app(&lab, json!({"hydrateTo": {"targetBranch": "env/dev-next"}}))).await;
    let waiting = lab.until("shop-dev", |app| hydration(app)["phase"] == "Hydrated").await;
    assert_eq!(lab.config("a").await, None);
    assert!(manifest(&lab, "env/dev-next").await.contains("release: shop-dev"));
    let error = lab.until("shop-dev", |app| condition(app, "ComparisonError").is_some()).await;
    assert!(condition(&error, "ComparisonError").unwrap().contains("env/dev"), "{waiting:#}");

    let merged = manifest(&lab, "env/dev-next").await;
    lab.commit_to("env/dev", &[("shop/manifest.yaml", Some(&merged))]).await;
    lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Succeeded").await;
    assert!(lab.config("a").await.is_some());
}
