//! `mainstay app`: history, rollback that stays, and the way back to git.

use crate::platform::{Platform, complaint, deployments, printed};

const DEV: &str = "sample/dev/application.yaml";
const STAGING: &str = "sample/staging/application.yaml";

#[tokio::test]
async fn a_rollback_stays_until_it_is_released() {
    let platform = Platform::start().await;
    let first = platform.healthy("sample-dev").await["status"]["sync"]["revision"].as_str().unwrap().to_owned();
    let said = complaint(&platform.run(&["app", "rollback", "sample-dev"]).await);
    assert!(said.contains("nothing to go back to"), "{said}");

    let clone = platform.clone_of("apps").await;
    let second = clone.edit(DEV, "sample:1.0.0", "sample:2.0.0").await;
    platform.live("sample-dev", &second).await;
    assert_eq!(revisions(&platform).await, [second.as_str(), first.as_str()], "the newest comes first");

    let text = printed(&platform.run(&["app", "rollback", "sample-dev"]).await);
    assert!(text.contains("Succeeded") && text.contains(&first[..7]) && text.contains("--release"), "{text}");
    platform.live("sample-dev", &first).await;
    assert!(image(&platform, "sample:1.0.0").await);

    // A commit that changes dev and staging reaches staging only: dev is pinned, though it syncs automatically.
    clone.edit(DEV, "sample:2.0.0", "sample:3.0.0").await;
    let third = clone.edit(STAGING, "sample:1.0.0", "sample:3.0.0").await;
    platform.live("sample-staging", &third).await;
    let pinned = platform.json(&["get", "sample-dev"]).await;
    assert_eq!(pinned["status"]["sync"]["revision"], first.as_str());
    assert!(image(&platform, "sample:1.0.0").await);
    let said = complaint(&platform.run(&["app", "sync", "sample-dev"]).await);
    assert!(said.contains("pinned") && said.contains("--release"), "{said}");

    printed(&platform.run(&["app", "sync", "sample-dev", "--release"]).await);
    platform.live("sample-dev", &third).await;
    assert!(image(&platform, "sample:3.0.0").await);
    let text = printed(&platform.run(&["app", "sync", "sample-dev"]).await);
    assert!(text.contains("Succeeded"), "{text}");
    let text = printed(&platform.run(&["app", "history", "sample-dev"]).await);
    assert!(text.contains(&third[..7]) && text.contains("mainstay-cli") && text.contains("automated sync"), "{text}");
}

#[tokio::test]
async fn waiting_ends_when_it_is_live_or_out_of_time() {
    let platform = Platform::start().await;
    let text = printed(&platform.run(&["app", "wait", "sample-dev", "--timeout", "170"]).await);
    assert!(text.contains("sample-dev") && text.contains("Healthy"), "{text}");
    let unknown = "0123456789012345678901234567890123456789";
    let never = ["app", "wait", "sample-dev", "--revision", unknown, "--timeout", "1"];
    let said = complaint(&platform.run(&never).await);
    let nobody = complaint(&platform.run(&["app", "wait", "sampel-dev", "--timeout", "1"]).await);
    assert!(nobody.contains("no application sampel-dev") && nobody.contains("sample-dev"), "{nobody}");
    assert!(said.contains("within 1 s") && said.contains("mainstay why sample-dev"), "{said}");
}

async fn revisions(platform: &Platform) -> Vec<String> {
    let history = platform.json(&["app", "history", "sample-dev"]).await;
    let entries = history.as_array().unwrap().iter().rev();
    entries.map(|entry| entry["revision"].as_str().unwrap().to_owned()).collect()
}

/// Whether the Deployment in dev comes to run an image; fails if it never does.
async fn image(platform: &Platform, tag: &str) -> bool {
    let wanted = |deployment: &serde_json::Value| {
        let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str();
        image.is_some_and(|image| image.ends_with(tag))
    };
    platform.eventually("dev", &deployments(), ("sample", "sample"), wanted).await;
    true
}
