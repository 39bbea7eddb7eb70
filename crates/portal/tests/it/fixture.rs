//! A small fleet with applications on it, as the engines would have left them, without the engines.
//! The preview shows the same.

use std::collections::BTreeMap;

use mainstay_api::kro;
use mainstay_apiserver::Identity;
use mainstay_controller_runtime::{ApplyOptions, Context, Note, Recorder};
use mainstay_portal::PortalContext;
use mainstay_telemetry::Thread;
use mainstay_testkit::{Setup, TestCluster, build};
use serde_json::{Value, json};

pub(crate) const CONTROL: &str = "baseline-cluster1";
pub(crate) const COMMIT: &str = "1f0c3a9be1d24c7b8a6f5e4d3c2b1a0998877665";

/// The fleet: nothing is deployed yet, but all kinds are served.
pub(crate) async fn fleet() -> TestCluster {
    let fleet = Setup::default().clusters(&[CONTROL, "dev", "staging"]).simulated().start().await;
    for definition in mainstay_api::argoproj::custom_resource_definitions() {
        fleet.apply(&definition).await;
    }
    fleet.apply(&build::namespace("argocd")).await;
    for cluster in ["dev", "staging"] {
        apply(&fleet, cluster, &golden_path()).await;
    }
    fleet
}

/// The portal's view of the fleet.
pub(crate) fn portal(fleet: &TestCluster) -> PortalContext {
    let client = |cluster: &str| fleet.server().client(cluster, Identity::admin());
    let clusters = ["dev", "staging"].map(|name| (name.to_owned(), client(name)));
    PortalContext::new(CONTROL, client(CONTROL), BTreeMap::from(clusters))
        .with_clock(fleet.seams().clock.clone())
        .with_shutdown(fleet.seams().shutdown.clone())
}

/// Deploys an application to a cluster, with its instance, its children and its Events.
pub(crate) async fn deploy(fleet: &TestCluster, name: &str, cluster: &str, workload: Value) {
    apply(fleet, cluster, &build::namespace(name)).await;
    let instance = json!({
        "apiVersion": "platform.mainstay.dev/v1alpha1", "kind": "Application",
        "metadata": {"name": name, "namespace": name, "annotations": thread_annotation()},
        "spec": {"image": image_of(&workload)},
    });
    let instance = apply(fleet, cluster, &instance).await;
    let uid = instance["metadata"]["uid"].as_str().unwrap().to_owned();
    let host = format!("{name}.example.com");
    let children =
        [workload, build::service(name, name), build::ingress(name, name, &host), secret(name), budget(name)];
    for mut child in children {
        child["metadata"]["labels"][kro::INSTANCE_ID] = Value::from(uid.as_str());
        child["metadata"]["annotations"] = thread_annotation();
        apply(fleet, cluster, &child).await;
    }
    let application = application(fleet, name, cluster, &instance).await;
    record(fleet, cluster, &application, &instance).await;
}

/// Sets the health that the Application itself says.
pub(crate) async fn say(fleet: &TestCluster, name: &str, health: &str, sync: &str) {
    let api = fleet.api(("argoproj.io/v1alpha1", "Application"), "argocd").await;
    let mut application = api.get(name).await.unwrap().unwrap();
    application["status"]["health"] = json!({"status": health});
    application["status"]["sync"] = json!({"status": sync, "revision": COMMIT});
    api.merge_patch("fixture", name, None, &application).await.unwrap();
}

async fn application(fleet: &TestCluster, name: &str, cluster: &str, instance: &Value) -> Value {
    let mut application = fleet
        .apply(&json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": format!("{name}-{cluster}"), "namespace": "argocd"},
            "spec": {
                "project": "default",
                "source": {"repoURL": "http://u:secret@127.0.0.1:7443/git/apps.git", "path": format!("{name}/{cluster}")},
                "destination": {"name": cluster, "namespace": name},
            },
        }))
        .await;
    application["status"] = json!({
        "health": {"status": "Healthy"}, "sync": {"status": "Synced", "revision": COMMIT},
        "resources": [{
            "group": "platform.mainstay.dev", "version": "v1alpha1", "kind": "Application", "namespace": name,
            "name": name, "status": "Synced",
        }],
        "summary": {"images": [instance["spec"]["image"]]},
        "history": [{"id": 0, "revision": COMMIT, "deployedAt": "2030-01-01T00:00:00Z"}],
    });
    let api = fleet.api(("argoproj.io/v1alpha1", "Application"), "argocd").await;
    api.merge_patch("fixture", &format!("{name}-{cluster}"), None, &application).await.unwrap()
}

async fn record(fleet: &TestCluster, cluster: &str, application: &Value, instance: &Value) {
    let thread = Thread { repository: "apps".to_owned(), commit: COMMIT.to_owned() };
    let gitops = Recorder::new(&context(fleet, CONTROL), "mainstay-gitops");
    let orchestrator = Recorder::new(&context(fleet, cluster), "mainstay-orchestrator");
    let notes = [
        (&gitops, application, "CommitReceived", "commit 1f0c3a9 of apps: sample: image 6.7.1"),
        (&gitops, application, "SyncSucceeded", "1 resource was applied"),
        (&orchestrator, instance, "ResourcesApplied", "7 resources were applied"),
    ];
    for (recorder, about, reason, message) in notes {
        recorder.record(about, Note::normal(reason, message).thread(Some(&thread))).await;
        fleet.seams().clock.sleep(std::time::Duration::from_millis(40)).await;
    }
}

fn context(fleet: &TestCluster, cluster: &str) -> Context {
    fleet.admin(cluster)
}

/// Server-side-applies an object in any cluster of the fleet.
pub(crate) async fn apply(fleet: &TestCluster, cluster: &str, object: &Value) -> Value {
    let context = fleet.admin(cluster);
    let kind = mainstay_apimachinery::GroupVersionKind::of(object).unwrap();
    let mapping = context.mapper.resolve(&kind).await.unwrap().unwrap_or_else(|| panic!("{kind} is not served"));
    let api = context.api(&mapping.resource, object["metadata"]["namespace"].as_str());
    api.apply(object, &ApplyOptions::forced("fixture")).await.unwrap()
}

fn image_of(workload: &Value) -> &Value {
    &workload["spec"]["template"]["spec"]["containers"][0]["image"]
}

fn thread_annotation() -> Value {
    json!({mainstay_telemetry::thread::ANNOTATION: format!("apps@{COMMIT}")})
}

fn secret(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": format!("{name}-config"), "namespace": name}, "stringData": {"password": "hunter2"},
    })
}

fn budget(name: &str) -> Value {
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name, "namespace": name},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": name}}},
    })
}

/// The golden path's kind, without its engine.
fn golden_path() -> Value {
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "applications.platform.mainstay.dev"},
        "spec": {
            "group": "platform.mainstay.dev", "scope": "Namespaced",
            "names": {"plural": "applications", "singular": "application", "kind": "Application", "listKind": "ApplicationList"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}}}],
        },
    })
}
