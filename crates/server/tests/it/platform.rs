//! A running server, and what a developer does with it.

use std::path::Path;
use std::time::Duration;

use mainstay_controller_runtime::context::{Seams, resource};
use mainstay_controller_runtime::{ApiResource, Context, Informer};
use mainstay_git::{Author, Change, NewCommit, Repositories};
use mainstay_server::{Options, Server, Timings};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

/// How long anything may take before a test fails. Real time: git and sockets do not wait for a virtual clock.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server in a test, on a loopback port of its own.
pub(crate) struct Platform {
    pub(crate) server: Server,
    seams: Seams,
    repositories: Repositories,
    _cache: TempDir,
}

impl Platform {
    /// A server that keeps nothing.
    pub(crate) async fn start() -> Self {
        let seams = Seams::system();
        Self::with(Options { simulation: quick(), ..Options::ephemeral(seams.clone()) }, seams).await
    }

    /// A server on a data directory.
    pub(crate) async fn on(data_dir: &Path) -> Self {
        let seams = Seams::system();
        let options = Options {
            data_dir: Some(data_dir.to_owned()),
            ephemeral: false,
            simulation: quick(),
            ..Options::ephemeral(seams.clone())
        };
        Self::with(options, seams).await
    }

    async fn with(options: Options, seams: Seams) -> Self {
        let server = Server::start(options).await.expect("the server starts");
        let cache = TempDir::new().unwrap();
        let repositories = Repositories::new(mainstay_git::Options::new(cache.path()));
        Self { server, seams, repositories, _cache: cache }
    }

    /// Commits files to a repository of the embedded host and pushes them over HTTP with the git program.
    pub(crate) async fn push(&self, repository: &str, changes: Vec<Change>, message: &str) -> String {
        let url = format!("{}/{repository}.git", self.server.git_url());
        let commit = NewCommit {
            branch: "main".to_owned(),
            changes,
            author: Author::new("Ada", "ada@example.com"),
            message: message.to_owned(),
            time: self.seams.clock.now(),
        };
        self.repositories.commit_files(&url, commit).await.expect("the push is accepted")
    }

    /// A cluster as the administrator sees it.
    pub(crate) fn cluster(&self, name: &str) -> Context {
        Context::new(name, self.server.client(name), self.seams.clone())
    }

    /// Waits until an object is as wanted, by watching it.
    pub(crate) async fn eventually(
        &self,
        cluster: &str,
        kind: &ApiResource,
        (namespace, name): (&str, &str),
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let found = self.watched(cluster, kind, |informer| informer.get(namespace, name).filter(&wanted)).await;
        found.unwrap_or_else(|last| panic!("{} {namespace}/{name} is still {last:#?}", kind.kind))
    }

    /// Waits until an object is gone.
    pub(crate) async fn gone(&self, cluster: &str, kind: &ApiResource, (namespace, name): (&str, &str)) {
        let gone = |informer: &Informer| informer.get(namespace, name).is_none().then_some(());
        let found = self.watched(cluster, kind, gone).await;
        found.unwrap_or_else(|_| panic!("{} {namespace}/{name} is still there", kind.kind));
    }

    /// Waits until a cache gives an answer; the error is all it holds.
    async fn watched<T>(
        &self,
        cluster: &str,
        kind: &ApiResource,
        answer: impl Fn(&Informer) -> Option<T>,
    ) -> Result<T, Vec<Value>> {
        let informer = self.cluster(cluster).informers.informer(kind);
        informer.synced().await;
        let changes = watch::Sender::new(());
        let mut changed = changes.subscribe();
        informer.add_handler(move |_| changes.send_replace(()));
        let found = async {
            loop {
                changed.borrow_and_update();
                if let Some(found) = answer(&informer) {
                    return found;
                }
                changed.changed().await.expect("the informer holds the sender");
            }
        };
        tokio::time::timeout(PATIENCE, found).await.map_err(|_| informer.list())
    }

    /// Waits until an Argo CD Application is synced to a revision and healthy.
    pub(crate) async fn live(&self, name: &str, revision: &str) -> Value {
        let wanted = |application: &Value| {
            let status = &application["status"];
            status["sync"]["revision"] == revision
                && status["sync"]["status"] == "Synced"
                && status["health"]["status"] == "Healthy"
                && status["operationState"]["phase"] == "Succeeded"
        };
        self.eventually(CONTROL, &applications(), ("argocd", name), wanted).await
    }

    /// One object of a cluster.
    pub(crate) async fn get(&self, cluster: &str, kind: &ApiResource, namespace: &str, name: &str) -> Option<Value> {
        self.cluster(cluster).api(kind, Some(namespace)).get(name).await.expect("the API server answers")
    }
}

/// The cluster with the argoproj.io objects.
pub(crate) const CONTROL: &str = "baseline-cluster1";

/// argoproj.io Applications.
pub(crate) fn applications() -> ApiResource {
    resource("argoproj.io", "v1alpha1", "Application", "applications")
}

/// Instances of the golden path.
pub(crate) fn instances() -> ApiResource {
    resource("platform.mainstay.dev", "v1alpha1", "Application", "applications")
}

/// Simulated nodes that lose no time.
fn quick() -> Timings {
    let moment = Duration::from_millis(10);
    Timings { image_pull: moment, start: moment, run_to_completion: moment, terminate: moment }
}
