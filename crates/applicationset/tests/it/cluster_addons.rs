//! Directories of a repository, as the ApplicationSet `cluster-addons` of a platform repository reads them.

use crate::lab::{Lab, condition, is_up_to_date};
use serde_json::{Value, json};

fn cluster_addons(url: &str) -> Value {
    json!({
        "generators": [{"git": {
            "repoURL": url, "revision": "main",
            "directories": [{"path": "addons/*"}, {"path": "addons/draft", "exclude": true}],
        }}],
        "template": {
            "metadata": {"name": "{{path.basename}}", "labels": {"addon": "{{path[1]}}"}},
            "spec": {
                "project": "default",
                "source": {"repoURL": url, "targetRevision": "main", "path": "{{path}}"},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "{{path.basename}}"},
                "syncPolicy": {
                    "automated": {"prune": true, "selfHeal": true}, "syncOptions": ["CreateNamespace=true"],
                    "retry": {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
                },
            },
        },
    })
}

#[tokio::test(start_paused = true)]
async fn every_directory_becomes_an_application_and_one_that_goes_takes_its_own_with_it() {
    let lab = Lab::start().await;
    let file = Some("x: 1\n");
    lab.commit(&[("addons/cert-manager/a.yaml", file), ("addons/kyverno/b.yaml", file), ("addons/draft/c.yaml", file)])
        .await;
    lab.set("cluster-addons", cluster_addons(&lab.url)).await;
    let set = lab.until("cluster-addons", is_up_to_date).await;
    assert_eq!(lab.names().await, ["cert-manager", "kyverno"]);
    assert_eq!(set["status"]["health"]["status"], "Healthy");
    let application = lab.application("kyverno").await;
    assert_eq!(application["spec"]["source"]["path"], "addons/kyverno");
    assert_eq!(application["spec"]["syncPolicy"]["retry"]["limit"], 5);
    assert_eq!(application["metadata"]["labels"]["addon"], "kyverno");
    assert_eq!(application["metadata"]["finalizers"], json!(["resources-finalizer.argocd.argoproj.io"]));
    assert_eq!(application["metadata"]["ownerReferences"][0]["name"], "cluster-addons");

    lab.commit(&[("addons/kyverno", None), ("addons/external-dns/a.yaml", file)]).await;
    lab.cluster.settle().await;
    assert!(!lab.application("kyverno").await["metadata"]["deletionTimestamp"].is_null());
    lab.let_go("kyverno").await;
    assert_eq!(lab.names().await, ["cert-manager", "external-dns"]);
    let set = lab.until("cluster-addons", |set| set["status"]["resourcesCount"] == 2).await;
    assert_eq!(set["status"]["resources"][1]["name"], "external-dns");
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_repository_deletes_nothing() {
    let lab = Lab::start().await;
    lab.commit(&[("addons/a/a.yaml", Some("x: 1\n"))]).await;
    lab.set("cluster-addons", cluster_addons(&lab.url)).await;
    lab.until("cluster-addons", is_up_to_date).await;
    lab.set("cluster-addons", cluster_addons("http://127.0.0.1:1/git/none.git")).await;
    let set = lab.until("cluster-addons", |set| condition(set, "ErrorOccurred").is_some_and(|it| it.0 == "True")).await;
    assert_eq!(condition(&set, "ErrorOccurred"), Some(("True", "ApplicationGenerationFromParamsError")));
    assert_eq!(condition(&set, "ParametersGenerated"), Some(("False", "ErrorOccurred")));
    assert_eq!(set["status"]["health"]["status"], "Degraded");
    assert_eq!(lab.names().await, ["a"]);
    assert!(lab.application("a").await["metadata"]["deletionTimestamp"].is_null());
}

#[tokio::test(start_paused = true)]
async fn a_steady_state_costs_no_writes_and_a_changed_application_is_put_right() {
    let lab = Lab::start().await;
    lab.commit(&[("addons/a/a.yaml", Some("x: 1\n"))]).await;
    lab.set("cluster-addons", cluster_addons(&lab.url)).await;
    lab.until("cluster-addons", is_up_to_date).await;
    lab.cluster.settle().await;
    let before = lab.cluster.server().snapshot().revision();
    tokio::time::sleep(std::time::Duration::from_secs(1800)).await;
    assert_eq!(lab.cluster.server().snapshot().revision(), before, "nothing was written");
    lab.patch(crate::lab::APPLICATION, "a", json!({"spec": {"source": {"path": "elsewhere"}}})).await;
    lab.cluster.settle().await;
    assert_eq!(lab.application("a").await["spec"]["source"]["path"], "addons/a");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_destination_and_broken_templates_are_told() {
    let lab = Lab::start().await;
    let mut spec = cluster_addons(&lab.url);
    spec["generators"] = crate::lab::list(&["a"]);
    spec["template"]["metadata"]["name"] = json!("{{name}}");
    spec["template"]["spec"]["destination"] = json!({"name": "nowhere"});
    lab.set("one", spec.clone()).await;
    let set = lab.until("one", |set| condition(set, "ErrorOccurred").is_some()).await;
    assert_eq!(condition(&set, "ErrorOccurred"), Some(("True", "ApplicationValidationError")));
    assert!(lab.names().await.is_empty());
    spec["goTemplate"] = json!(true);
    lab.set("two", spec).await;
    let set = lab.until("two", |set| condition(set, "ErrorOccurred").is_some()).await;
    let told = set["status"]["conditions"][0]["message"].as_str().unwrap();
    assert!(told.starts_with("failed to parse template {{"), "{told}");
}
