//! Hooks: phases, their failure, when their objects go, and that a restart does not run them twice.

use crate::lab::{Lab, condition, config};
use mainstay_apimachinery::object;
use serde_json::{Value, json};

const JOB: (&str, &str) = ("batch/v1", "Job");

/// A Job, as YAML, with some annotations.
fn job(name: &str, annotations: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  {name}\n  annotations: {{{annotations}}}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{{name: main, image: 'registry.example/tool:1'}}]\n"
    )
}

fn hook(name: &str, phase: &str) -> String {
    job(&format!("name: {name}"), &format!("argocd.argoproj.io/hook: {phase}"))
}

async fn jobs(lab: &Lab) -> Vec<Value> {
    lab.member(JOB, "shop").await.list("").await.unwrap()
}

async fn names(lab: &Lab) -> Vec<String> {
    jobs(lab).await.iter().map(|job| object::name(job).to_owned()).collect()
}

/// Ends a Job as its controller would.
async fn end(lab: &Lab, name: &str, condition: &str) {
    let start = "2026-01-01T00:00:00Z";
    let conditions = json!([{"type": condition, "status": "True", "message": format!("{name} is done"), "lastTransitionTime": start}]);
    let status = json!({"status": {"startTime": start, "conditions": conditions}});
    lab.member(JOB, "shop").await.merge_patch("job-controller", name, Some("status"), &status).await.unwrap();
}

async fn waits_for(lab: &Lab, hook: &str) {
    let wanted = format!("waiting for completion of hook Job.batch/shop/{hook}");
    lab.until("shop-dev", |app| app["status"]["operationState"]["message"] == wanted).await;
}

