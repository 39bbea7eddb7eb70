//! A `mainstay up` in a process of its own, and what people do with it from theirs.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use mainstay_controller_runtime::context::{Seams, resource};
use mainstay_controller_runtime::{ApiResource, Context, Informer};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::watch;

/// How long anything may take before a test fails: several servers share the machine's cores in a debug build.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// The cluster with the argoproj.io objects.
pub(crate) const CONTROL: &str = "baseline-cluster1";

/// The binary, away from the settings of whoever runs the tests.
pub(crate) fn mainstay(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainstay"));
    for variable in ["MAINSTAY_KUBECONFIG", "MAINSTAY_DATA_DIR", "MAINSTAY_LOG", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub(crate) async fn output(command: &mut Command) -> Output {
    let ended = tokio::time::timeout(PATIENCE, command.output()).await;
    ended.unwrap_or_else(|_| panic!("{command:?} does not end")).unwrap()
}

/// What a successful command printed.
pub(crate) fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// What a command that failed with exit code 1 complained about.
pub(crate) fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stderr)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A long-running command whose lines are read as they come.
pub(crate) struct Running {
    child: Child,
    pub(crate) stdout: Lines<BufReader<ChildStdout>>,
    pub(crate) stderr: Lines<BufReader<ChildStderr>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, stdout, stderr }
    }

    /// The next line of its standard output.
    pub(crate) async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.stdout.next_line()).await.expect("a line comes").unwrap();
        match line {
            Some(line) => line,
            None => panic!("it ended with {:?}", self.stderr.next_line().await),
        }
    }

    /// Asks it to end and waits until it has.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        let id = self.child.id().expect("it runs").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        self.ended().await
    }

    /// `kill -9`, and waits until the process is gone.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap()
    }
}

/// A running server.
pub(crate) struct Platform {
    pub(crate) server: Running,
    /// The line it printed.
    pub(crate) ready: Value,
    data_dir: PathBuf,
    seams: Seams,
    _temporary: Option<TempDir>,
}

impl Platform {
    /// A server on a data directory that goes with it.
    pub(crate) async fn start() -> Self {
        let directory = TempDir::with_prefix("mainstay-cli-").unwrap();
        let platform = Self::on(directory.path()).await;
        Self { _temporary: Some(directory), ..platform }
    }

    /// A server on a data directory.
    pub(crate) async fn on(data_dir: &Path) -> Self {
        let path = data_dir.to_str().unwrap();
        let mut server =
            Running::start(&mut mainstay(&["up", "-o", "json", "--listen", "127.0.0.1:0", "--data-dir", path]));
        let ready = serde_json::from_str(&server.line().await).expect("one line of JSON");
        Self { server, ready, data_dir: data_dir.to_owned(), seams: Seams::system(), _temporary: None }
    }

    pub(crate) fn data_dir(&self) -> &str {
        self.data_dir.to_str().unwrap()
    }

    pub(crate) fn kubeconfig(&self) -> &str {
        self.ready["kubeconfig"].as_str().unwrap()
    }

    /// A command against this server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = mainstay(arguments);
        command.env("MAINSTAY_DATA_DIR", &self.data_dir);
        command
    }

    /// Runs a command against this server to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        output(&mut self.command(arguments)).await
    }

    /// What a successful command with `--output json` answers.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let printed = printed(&self.run(&[arguments, &["--output", "json"]].concat()).await);
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }

    /// A cluster as the kubeconfig reaches it.
    pub(crate) async fn cluster(&self, name: &str) -> Context {
        cluster(Path::new(self.kubeconfig()), name, &self.seams).await
    }

    /// Waits until an object is as wanted, by watching it.
    pub(crate) async fn eventually(
        &self,
        cluster: &str,
        kind: &ApiResource,
        (namespace, name): (&str, &str),
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let informer = self.cluster(cluster).await.informers.informer(kind);
        let found = watched(&informer, |informer| informer.get(namespace, name).filter(&wanted)).await;
        found.unwrap_or_else(|| panic!("{namespace}/{name} is still {:#?}", informer.get(namespace, name)))
    }

    /// Waits until an Argo CD Application is synced to a commit and healthy.
    pub(crate) async fn live(&self, name: &str, sha: &str) -> Value {
        self.eventually(CONTROL, &applications(), ("argocd", name), |application| is_live(application, sha)).await
    }

    /// Waits until an Argo CD Application is synced to any commit and healthy.
    pub(crate) async fn healthy(&self, name: &str) -> Value {
        self.eventually(CONTROL, &applications(), ("argocd", name), is_healthy).await
    }

    /// A clone of a repository, made by the git program.
    pub(crate) async fn clone_of(&self, repository: &str) -> Clone {
        let clone = Clone(TempDir::with_prefix("mainstay-clone-").unwrap());
        let url = format!("{}/{repository}.git", self.ready["git"].as_str().unwrap());
        clone.git(&["clone", "--quiet", &url, "."]).await;
        clone
    }
}

