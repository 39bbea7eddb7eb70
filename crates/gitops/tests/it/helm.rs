//! Sources that are Helm charts.

use serde_json::{Value, json};

use crate::lab::{Lab, condition};

const CHART: &str = "apiVersion: v2\nname: shop\nversion: 1.2.3\n";
const CONFIG: &str = r#"apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-config
  labels: {chart: "{{ .Chart.Name }}-{{ .Chart.Version }}"}
data:
  value: {{ .Values.value | quote }}
  list: {{ .Values.list | toJson | quote }}
  password: {{ randAlphaNum 24 | quote }}
  widgets: "{{ .Capabilities.APIVersions.Has "example.com/v1/Widget" }}"
"#;
const TEST: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\n";

fn chart(values: &str) -> Vec<(&'static str, String)> {
    vec![
        ("charts/shop/Chart.yaml", CHART.to_owned()),
        ("charts/shop/values.yaml", values.to_owned()),
        ("charts/shop/templates/config.yaml", CONFIG.to_owned()),
        ("charts/shop/templates/test.yaml", TEST.to_owned()),
        ("charts/shop/templates/NOTES.txt", "Thank you.".to_owned()),
    ]
}

async fn commit(lab: &Lab, files: &[(&str, String)]) -> String {
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    lab.commit(&files).await
}

fn with_helm(lab: &Lab, helm: Value) -> Value {
    let mut app = lab.app("shop-dev", "charts/shop");
    app["spec"]["source"]["helm"] = helm;
    app
}

