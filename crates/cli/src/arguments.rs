//! The arguments of every command. It must not act on them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Where a server keeps its state if nothing else is said.
pub(crate) const DEFAULT_DATA_DIR: &str = ".mainstay";

/// A platform-engineering control plane in one process.
#[derive(Debug, Parser)]
#[command(name = "mainstay", version, about, propagate_version = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// How to print
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
    /// Kubeconfig of the server to talk to [default: <DATA_DIR>/kubeconfig]
    #[arg(long, global = true, env = "MAINSTAY_KUBECONFIG", value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Where the server keeps its state
    #[arg(long, global = true, env = "MAINSTAY_DATA_DIR", value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    pub(crate) data_dir: PathBuf,
    /// Log more; MAINSTAY_LOG takes a filter such as mainstay_gitops=debug
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// One YAML document
    Yaml,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything: API server, git host, clusters, engines, portal
    Up(Up),
    /// Make something new from a golden path, as a commit
    New(New),
    /// List applications, or show one
    Get(Get),
    /// Show everything an application consists of
    Tree(AppName),
    /// Show whether an application, or a commit, is live
    Status(Status),
    /// Explain why an application is not ready
    Why(AppName),
    /// Show what happened to an application, from commit to pod
    Timeline(AppName),
    /// Act on an application
    App(App),
    /// Explain an error code or condition reason, such as ImagePullBackOff
    Explain(Explain),
    /// Verify, save, restore or shrink what a server keeps
    Store(Store),
    /// Measure
    Bench(Bench),
    /// Print a completion script for a shell
    Completion(Completion),
}

/// `mainstay up`.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Keep nothing: state lives in memory and in a temporary directory
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// Address to listen on; port 0 takes any free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:7443")]
    pub(crate) listen: SocketAddr,
    /// Append who asks the API for what to a file, a line of JSON for each request; - is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_log: Option<PathBuf>,
    /// What the audit log records: an audit.k8s.io/v1 Policy [default: metadata of every request]
    #[arg(long, value_name = "FILE", requires = "audit_log")]
    pub(crate) audit_policy_file: Option<PathBuf>,
    /// Serve the Kubernetes API alone: no git host, no engines, no simulated nodes, no portal
    #[arg(long)]
    pub(crate) only_api: bool,
}

/// `mainstay new`.
#[derive(Debug, Args)]
pub(crate) struct New {
    #[command(subcommand)]
    pub(crate) kind: NewKind,
}

/// What to make.
#[derive(Debug, Subcommand)]
pub(crate) enum NewKind {
    /// An application in one or more environments
    Application(NewApplication),
}

/// `mainstay new application`.
#[derive(Debug, Args)]
pub(crate) struct NewApplication {
    /// Name: lower-case letters, digits and dashes
    pub(crate) name: String,
    /// Container image
    #[arg(long)]
    pub(crate) image: String,
    /// Port the container listens on
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// Environments to deploy to
    #[arg(long, value_delimiter = ',', default_value = "dev,staging,production")]
    pub(crate) environments: Vec<String>,
    /// Host name to expose it at; the environment is put before it except in production
    #[arg(long)]
    pub(crate) hostname: Option<String>,
    /// Owning team, for the catalog
    #[arg(long, default_value = "unowned")]
    pub(crate) owner: String,
    /// Show the files and push nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `mainstay get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Name of an application, or of one in all its environments; all of them if left out
    pub(crate) app: Option<String>,
    /// Go on with every change
    #[arg(long, short)]
    pub(crate) watch: bool,
}

/// `mainstay status`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Status {
    /// Name of the application
    pub(crate) app: Option<String>,
    /// A commit, in full or its first characters: which applications run it?
    #[arg(long, value_name = "SHA")]
    pub(crate) commit: Option<String>,
}

/// A command on one application.
#[derive(Debug, Args)]
pub(crate) struct AppName {
    /// Name of the application
    pub(crate) app: String,
}

/// `mainstay app`.
#[derive(Debug, Args)]
pub(crate) struct App {
    #[command(subcommand)]
    pub(crate) action: AppAction,
}

/// What to do with an application.
#[derive(Debug, Subcommand)]
pub(crate) enum AppAction {
    /// Bring the clusters to what git says, now
    Sync(AppSync),
    /// List what was deployed when
    History(AppName),
    /// Go back to an earlier deployment, and stay there
    Rollback(AppRollback),
    /// Wait until it is synced and healthy
    Wait(AppWait),
    /// End the sync that runs
    TerminateOp(AppName),
}

/// `mainstay app sync`.
#[derive(Debug, Args)]
pub(crate) struct AppSync {
    /// Name of the application
    pub(crate) app: String,
    /// Delete what git no longer holds
    #[arg(long)]
    pub(crate) prune: bool,
    /// Do not wait for the end
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Release an application that a rollback pinned
    #[arg(long)]
    pub(crate) release: bool,
}