#[tokio::test(start_paused = true)]
async fn phases_come_one_after_the_other() {
    let lab = Lab::start().await;
    let files = [
        ("shop/a.yaml", config("a", "1", "")),
        ("shop/migrate.yaml", hook("migrate", "PreSync")),
        ("shop/test.yaml", hook("test", "PostSync")),
        ("shop/cry.yaml", hook("cry", "SyncFail")),
        ("shop/never.yaml", hook("never", "Skip")),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    let sha = lab.commit(&files).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    waits_for(&lab, "migrate").await;
    lab.cluster.settle().await;
    assert!(lab.config("a").await.is_none(), "nothing is applied before PreSync is through");
    end(&lab, "migrate", "Complete").await;
    waits_for(&lab, "test").await;
    assert!(lab.config("a").await.is_some());
    end(&lab, "test", "Complete").await;
    let app = lab.synced("shop-dev", &sha).await;
    lab.cluster.settle().await;
    assert_eq!(names(&lab).await, ["migrate", "test"]);
    let results = app["status"]["operationState"]["syncResult"]["resources"].as_array().unwrap();
    let told: Vec<_> = results.iter().map(|one| [&one["name"], &one["hookType"], &one["hookPhase"]]).collect();
    let hook = |name: &str, phase: &str| [json!(name), json!(phase), json!("Succeeded")];
    assert!(
        told.contains(&hook("migrate", "PreSync").each_ref()) && told.contains(&hook("test", "PostSync").each_ref())
    );
    assert_eq!(told.len(), 3, "each is told of once");
    let shown = app["status"]["resources"].as_array().unwrap();
    assert!(shown.iter().any(|one| one["name"] == "migrate" && one["hook"] == true && one["status"].is_null()));
    let finalizers = |job: &Value| object::finalizers(job).count();
    assert!(jobs(&lab).await.iter().all(|job| finalizers(job) == 0), "what has ended is let go");
}

#[tokio::test(start_paused = true)]
async fn a_failed_hook_ends_the_sync_and_runs_what_is_for_that() {
    let lab = Lab::start().await;
    let policy = "argocd.argoproj.io/hook: SyncFail, argocd.argoproj.io/hook-delete-policy: HookSucceeded";
    let files = [
        ("shop/a.yaml", config("a", "1", "")),
        ("shop/migrate.yaml", hook("migrate", "PreSync")),
        ("shop/cry.yaml", job("name: cry", policy)),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    lab.commit(&files).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["syncPolicy"]["retry"] = json!({"limit": 0});
    lab.cluster.apply(&app).await;
    waits_for(&lab, "migrate").await;
    end(&lab, "migrate", "Failed").await;
    waits_for(&lab, "cry").await;
    end(&lab, "cry", "Complete").await;
    let app = lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Failed").await;
    let said = condition(&app, "SyncError").unwrap();
    assert!(said.contains("hook Job.batch/shop/migrate: migrate is done"), "{said}");
    lab.cluster.settle().await;
    assert!(lab.config("a").await.is_none());
    assert_eq!(names(&lab).await, ["migrate"], "a hook that asks for it is deleted when it has succeeded");
}

#[tokio::test(start_paused = true)]
async fn each_sync_makes_its_hooks_anew() {
    let lab = Lab::start().await;
    let generated = job("generateName: report-", "argocd.argoproj.io/hook: PostSync");
    let first = lab
        .commit(&[
            ("shop/a.yaml", Some(&config("a", "1", ""))),
            ("shop/migrate.yaml", Some(&hook("migrate", "PreSync"))),
            ("shop/report.yaml", Some(&generated)),
        ])
        .await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    let run = async |sha: &str| {
        waits_for(&lab, "migrate").await;
        let uid = object::uid(&lab.member(JOB, "shop").await.get("migrate").await.unwrap().unwrap()).to_owned();
        end(&lab, "migrate", "Complete").await;
        let report = format!("report-{}-postsync-", &sha[..7]);
        lab.until("shop-dev", |app| {
            app["status"]["operationState"]["message"].as_str().unwrap_or_default().contains(&report)
        })
        .await;
        let made = names(&lab).await.into_iter().find(|name| name.starts_with(&report)).unwrap();
        end(&lab, &made, "Complete").await;
        lab.synced("shop-dev", sha).await;
        uid
    };
    let one = run(&first).await;
    let second = lab.commit(&[("shop/a.yaml", Some(&config("a", "2", "")))]).await;
    let two = run(&second).await;
    assert_ne!(one, two, "the Job of the first sync was deleted before the second made its own");
    lab.cluster.settle().await;
    assert_eq!(names(&lab).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn healing_runs_no_hooks() {
    let lab = Lab::start().await;
    let sha = lab
        .commit(&[("shop/a.yaml", Some(&config("a", "1", ""))), ("shop/m.yaml", Some(&hook("migrate", "PreSync")))])
        .await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    waits_for(&lab, "migrate").await;
    end(&lab, "migrate", "Complete").await;
    lab.synced("shop-dev", &sha).await;
    lab.delete_in_member(JOB, "shop", "migrate").await;
    let drift = json!({"data": {"value": "drifted"}});
    lab.member(("v1", "ConfigMap"), "shop").await.merge_patch("somebody", "a", None, &drift).await.unwrap();
    lab.cluster.settle().await;
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "1");
    assert!(names(&lab).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_was_made_before_a_crash_is_not_made_again() {
    let lab = Lab::without_gitops().await;
    lab.run_gitops_killed_before_it_reports();
    let hook = config("first", "1", "argocd.argoproj.io/hook: PreSync");
    let sha = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", ""))), ("shop/hook.yaml", Some(&hook))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.cluster.settle().await;
    let uid = object::uid(&lab.config("first").await.unwrap()).to_owned();
    lab.run_gitops();
    lab.synced("shop-dev", &sha).await;
    assert_eq!(object::uid(&lab.config("first").await.unwrap()), uid);
}

#[tokio::test(start_paused = true)]
async fn a_hook_of_a_terminated_sync_is_deleted() {
    let lab = Lab::start().await;
    lab.commit(&[("shop/a.yaml", Some(&config("a", "1", ""))), ("shop/m.yaml", Some(&hook("migrate", "PreSync")))])
        .await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["syncPolicy"]["automated"] = Value::Null;
    app["operation"] = json!({"sync": {}});
    lab.cluster.apply(&app).await;
    waits_for(&lab, "migrate").await;
    let end = json!({"status": {"operationState": {"phase": "Terminating"}}});
    let api = lab.cluster.api(crate::lab::APPLICATION, "argocd").await;
    api.merge_patch("test", "shop-dev", None, &end).await.unwrap();
    lab.until("shop-dev", |app| app["status"]["operationState"]["message"] == "operation terminated").await;
    lab.cluster.settle().await;
    assert!(names(&lab).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn hooks_of_a_deletion_run_before_and_after_the_resources_go() {
    let lab = Lab::start().await;
    let files = [
        ("shop/a.yaml", config("a", "1", "")),
        ("shop/save.yaml", hook("save", "PreDelete")),
        (
            "shop/bye.yaml",
            job(
                "name: bye",
                "argocd.argoproj.io/hook: PostDelete, argocd.argoproj.io/hook-delete-policy: HookSucceeded",
            ),
        ),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    let sha = lab.commit(&files).await;
    let mut app = lab.app("shop-dev", "shop");
    app["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    lab.cluster.apply(&app).await;
    let app = lab.synced("shop-dev", &sha).await;
    assert_eq!(object::finalizers(&app).count(), 5);
    assert!(names(&lab).await.is_empty(), "a sync does not run them");

    lab.cluster.delete(crate::lab::APPLICATION, "argocd", "shop-dev").await;
    lab.cluster.settle().await;
    assert_eq!(names(&lab).await, ["save"]);
    assert!(lab.config("a").await.is_some(), "nothing goes before it is through");
    end(&lab, "save", "Complete").await;
    lab.cluster.settle().await;
    assert!(lab.config("a").await.is_none());
    assert_eq!(names(&lab).await, ["bye"]);
    assert!(lab.cluster.get(crate::lab::APPLICATION, "argocd", "shop-dev").await.is_some());
    end(&lab, "bye", "Complete").await;
    lab.cluster.settle().await;
    assert!(lab.cluster.get(crate::lab::APPLICATION, "argocd", "shop-dev").await.is_none());
    assert!(names(&lab).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_holds_a_deletion_up() {
    let lab = Lab::start().await;
    let sha = lab
        .commit(&[("shop/a.yaml", Some(&config("a", "1", ""))), ("shop/save.yaml", Some(&hook("save", "PreDelete")))])
        .await;
    let mut app = lab.app("shop-dev", "shop");
    app["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    lab.cluster.apply(&app).await;
    lab.synced("shop-dev", &sha).await;
    lab.cluster.delete(crate::lab::APPLICATION, "argocd", "shop-dev").await;
    lab.cluster.settle().await;
    end(&lab, "save", "Failed").await;
    let said =
        |app: &Value| condition(app, "DeletionError").is_some_and(|said| said.contains("PreDelete hook save failed"));
    lab.until("shop-dev", said).await;
    lab.cluster.settle().await;
    assert!(lab.config("a").await.is_some());
}
