//! A developer's day: clone, change the image, push, and see it run.

use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use crate::platform::{Platform, deployments, output, printed};

const FILE: &str = "sample/dev/application.yaml";
const NEW_IMAGE: &str = "ghcr.io/mainstay/sample:2.0.0";

#[tokio::test]
async fn a_push_becomes_ready_pods_and_can_be_followed() {
    let platform = Platform::start().await;
    let clone = platform.clone_of("apps").await;
    let sha = clone.edit(FILE, "ghcr.io/mainstay/sample:1.0.0", NEW_IMAGE).await;
    platform.live("sample-dev", &sha).await;

    let image = |deployment: &Value| deployment["spec"]["template"]["spec"]["containers"][0]["image"] == NEW_IMAGE;
    platform.eventually("dev", &deployments(), ("sample", "sample"), image).await;
    kubectl_shows_it(&platform).await;
    the_timeline_tells_it(&platform, &sha).await;

    let status = platform.json(&["status", "--commit", &sha[..10]]).await;
    assert_eq!(status["live"], true, "{status}");
    let text = printed(&platform.run(&["status", "--commit", &sha]).await);
    assert!(text.contains("live everywhere") && text.contains("sample-dev"), "{text}");
}

async fn kubectl_shows_it(platform: &Platform) {
    let Some(output) = kubectl(platform, "get deployment sample -o jsonpath={..image}").await else {
        eprintln!("skipped: kubectl is not installed");
        return;
    };
    assert_eq!(printed(&output), NEW_IMAGE);
    let rollout = printed(&kubectl(platform, "rollout status deployment sample --timeout 60s").await.unwrap());
    assert!(rollout.contains("successfully rolled out"), "{rollout}");
    let pods = printed(&kubectl(platform, "get pods -o wide").await.unwrap());
    assert!(pods.contains("1/1") && pods.contains("Running"), "{pods}");
}

/// Runs kubectl as the README tells people to; `None` where it is not installed.
async fn kubectl(platform: &Platform, line: &str) -> Option<Output> {
    let mut command = Command::new("kubectl");
    command.args(["--kubeconfig", platform.kubeconfig(), "--context", "dev", "--namespace", "sample"]);
    command.args(line.split_whitespace()).env("HOME", platform.data_dir()).kill_on_drop(true);
    if Command::new("kubectl").args(["version", "--client"]).output().await.is_err() {
        return None;
    }
    Some(output(&mut command).await)
}

async fn the_timeline_tells_it(platform: &Platform, sha: &str) {
    let timeline = platform.json(&["timeline", "sample-dev"]).await;
    let thread = &timeline["threads"][0];
    assert_eq!(thread["thread"], format!("apps@{sha}"), "the newest commit comes first");
    // What is known to the second only may stand before what happened in the same second.
    let entries: Vec<_> =
        thread["entries"].as_array().unwrap().iter().filter(|entry| entry["precise"] == true).collect();
    let position = |reason: &str, kind: &str| {
        let found = entries.iter().position(|entry| entry["reason"] == reason && entry["object"]["kind"] == kind);
        found.unwrap_or_else(|| panic!("{reason} of a {kind} is in {entries:#?}"))
    };
    let started = position("SyncStarted", "Application");
    assert_eq!(position("CommitReceived", "Application"), 0, "it begins with the commit: {entries:#?}");
    // What follows from each other. A sync ends, and the last resource is applied, while pods may run already.
    let pods = [started, position("Scheduled", "Pod"), position("Started", "Pod")];
    assert!(pods.is_sorted(), "{pods:?} of {entries:#?}");
    assert!(started < position("SyncSucceeded", "Application"), "{entries:#?}");
    assert!(started < position("ResourcesApplied", "Application"), "{entries:#?}");
    let text = printed(&platform.run(&["timeline", "sample-dev"]).await);
    assert!(text.contains("CommitReceived") && text.contains("Started"), "{text}");
    assert!(!text.contains('\u{1b}'), "colours are for terminals");
}
