//! Runs the scripts of `testdata/clients`: each does what users of its client do and says `restart` when the server
//! shall stop and start again.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use super::installed;
use crate::served::Served;

/// How long a script may be silent. The longest silence is a leader election of some seconds.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_python_client_works_through_a_restart() {
    run(&installed().join("python/bin/python"), "python.py").await;
}

#[tokio::test]
async fn the_node_client_works_through_a_restart() {
    if installed().join("node_modules").is_dir() {
        run(Path::new("node"), "node.mjs").await;
    } else {
        eprintln!("skipped: the Node client is not installed; `cargo xtask clients` installs it");
    }
}

async fn run(program: &Path, script: &str) {
    let mut served = Served::start().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/clients").join(script);
    let Ok(mut child) = command(program, &script, &served).spawn() else {
        eprintln!("skipped: {} is not installed; `cargo xtask clients` installs it", program.display());
        return;
    };
    let mut input = child.stdin.take().unwrap();
    // Read all along: clients write a trace for each try while the server is away, and block once the pipe is full.
    let errors = tokio::spawn(whole(child.stderr.take().unwrap()));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    loop {
        let Ok(line) = tokio::time::timeout(PATIENCE, lines.next_line()).await else {
            child.kill().await.unwrap();
            panic!("silent after {said:?}\n{}", errors.await.unwrap());
        };
        let Some(line) = line.unwrap() else { break };
        if line == "restart" {
            served.restart().await;
            input.write_all(b"restarted\n").await.unwrap();
        }
        said.push(line);
    }
    let (status, errors) = (child.wait().await.unwrap(), errors.await.unwrap());
    assert!(status.success(), "{}\n{errors}", said.join("\n"));
    assert_eq!(said.last().map(String::as_str), Some("passed"), "{errors}");
    assert!(said.iter().any(|line| line == "restart"));
}

async fn whole(mut output: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[allow(clippy::disallowed_methods, reason = "the point of these tests is the real client")]
fn command(program: &Path, script: &Path, served: &Served) -> Command {
    let mut command = Command::new(program);
    command.arg(script).env("KUBECONFIG", served.kubeconfig()).env("MAINSTAY_CLIENTS", installed());
    command.kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
