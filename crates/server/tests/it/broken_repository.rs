//! A repository with every kind of mistake: each is reported where a person looks, with file and line, and takes
//! nothing else down.

use mainstay_controller_runtime::context::resource;
use mainstay_git::Change;
use serde_json::Value;

use crate::platform::{CONTROL, Platform, applications, instances};

const ARGOCD: &str = "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: broken
  namespace: argocd
spec:
  project: applications
  source:
    repoURL: http://git.mainstay-system.svc/apps.git
    targetRevision: main
    path: broken/dev
  destination: {name: dev, namespace: broken}
  syncPolicy:
    automated: {prune: true, selfHeal: true}
    syncOptions: [CreateNamespace=true]
";

const GOOD: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: good}
data: {a: b}
";

const CYCLE: &str = "apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: cycle}
spec:
  schema:
    apiVersion: v1alpha1
    kind: Cycle
    spec: {name: string}
  resources:
    - id: one
      template:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: one}
        data: {other: \"${two.data.other}\"}
    - id: two
      template:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: two}
        data: {other: \"${one.data.other}\"}
";

/// Everything an application says is wrong with it, in one text.
fn complaints(application: &Value) -> String {
    let status = &application["status"];
    format!("{} {} {}", status["conditions"], status["operationState"], status["resources"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_reported_and_the_rest_is_deployed() {
    let platform = Platform::start().await;
    let config_maps = resource("", "v1", "ConfigMap", "configmaps");
    let first = vec![
        Change::write("broken/argocd.yaml", ARGOCD),
        Change::write("broken/dev/good.yaml", GOOD),
        Change::write("broken/dev/kept.yaml", GOOD.replace("good", "kept")),
    ];
    let sha = platform.push("apps", first, "Good so far\n").await;
    platform.live("broken", &sha).await;

    let mistakes = vec![
        Change::write("broken/dev/broken.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: broken\n"),
        Change::write("broken/dev/unknown.yaml", "apiVersion: acme.example/v1\nkind: Rocket\nmetadata: {name: r}\n"),
        Change::write(
            "broken/dev/invalid.yaml",
            "apiVersion: platform.mainstay.dev/v1alpha1\nkind: Application\nmetadata: {name: invalid}\nspec: {image: a, port: many}\n",
        ),
        Change::write("broken/dev/good.yaml", GOOD.replace("a: b", "a: c")),
        Change::delete("broken/dev/kept.yaml"),
    ];
    platform.push("apps", mistakes, "Mistakes\n").await;

    let told = |application: &Value| {
        let text = complaints(application);
        ["broken/dev/broken.yaml:", "broken/dev/unknown.yaml:", "broken/dev/invalid.yaml:"]
            .iter()
            .all(|place| text.contains(place))
    };
    platform.eventually(CONTROL, &applications(), ("argocd", "broken"), told).await;
    platform.eventually("dev", &config_maps, ("broken", "good"), |good| good["data"]["a"] == "c").await;
    let kept = platform.get("dev", &config_maps, "broken", "kept").await;
    assert!(kept.is_some(), "nothing is pruned while the source cannot be read in full");
    assert!(platform.get("dev", &instances(), "broken", "invalid").await.is_none());

    // Mended, everything goes on, and now what is gone from git is pruned.
    let mended = ["broken", "unknown", "invalid"].map(|name| Change::delete(format!("broken/dev/{name}.yaml")));
    let sha = platform.push("apps", mended.into(), "Mend\n").await;
    platform.live("broken", &sha).await;
    assert!(platform.get("dev", &config_maps, "broken", "kept").await.is_none());
    platform.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cycle_is_reported_on_the_definition_and_its_application() {
    let platform = Platform::start().await;
    platform.push("platform", vec![Change::write("golden-paths/cycle.yaml", CYCLE)], "A cycle\n").await;
    let definitions = resource("kro.run", "v1alpha1", "ResourceGraphDefinition", "resourcegraphdefinitions");
    let inactive = |definition: &Value| definition["status"]["state"] == "Inactive";
    let definition = platform.eventually("dev", &definitions, ("", "cycle"), inactive).await;
    let text = definition["status"]["conditions"].to_string();
    assert!(text.contains("one → two → one"), "{text}");
    let degraded = |application: &Value| {
        let resources = application["status"]["resources"].as_array().cloned().unwrap_or_default();
        resources.iter().any(|r| r["name"] == "cycle" && r["health"]["status"] == "Degraded")
    };
    platform.eventually(CONTROL, &applications(), ("argocd", "golden-paths-dev"), degraded).await;
    platform.server.stop().await;
}