/// `mainstay app wait`.
#[derive(Debug, Args)]
pub(crate) struct AppWait {
    /// Name of the application
    pub(crate) app: String,
    /// Wait until it is at this commit, given in full or by its first characters
    #[arg(long, value_name = "SHA")]
    pub(crate) revision: Option<String>,
    /// Give up after so many seconds
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub(crate) timeout: u64,
}

/// `mainstay app rollback`.
#[derive(Debug, Args)]
pub(crate) struct AppRollback {
    /// Name of the application
    pub(crate) app: String,
    /// Number of the deployment in `app history`; the one before the current if left out
    pub(crate) id: Option<i64>,
    /// Do not wait for the end
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// `mainstay explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The code; all of them if left out
    pub(crate) code: Option<String>,
}

/// `mainstay store`.
#[derive(Debug, Args)]
pub(crate) struct Store {
    #[command(subcommand)]
    pub(crate) action: StoreAction,
}

/// What to do with a store.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreAction {
    /// Check everything in the store of a stopped server, or in a snapshot, without changing it
    Verify(StoreVerify),
    /// Save everything to a file; the server may run
    Snapshot(StoreSnapshot),
    /// Put a snapshot where a stopped server keeps its state
    Restore(StoreRestore),
    /// Make the file of a stopped server as small as what is in it
    Compact,
}

/// `mainstay store verify`.
#[derive(Debug, Args)]
pub(crate) struct StoreVerify {
    /// A snapshot, or a store's file; the data directory's store if left out
    pub(crate) file: Option<PathBuf>,
}

/// `mainstay store snapshot`.
#[derive(Debug, Args)]
pub(crate) struct StoreSnapshot {
    /// Where to write it; a file that is there is replaced. It holds secrets
    pub(crate) file: PathBuf,
}

/// `mainstay store restore`.
#[derive(Debug, Args)]
pub(crate) struct StoreRestore {
    /// The snapshot
    pub(crate) file: PathBuf,
    /// Replace the store that is there; it is kept beside
    #[arg(long)]
    pub(crate) force: bool,
}

/// `mainstay completion`.
#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `mainstay bench`.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    pub(crate) kind: BenchKind,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchKind {
    /// Push applications in one commit to a fresh server and time them until they are ready
    GoldenPath(BenchGoldenPath),
    /// Deploy many Argo CD Applications to a fresh server and time what GitOps does
    Gitops(BenchGitops),
    /// Ask an API server a great deal and time its answers: a fresh one of this binary, or that of --kubeconfig
    Api(BenchApi),
}

/// `mainstay bench api`.
#[derive(Debug, Args)]
pub(crate) struct BenchApi {
    /// Context of the kubeconfig; its current one if left out
    #[arg(long)]
    pub(crate) context: Option<String>,
    /// How many clients ask at a time, each over a connection of its own
    #[arg(long, default_value_t = 16)]
    pub(crate) clients: usize,
    /// How long each kind of call is made
    #[arg(long, default_value_t = 3, value_name = "SECONDS")]
    pub(crate) seconds: u64,
    /// How many ConfigMaps there are in the end; 10000 leaves the large list out
    #[arg(long, default_value_t = 50_000, value_name = "OBJECTS")]
    pub(crate) objects: usize,
    /// How many ConfigMaps the smaller list has
    #[arg(long, hide = true, default_value_t = 10_000, value_name = "OBJECTS")]
    pub(crate) small: usize,
    /// Give up after so many seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub(crate) timeout_s: u64,
}

/// `mainstay bench gitops`.
#[derive(Debug, Args)]
pub(crate) struct BenchGitops {
    /// How many Applications
    #[arg(long, default_value_t = 1000)]
    pub(crate) apps: usize,
    /// How many ConfigMaps each has
    #[arg(long, default_value_t = 4)]
    pub(crate) objects: usize,
    /// Give up after so many seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub(crate) timeout_s: u64,
}

/// `mainstay bench golden-path`.
#[derive(Debug, Args)]
pub(crate) struct BenchGoldenPath {
    /// How many applications
    #[arg(long, default_value_t = 100)]
    pub(crate) apps: usize,
    /// Give up after so many seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub(crate) timeout_s: u64,
    /// Keep nothing on disk
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// Use the server's data directory (see --data-dir) instead of a temporary one
    #[arg(long)]
    pub(crate) keep: bool,
}

impl Arguments {
    /// The log filter where `MAINSTAY_LOG` says nothing.
    pub(crate) fn default_log_filter(&self) -> &'static str {
        match self.common.verbose {
            0 => "warn",
            1 => "info",
            2 => "debug",
            _ => "trace",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
