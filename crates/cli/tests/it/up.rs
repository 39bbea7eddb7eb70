//! `mainstay up`: starts, says where everything is, stops when told, and says why it cannot start.

use crate::platform::{Platform, Running, complaint, mainstay, output};
use tempfile::TempDir;

#[tokio::test]
async fn it_says_where_everything_is_and_ends_when_told() {
    let mut platform = Platform::start().await;
    let ready = &platform.ready;
    let text = |name: &str| ready[name].as_str().unwrap_or_else(|| panic!("{name} is in {ready}")).to_owned();
    assert!(text("portal").starts_with("http://127.0.0.1:"));
    assert!(text("git").starts_with("http://127.0.0.1:") && text("git").ends_with("/git"));
    assert!(text("api").starts_with("https://127.0.0.1:"));
    assert!(std::path::Path::new(&text("kubeconfig")).is_file());
    let clusters: Vec<_> = ready["clusters"].as_array().unwrap().iter().filter_map(|name| name.as_str()).collect();
    assert_eq!(clusters, ["baseline-cluster1", "dev", "staging", "production"]);

    // Its clusters answer as soon as the line is there.
    let listed = platform.json(&["get"]).await;
    assert!(listed["items"].is_array(), "{listed}");

    let status = platform.server.terminate().await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(platform.server.stdout.next_line().await.unwrap(), None, "one line, and no more");
}

#[tokio::test]
async fn a_data_directory_has_one_server_and_a_port_too() {
    let platform = Platform::start().await;
    let mut same_directory = mainstay(&["up", "--listen", "127.0.0.1:0", "--data-dir", platform.data_dir()]);
    let said = complaint(&output(&mut same_directory).await);
    for part in ["failed to start the server", platform.data_dir(), "already", "--data-dir"] {
        assert!(said.contains(part), "{said:?} says {part:?}");
    }

    let directory = TempDir::new().unwrap();
    let address = platform.ready["api"].as_str().unwrap().trim_start_matches("https://");
    let mut same_port = mainstay(&["up", "--listen", address, "--data-dir", directory.path().to_str().unwrap()]);
    let said = complaint(&output(&mut same_port).await);
    for part in ["failed to listen on", address, "--listen", "in use"] {
        assert!(said.contains(part), "{said:?} says {part:?}");
    }
}

#[tokio::test]
async fn listening_to_everybody_is_warned_about() {
    let mut server = Running::start(&mut mainstay(&["up", "-o", "json", "--ephemeral", "--listen", "0.0.0.0:0"]));
    server.line().await;
    let warning = server.stderr.next_line().await.unwrap().unwrap();
    assert!(warning.contains("warning") && warning.contains("0.0.0.0"), "{warning}");
    assert!(warning.contains("git") && warning.contains("portal") && warning.contains("no sign-in"), "{warning}");
    assert!(server.terminate().await.success());
}