/// Whether an Application is at a commit and well.
pub(crate) fn is_live(application: &Value, sha: &str) -> bool {
    application["status"]["sync"]["revision"] == sha && is_healthy(application)
}

/// Whether an Application is synced, healthy and at rest.
pub(crate) fn is_healthy(application: &Value) -> bool {
    is_well(application) && application["status"]["operationState"]["phase"] == "Succeeded"
}

/// Whether an Application is synced and healthy.
pub(crate) fn is_well(application: &Value) -> bool {
    application["status"]["sync"]["status"] == "Synced" && application["status"]["health"]["status"] == "Healthy"
}

/// A cluster of a kubeconfig.
pub(crate) async fn cluster(kubeconfig: &Path, name: &str, seams: &Seams) -> Context {
    let options = KubeConfigOptions { context: Some(name.to_owned()), ..KubeConfigOptions::default() };
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    Context::new(name, kube::Client::try_from(config).unwrap(), seams.clone())
}

/// Waits until a cache gives an answer; nothing if that takes too long.
pub(crate) async fn watched<T>(informer: &Informer, answer: impl Fn(&Informer) -> Option<T>) -> Option<T> {
    informer.synced().await;
    let changes = watch::Sender::new(());
    let mut changed = changes.subscribe();
    informer.add_handler(move |_| changes.send_replace(()));
    let found = async {
        loop {
            changed.borrow_and_update();
            if let Some(found) = answer(informer) {
                return found;
            }
            changed.changed().await.expect("the informer holds the sender");
        }
    };
    tokio::time::timeout(PATIENCE, found).await.ok()
}

/// argoproj.io Applications.
pub(crate) fn applications() -> ApiResource {
    resource("argoproj.io", "v1alpha1", "Application", "applications")
}

/// Instances of the golden path.
pub(crate) fn instances() -> ApiResource {
    resource("platform.mainstay.dev", "v1alpha1", "Application", "applications")
}

/// Deployments.
pub(crate) fn deployments() -> ApiResource {
    resource("apps", "v1", "Deployment", "deployments")
}

/// A working copy.
pub(crate) struct Clone(TempDir);

impl Clone {
    pub(crate) async fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.current_dir(self.0.path()).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Ada").env(format!("GIT_{role}_EMAIL"), "ada@example.com");
        }
        printed(&output(&mut command).await).trim().to_owned()
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.0.path().join(path)).unwrap()
    }

    /// Commits files and pushes them; answers the commit.
    pub(crate) async fn push(&self, files: &[(&str, &str)], message: &str) -> String {
        for (path, content) in files {
            let path = self.0.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        self.git(&["add", "--all"]).await;
        self.git(&["commit", "--quiet", "--message", message]).await;
        self.git(&["push", "--quiet"]).await;
        self.git(&["rev-parse", "HEAD"]).await
    }

    /// Replaces text in a file of the sample application's environment, and pushes.
    pub(crate) async fn edit(&self, path: &str, from: &str, to: &str) -> String {
        let before = self.read(path);
        assert!(before.contains(from), "{before}");
        self.push(&[(path, &before.replace(from, to))], &format!("{from} becomes {to}")).await
    }
}
