//! `mainstay get`: rows in order, the states in between, and a watch.

use crate::platform::{Platform, Running, complaint, printed};

#[tokio::test]
async fn rows_are_sorted_and_changes_follow() {
    let platform = Platform::start().await;
    platform.healthy("sample-dev").await;
    let text = printed(&platform.run(&["get"]).await);
    let names: Vec<_> = text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.is_sorted() && names.contains(&"sample-dev"), "{text}");
    assert!(text.starts_with("NAME"), "{text}");
    assert!(printed(&platform.run(&["get", "sample-dev", "-o", "yaml"]).await).starts_with("apiVersion: argoproj.io"));

    let mut watching = Running::start(&mut platform.command(&["get", "sample-dev", "--watch"]));
    assert!(watching.line().await.starts_with("NAME"));
    assert!(watching.line().await.contains("sample-dev"));
    let clone = platform.clone_of("apps").await;
    let sha = clone.edit("sample/dev/application.yaml", "sample:1.0.0", "sample:2.0.0").await;
    while !watching.line().await.contains(&sha[..7]) {}
    watching.kill().await;
}

#[tokio::test]
async fn a_wrong_name_finds_the_near_ones() {
    let platform = Platform::start().await;
    platform.healthy("sample-dev").await;
    for command in ["get", "status", "why", "tree", "timeline"] {
        let said = complaint(&platform.run(&[command, "sampel-dev"]).await);
        assert!(said.contains("no application sampel-dev") && said.contains("sample-dev"), "{command}: {said}");
    }
    let said = complaint(&platform.run(&["status", "sample"]).await);
    assert!(said.contains("sample-dev") && said.contains("sample-production"), "{said}");
    let said = complaint(&platform.run(&["app", "history", "zzz"]).await);
    assert!(said.contains("mainstay get"), "{said}");
}
