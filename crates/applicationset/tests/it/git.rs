//! Sets that follow a repository: add-ons by directory, environments by file.

use crate::lab::{APPLICATION, Lab, SET};
use serde_json::{Value, json};

/// The template of the add-ons of a platform, as people write it.
fn addons(url: &str) -> Value {
    json!({
        "metadata": {"name": "{{path.basename}}"},
        "spec": {
            "project": "default",
            "source": {"repoURL": url, "targetRevision": "main", "path": "{{path}}"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "{{path.basename}}"},
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}, "syncOptions": ["CreateNamespace=true"]},
        },
    })
}

fn directories(url: &str) -> Value {
    json!([{"git": {"repoURL": url, "revision": "main", "directories": [{"path": "addons/*"}, {"path": "addons/old", "exclude": true}]}}])
}

#[tokio::test(start_paused = true)]
async fn each_directory_is_an_application_and_goes_with_it() {
    let lab = Lab::start().await;
    lab.commit(&[
        ("addons/nginx/a.yaml", Some("x: 1")),
        ("addons/cert-manager/deep/a.yaml", Some("x: 1")),
        ("addons/old/a.yaml", Some("x: 1")),
        ("README.md", Some("hello")),
    ])
    .await;
    lab.set(directories(&lab.url), addons(&lab.url), json!({})).await;
    lab.has(&["cert-manager", "nginx"]).await;
    let nginx = lab.app("nginx").await;
    assert_eq!(nginx["spec"]["source"]["path"], "addons/nginx");
    assert_eq!(nginx["metadata"]["ownerReferences"][0]["name"], "set");
    lab.says("ResourcesUpToDate", "successfully").await;

    lab.commit(&[("addons/grafana/a.yaml", Some("x: 1")), ("addons/nginx/a.yaml", None)]).await;
    // GitOps takes its finalizer off when the resources are gone; nobody does here.
    lab.has(&["cert-manager", "grafana", "nginx"]).await;
    assert!(lab.app("nginx").await["metadata"]["deletionTimestamp"].is_string());
    let set = lab.cluster.get(SET, "argocd", "set").await.unwrap();
    assert_eq!(set["status"]["resourcesCount"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_cannot_be_read_deletes_nothing() {
    let lab = Lab::start().await;
    lab.commit(&[("addons/nginx/a.yaml", Some("x: 1"))]).await;
    lab.set(directories(&lab.url), addons(&lab.url), json!({})).await;
    lab.has(&["nginx"]).await;
    let gone = json!([{"git": {"repoURL": lab.url, "revision": "gone", "directories": [{"path": "addons/*"}]}}]);
    lab.set(gone, addons(&lab.url), json!({})).await;
    let error = lab.says("ErrorOccurred", "gone").await;
    assert_eq!(error["reason"], "ApplicationParamsGenerationError");
    assert_eq!(lab.names().await, ["nginx"]);
    assert!(lab.app("nginx").await["metadata"]["deletionTimestamp"].is_null());
}

#[tokio::test(start_paused = true)]
async fn files_are_parameters_and_a_change_of_one_is_followed() {
    let lab = Lab::start().await;
    lab.commit(&[
        ("envs/dev/config.json", Some("{\"cluster\": {\"name\": \"dev\"}, \"replicas\": 1}")),
        ("envs/prod/config.json", Some("{\"cluster\": {\"name\": \"prod\"}, \"replicas\": 3}")),
    ])
    .await;
    let files = json!([{"git": {"repoURL": lab.url, "revision": "main", "files": [{"path": "envs/**/config.json"}]}}]);
    let template = json!({
        "metadata": {"name": "shop-{{cluster.name}}", "labels": {"env": "{{path.basename}}"}},
        "spec": {
            "project": "default", "destination": {"name": "{{cluster.name}}"},
            "source": {"repoURL": lab.url, "path": "shop", "kustomize": {"namePrefix": "r{{replicas}}-"}},
        },
    });
    lab.set(files, template, json!({})).await;
    lab.has(&["shop-dev", "shop-prod"]).await;
    assert_eq!(lab.app("shop-prod").await["spec"]["source"]["kustomize"]["namePrefix"], "r3-");
    lab.commit(&[("envs/prod/config.json", Some("{\"cluster\": {\"name\": \"prod\"}, \"replicas\": 5}"))]).await;
    let followed = |app: &Value| app["spec"]["source"]["kustomize"]["namePrefix"] == "r5-";
    lab.cluster.eventually(APPLICATION, ("argocd", "shop-prod"), followed).await;
}

#[tokio::test(start_paused = true)]
async fn most_of_a_set_is_not_deleted_before_somebody_approves() {
    let lab = Lab::start().await;
    let names = ["a", "b", "c", "d", "e"];
    let files: Vec<String> = names.iter().map(|name| format!("addons/{name}/x.yaml")).collect();
    let all: Vec<_> = files.iter().map(|file| (file.as_str(), Some("x: 1"))).collect();
    lab.commit(&all).await;
    lab.set(directories(&lab.url), addons(&lab.url), json!({"syncPolicy": {"preserveResourcesOnDeletion": true}}))
        .await;
    lab.has(&names).await;
    let most: Vec<_> = files[1..].iter().map(|file| (file.as_str(), None)).collect();
    lab.commit(&most).await;
    lab.says("DeletionWithheld", "4 of 5 applications").await;
    lab.has(&names).await;

    let now = lab.cluster.seams().clock.now_rfc3339();
    let approval = json!({"metadata": {"annotations": {"argocd.argoproj.io/deletion-approved": now}}});
    let api = lab.cluster.api(SET, "argocd").await;
    api.merge_patch("test", "set", None, &approval).await.unwrap();
    lab.has(&["a"]).await;
    let conditions = lab.until(|_| true).await["status"]["conditions"].to_string();
    assert!(!conditions.contains("DeletionWithheld"), "{conditions}");
}

#[tokio::test(start_paused = true)]
async fn what_others_change_is_undone_unless_it_is_to_be_left() {
    let lab = Lab::start().await;
    lab.commit(&[("addons/nginx/a.yaml", Some("x: 1"))]).await;
    let ignore = json!({"ignoreApplicationDifferences": [{"jsonPointers": ["/spec/source/targetRevision"]}]});
    lab.set(directories(&lab.url), addons(&lab.url), ignore).await;
    lab.has(&["nginx"]).await;
    let api = lab.cluster.api(APPLICATION, "argocd").await;
    let drift = json!({"metadata": {"labels": {"mine": "x"}}, "spec": {"project": "other", "source": {"targetRevision": "v2"}}});
    api.merge_patch("somebody", "nginx", None, &drift).await.unwrap();
    let undone = |app: &Value| app["spec"]["project"] == "default" && app["metadata"]["labels"]["mine"] == "x";
    let nginx = lab.cluster.eventually(APPLICATION, ("argocd", "nginx"), undone).await;
    assert_eq!(nginx["spec"]["source"]["targetRevision"], "v2");
}
