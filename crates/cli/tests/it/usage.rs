//! What needs no server, and what is said when there is none.

use tempfile::TempDir;

use crate::platform::{complaint, mainstay, output, printed};

#[tokio::test]
async fn without_a_server_the_way_to_one_is_told() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().to_str().unwrap();
    let said = complaint(&output(&mut mainstay(&["get", "--data-dir", path])).await);
    assert!(said.contains("no server has been started") && said.contains(path), "{said}");
    assert!(said.contains("mainstay up"), "{said}");
}

#[tokio::test]
async fn a_server_that_was_stopped_is_told() {
    let mut platform = crate::platform::Platform::start().await;
    platform.server.terminate().await;
    let said = complaint(&platform.run(&["get"]).await);
    assert!(said.contains("failed to reach the server at https://127.0.0.1:"), "{said}");
    assert!(said.contains("mainstay up"), "{said}");
}

#[tokio::test]
async fn wrong_usage_ends_with_2() {
    for arguments in [&["nonsense"][..], &["get", "--output", "xml"], &["status"], &["app"]] {
        let output = output(&mut mainstay(arguments)).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[tokio::test]
async fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&output(&mut mainstay(&["completion", shell])).await);
        assert!(script.contains("timeline") && script.contains("mainstay"), "{shell}");
    }
}
