//! A server in a process of its own. It must not know what is written to it.
#![allow(clippy::disallowed_methods, reason = "developer commands start programs, and measure in real time")]

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The cluster that is written to.
const CLUSTER: &str = "dev";
/// How long a start or an answer may take: a debug build on a busy machine takes seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// What a server says, in the data directory. Nobody reads while it runs, so it is no pipe.
const LOG: &str = "crash-server.log";

pub(crate) struct Process {
    child: Child,
    kubeconfig: PathBuf,
    ready_after: Duration,
}

impl Process {
    /// Starts a server on a data directory; returns once it answers.
    pub(crate) async fn start(binary: &Path, data_dir: &Path) -> Result<Self, String> {
        let began = Instant::now();
        let mut command = command(binary, &["up", "--output", "json", "--listen", "127.0.0.1:0"], data_dir);
        let log = data_dir.join(LOG);
        let file =
            std::fs::File::create(&log).map_err(|error| format!("failed to write {}: {error}", log.display()))?;
        command.stderr(file);
        let mut child = command.spawn().map_err(|error| format!("failed to start {}: {error}", binary.display()))?;
        let stdout = child.stdout.take().ok_or("the server has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let Ok(Ok(Some(_))) = line else {
            child.kill().await.map_err(|error| format!("failed to kill the server: {error}"))?;
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            return Err(format!("the server does not start: {said}"));
        };
        Ok(Self { child, kubeconfig: data_dir.join("kubeconfig"), ready_after: began.elapsed() })
    }

    pub(crate) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// A client with connections of its own.
    pub(crate) async fn client(&self) -> Result<kube::Client, String> {
        let options = KubeConfigOptions { context: Some(CLUSTER.to_owned()), ..KubeConfigOptions::default() };
        let failed = |error: &dyn std::fmt::Display| format!("failed to use the kubeconfig: {error}");
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).map_err(|error| failed(&error))?;
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
        kube::Client::try_from(config.map_err(|error| failed(&error))?).map_err(|error| failed(&error))
    }

    /// `kill -9`; returns once the process is gone.
    pub(crate) async fn kill(mut self) -> Result<(), String> {
        self.child.kill().await.map_err(|error| format!("failed to kill the server: {error}"))
    }
}

/// Runs a command on the data directory to its end.
pub(crate) async fn run(binary: &Path, arguments: &[&str], data_dir: &Path) -> Result<Output, String> {
    let output = command(binary, arguments, data_dir).output().await;
    output.map_err(|error| format!("failed to run {}: {error}", binary.display()))
}

fn command(binary: &Path, arguments: &[&str], data_dir: &Path) -> Command {
    let mut command = Command::new(binary);
    for variable in ["MAINSTAY_KUBECONFIG", "MAINSTAY_DATA_DIR", "MAINSTAY_LOG"] {
        command.env_remove(variable);
    }
    command.args(arguments).arg("--data-dir").arg(data_dir).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
