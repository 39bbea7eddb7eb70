//! `mainstay why`: from an application that is not ready down to what is wrong, and what to do.

use serde_json::Value;

use crate::platform::{CONTROL, Platform, applications, printed};

const ARGOCD: &str = "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: plain-dev
  namespace: argocd
spec:
  project: applications
  source:
    repoURL: http://git.mainstay-system.svc/apps.git
    targetRevision: main
    path: plain/dev
  destination: {name: dev, namespace: plain}
  syncPolicy:
    automated: {prune: true, selfHeal: true}
    syncOptions: [CreateNamespace=true]
";

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: plain
spec:
  replicas: 1
  selector:
    matchLabels: {app: plain}
  template:
    metadata:
      labels: {app: plain}
      annotations: {sim.mainstay.dev/fail: image-pull}
    spec:
      containers:
        - name: app
          image: ghcr.io/acme/plain:9.9.9
";

#[tokio::test]
async fn an_image_that_cannot_be_pulled() {
    let platform = Platform::start().await;
    let clone = platform.clone_of("apps").await;
    clone.push(&[("plain/argocd.yaml", ARGOCD), ("plain/dev/deployment.yaml", DEPLOYMENT)], "Add plain").await;
    let pods = mainstay_controller_runtime::context::resource("", "v1", "Pod", "pods");
    let informer = platform.cluster("dev").await.informers.informer(&pods);
    let failing = crate::platform::watched(&informer, |informer| {
        informer
            .list_namespace("plain")
            .into_iter()
            .find(|pod| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff")
    });
    let pod = failing.await.expect("the pod says so");
    let pod = pod["metadata"]["name"].as_str().unwrap().to_owned();
    // Argo CD learns of the pod after the pod does.
    platform
        .eventually(CONTROL, &applications(), ("argocd", "plain-dev"), |application| {
            application["status"]["health"]["status"] == "Progressing"
        })
        .await;

    let why = platform.json(&["why", "plain-dev"]).await;
    let causes = why["causes"].as_array().unwrap();
    let cause = causes.iter().find(|cause| cause["reason"] == "ImagePullBackOff");
    let cause = cause.unwrap_or_else(|| panic!("{why:#}"));
    let path: Vec<_> =
        cause["path"].as_array().unwrap().iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(path, ["Application", "Deployment", "ReplicaSet", "Pod"]);
    assert_eq!(cause["path"][3]["name"], pod.as_str());
    assert!(cause["message"].as_str().unwrap().contains("ghcr.io/acme/plain:9.9.9"), "{cause}");

    let text = printed(&platform.run(&["why", "plain-dev"]).await);
    for part in [pod.as_str(), "ImagePullBackOff", "try:", "image's name", "mainstay explain ImagePullBackOff"] {
        assert!(text.contains(part), "{text} says {part:?}");
    }
}

#[tokio::test]
async fn a_broken_file_is_named_with_its_line() {
    let platform = Platform::start().await;
    let clone = platform.clone_of("apps").await;
    let broken = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n bad: [\n";
    clone.push(&[("sample/dev/broken.yaml", broken)], "Break it").await;
    let told = |application: &Value| application["status"]["conditions"].to_string().contains("broken.yaml");
    platform.eventually(CONTROL, &applications(), ("argocd", "sample-dev"), told).await;

    let text = printed(&platform.run(&["why", "sample-dev"]).await);
    assert!(text.contains("ComparisonError") && text.contains("sample/dev/broken.yaml:5"), "{text}");
    let status = printed(&platform.run(&["status", "sample-dev"]).await);
    assert!(status.contains("sample/dev/broken.yaml:5"), "{status}");
}
