//! The server under test: this binary as a process of its own, on a data directory that goes with it.
//! It must not know what is asked of it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use mainstay_controller_runtime::Clock;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::time::{Instant, timeout};

use super::call::Request;
use super::failed;
use super::https::Endpoint;
use crate::error::Error;

/// Time a server has to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time after which a fresh server is at rest: everything that `up` seeds is live by then.
const SETTLING: Duration = Duration::from_secs(8);

/// A running server.
pub(super) struct Child {
    process: tokio::process::Child,
    kubeconfig: PathBuf,
    /// From the start of the process to the answer of `/readyz`.
    pub(super) ready: Duration,
    /// Kept open: a server whose output nobody takes ends.
    _stdout: Lines<BufReader<ChildStdout>>,
    _directory: TempDir,
}

impl Child {
    /// Starts one, of the API alone or of all that `up` starts.
    ///
    /// # Errors
    /// When it does not become ready.
    pub(super) async fn start(only_api: bool) -> Result<Self, Error> {
        let io = |what: &'static str| move |error| Error::Io(what.to_owned(), error);
        let directory = TempDir::with_prefix("mainstay-bench-").map_err(io("make a temporary directory"))?;
        let binary = std::env::current_exe().map_err(io("find this binary"))?;
        #[expect(clippy::disallowed_methods, reason = "the server under test is this program in a process of its own")]
        let mut command = Command::new(binary);
        command.args(["up", "--output", "json", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory.path());
        if only_api {
            command.arg("--only-api");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let start = Instant::now();
        let mut process = command.spawn().map_err(io("start the server"))?;
        let stdout = process.stdout.take().ok_or_else(|| failed("the server has no output".to_owned()))?;
        let mut stdout = BufReader::new(stdout).lines();
        let line = timeout(PATIENCE, stdout.next_line()).await;
        let line = line.map_err(|_| failed("the server does not start".to_owned()))?.map_err(io("read its output"))?;
        let line: Value = serde_json::from_str(&line.unwrap_or_default()).unwrap_or_default();
        let kubeconfig = line["kubeconfig"].as_str().ok_or_else(|| failed("the server ended".to_owned()))?;
        let kubeconfig = PathBuf::from(kubeconfig);
        let mut connection = Endpoint::of_kubeconfig(&kubeconfig, None).await?.connect().await?;
        let readyz = Request { method: "GET", path: "/readyz".to_owned(), expected: &[200], ..Request::default() };
        connection.expect(&readyz).await?;
        Ok(Self { process, kubeconfig, ready: start.elapsed(), _stdout: stdout, _directory: directory })
    }

    pub(super) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Waits until it has done what it does after its start.
    pub(super) async fn rest(&self) {
        Clock::system().sleep(SETTLING).await;
    }

    /// Memory that is resident now, in KiB, as Linux tells it; `None` elsewhere.
    pub(super) fn rss(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches(" kB").trim().parse().ok()
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it does not end.
    pub(super) async fn stop(mut self) -> Result<(), Error> {
        self.process.kill().await.map_err(|error| Error::Io("stop the server".to_owned(), error))
    }
}