async fn data(lab: &Lab) -> Value {
    lab.config("shop-dev-config").await.unwrap()["data"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_chart_is_deployed_as_it_is_and_follows_its_files() {
    let lab = Lab::start().await;
    let first = commit(&lab, &chart("value: a\nlist: [1, x]\n")).await;
    lab.cluster.apply(&lab.app("shop-dev", "charts/shop")).await;
    let app = lab.synced("shop-dev", &first).await;
    assert_eq!(app["status"]["sourceType"], "Helm");
    let live = lab.config("shop-dev-config").await.unwrap();
    assert_eq!(live["metadata"]["labels"]["chart"], "shop-1.2.3");
    assert_eq!((&live["data"]["value"], &live["data"]["list"]), (&json!("a"), &json!("[1,\"x\"]")));
    let password = live["data"]["password"].as_str().unwrap().to_owned();
    assert_eq!(password.len(), 24);

    let second = commit(&lab, &[("charts/shop/values.yaml", "value: b\nlist: []\n".to_owned())]).await;
    lab.synced("shop-dev", &second).await;
    let now = data(&lab).await;
    assert_eq!(now["value"], "b");
    assert_eq!(now["password"], password.as_str(), "what is random stays the same for a release");

    let third = commit(&lab, &[("elsewhere.txt", "x".to_owned())]).await;
    lab.cluster.settle().await;
    assert_eq!(lab.status("shop-dev").await["sync"]["revision"], second, "{third} changes nothing that is read");
}

#[tokio::test(start_paused = true)]
async fn values_come_from_files_objects_and_parameters() {
    let lab = Lab::start().await;
    let mut files = chart("value: chart\nlist: [chart]\n");
    files.push(("env/dev.yaml", "value: file\n".to_owned()));
    files.push(("charts/shop/more/1.yaml", "list: [one]\n".to_owned()));
    files.push(("charts/shop/more/2.yaml", "list: [two]\n".to_owned()));
    let first = commit(&lab, &files).await;
    let helm = json!({
        "releaseName": "shop-dev", "valueFiles": ["more/*.yaml", "/env/dev.yaml", "missing.yaml"],
        "ignoreMissingValueFiles": true, "skipTests": true,
    });
    lab.cluster.apply(&with_helm(&lab, helm.clone())).await;
    lab.synced("shop-dev", &first).await;
    let now = data(&lab).await;
    assert_eq!((&now["value"], &now["list"]), (&json!("file"), &json!("[\"two\"]")));

    let second = commit(&lab, &[("env/dev.yaml", "value: changed\n".to_owned())]).await;
    lab.synced("shop-dev", &second).await;
    assert_eq!(data(&lab).await["value"], "changed", "a file outside of the chart is read too");

    let mut helm = helm;
    helm["valuesObject"] = json!({"list": [7]});
    helm["parameters"] = json!([{"name": "value", "value": "01"}]);
    lab.cluster.apply(&with_helm(&lab, helm)).await;
    lab.cluster.settle().await;
    let now = data(&lab).await;
    assert_eq!((&now["value"], &now["list"]), (&json!("01"), &json!("[7]")));
}

#[tokio::test(start_paused = true)]
async fn a_repository_may_say_how_it_is_to_be_built() {
    let lab = Lab::start().await;
    let mut files = chart("value: chart\nlist: []\n");
    files.push(("charts/shop/.argocd-source.yaml", "helm: {parameters: [{name: value, value: all}]}\n".to_owned()));
    let first = commit(&lab, &files).await;
    lab.cluster.apply(&lab.app("shop-dev", "charts/shop")).await;
    lab.synced("shop-dev", &first).await;
    assert_eq!(data(&lab).await["value"], "all");
    let own =
        ("charts/shop/.argocd-source-shop-dev.yaml", "helm: {valuesObject: {list: [1]}, parameters: []}\n".to_owned());
    let second = commit(&lab, &[own]).await;
    lab.synced("shop-dev", &second).await;
    let now = data(&lab).await;
    assert_eq!((&now["value"], &now["list"]), (&json!("chart"), &json!("[1]")));
    commit(&lab, &[("charts/shop/.argocd-source.yaml", "path: elsewhere\n".to_owned())]).await;
    let told = |app: &Value| {
        condition(app, "ComparisonError").is_some_and(|told| told.contains("path must not be changed here"))
    };
    lab.until("shop-dev", told).await;
}

#[tokio::test(start_paused = true)]
async fn values_of_another_source_are_followed() {
    let lab = Lab::start().await;
    let mut files = chart("value: chart\nlist: []\n");
    files.push(("values/dev.yaml", "value: one\n".to_owned()));
    let first = commit(&lab, &files).await;
    let mut app = lab.app("shop-dev", "charts/shop");
    let spec = app["spec"].as_object_mut().unwrap();
    spec.remove("source");
    spec.insert("sources".to_owned(), json!([
        {"repoURL": lab.url, "path": "charts/shop", "targetRevision": first, "helm": {"valueFiles": ["$env/values/dev.yaml"]}},
        {"repoURL": lab.url, "ref": "env", "targetRevision": "main"},
    ]));
    lab.cluster.apply(&app).await;
    lab.until("shop-dev", |app| app["status"]["sync"]["status"] == "Synced").await;
    assert_eq!(data(&lab).await["value"], "one");
    let second = commit(&lab, &[("values/dev.yaml", "value: two\n".to_owned())]).await;
    lab.until("shop-dev", |app| app["status"]["sync"]["revisions"] == json!([first, second])).await;
    lab.cluster.settle().await;
    assert_eq!(data(&lab).await["value"], "two");
}

#[tokio::test(start_paused = true)]
async fn what_a_cluster_serves_is_known_to_charts() {
    let lab = Lab::start().await;
    let first = commit(&lab, &chart("value: a\nlist: []\n")).await;
    lab.cluster.apply(&lab.app("shop-dev", "charts/shop")).await;
    lab.synced("shop-dev", &first).await;
    assert_eq!(data(&lab).await["widgets"], "false");
    let crds = lab.member(("apiextensions.k8s.io/v1", "CustomResourceDefinition"), "").await;
    crds.create("test", &widgets()).await.unwrap();
    // The same commit gives other manifests now: that is healed as any other drift.
    let healed = |app: &Value| app["status"]["operationState"]["operation"]["sync"]["autoHealAttemptsCount"] == 1;
    lab.until("shop-dev", |app| healed(app) && app["status"]["sync"]["status"] == "Synced").await;
    assert_eq!(data(&lab).await["widgets"], "true");
}

fn widgets() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    })
}

#[tokio::test(start_paused = true)]
async fn a_chart_that_does_not_render_leaves_all_as_it_is() {
    let lab = Lab::start().await;
    let first = commit(&lab, &chart("value: a\nlist: []\n")).await;
    lab.cluster.apply(&lab.app("shop-dev", "charts/shop")).await;
    lab.synced("shop-dev", &first).await;
    let broken = CONFIG.replace(".Values.value | quote", "required \"name a value\" .Values.other.value");
    commit(&lab, &[("charts/shop/templates/config.yaml", broken)]).await;
    let app = lab.until("shop-dev", |app| condition(app, "ComparisonError").is_some()).await;
    let told = condition(&app, "ComparisonError").unwrap();
    assert!(told.contains("charts/shop: helm template: template: shop/templates/config.yaml:7:"), "{told}");
    assert!(told.contains("nil pointer evaluating interface {}.value"), "{told}");
    assert_eq!(data(&lab).await["value"], "a", "nothing is pruned for it");

    let missing = with_helm(&lab, json!({"valueFiles": ["nope.yaml"]}));
    lab.cluster.apply(&missing).await;
    let told = |app: &Value| {
        condition(app, "ComparisonError").is_some_and(|told| told.contains("open nope.yaml: no such file"))
    };
    lab.until("shop-dev", told).await;
}
