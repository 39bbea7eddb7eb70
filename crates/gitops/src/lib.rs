//! GitOps: the role of Argo CD. Brings clusters to what git says, and keeps them there.
//!
//! Watches `argoproj.io` Applications and AppProjects of the control cluster, the ConfigMap `argocd-cm` beside them, git
//! repositories, and the live objects of every kind an Application manages; applies those objects (field manager
//! `mainstay-gitops`) and writes the Application's status. It must not know what the objects mean, nor which implementation
//! serves the API.
//!
//! Invariants:
//! - nothing is pruned while a source is unreadable, empty or readable only in part ([`plan::prune`]);
//! - what is as desired is not written, so it keeps its causal thread; a steady state costs no calls;
//! - everything needed to go on with a sync is in the Application's status, so a restart goes on where it was.
//!
//! Start at [`run`], then `controller.rs`: one reconcile is fetch, [`validate`], [`plan`], apply, report.

mod access;
mod accounts;
mod apply;
mod cache;
mod controller;
mod deletion;
mod deletion_hooks;
mod destinations;
mod fetch;
mod hooks;
mod observe;
pub mod plan;
mod report;
mod revisions;
mod routes;
pub mod seed;
mod sync;
pub mod validate;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use mainstay_api::argoproj;
use mainstay_controller_runtime::{Context, Controller, Recorder, context};
use mainstay_git::Repositories;

pub use access::rules;
use accounts::AccountSecrets;
use controller::Engine;
use destinations::Destinations;
use fetch::{Capabilities, Charts, LiveViews, SettingsSource, Sources};
use revisions::Revisions;
use routes::Routes;
use watch::Watcher;

/// Field manager and event component of this crate.
pub const MANAGER: &str = "mainstay-gitops";

/// Namespace of the Applications, as Argo CD's default.
pub const NAMESPACE: &str = "argocd";

/// Applications reconciled at a time: enough to fill a group commit, few enough to stay fair.
const CONCURRENCY: usize = 32;

/// How often repositories are asked for their refs, as Argo CD's default.
const POLL_INTERVAL: Duration = Duration::from_secs(120);

/// Finds the cluster that an Application deploys to.
pub trait Clusters: Send + Sync + 'static {
    /// The cluster of a name or of an API URL; `in-cluster` and `https://kubernetes.default.svc` are the control cluster.
    fn get(&self, name_or_server: &str) -> Option<Context>;
}

/// What git hosts tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A repository got new commits. Its URL, as Applications may name it.
    Pushed(String),
    /// Something was not heard: any repository may have new commits.
    Missed,
}

/// What GitOps is given.
pub struct GitopsContext {
    /// The control cluster, where the Applications are.
    pub control: Context,
    /// The clusters to deploy to.
    pub clusters: Arc<dyn Clusters>,
    /// Reads repositories.
    pub repositories: Repositories,
    /// What git hosts tell as it happens; what they do not a poll finds.
    pub told: BoxStream<'static, Told>,
    /// Namespace of the Applications.
    pub namespace: String,
    /// Applications reconciled at a time.
    pub concurrency: usize,
    /// How often repositories are asked for their refs.
    pub poll_interval: Duration,
}

impl GitopsContext {
    /// The defaults, told nothing.
    #[must_use]
    pub fn new(control: Context, clusters: Arc<dyn Clusters>, repositories: Repositories) -> Self {
        Self {
            control,
            clusters,
            repositories,
            told: futures::stream::pending().boxed(),
            namespace: NAMESPACE.to_owned(),
            concurrency: CONCURRENCY,
            poll_interval: POLL_INTERVAL,
        }
    }

    /// Listens to git hosts.
    #[must_use]
    pub fn told(mut self, told: BoxStream<'static, Told>) -> Self {
        self.told = told;
        self
    }
}

/// Runs until the control cluster's context shuts down. The CRDs of [`argoproj`] must be served.
pub async fn run(given: GitopsContext) {
    let GitopsContext { control, clusters, repositories, told, namespace, concurrency, poll_interval } = given;
    let accounts = AccountSecrets::new(&control, &namespace);
    let destinations = Arc::new(Destinations::new(clusters, &control, &namespace));
    repositories.set_accounts(accounts.of_git());
    let charts = Charts::new(accounts.clone());
    let resource = |kind, plural| context::resource(argoproj::GROUP, argoproj::VERSION, kind, plural);
    let applications = control.informers.informer(&resource("Application", "applications"));
    let projects = control.informers.informer(&resource("AppProject", "appprojects"));
    let controller = Controller::new("gitops", &control).concurrency(concurrency);
    let queue = controller.queue();
    let revisions = Arc::new(Revisions::new(repositories.clone(), charts.clone()));
    let routes = Arc::new(Routes::default());
    let settings = Arc::new(SettingsSource::new(&control, &namespace));
    let watcher = Watcher::new(
        queue.clone(),
        Arc::clone(&routes),
        Arc::clone(&revisions),
        repositories.clone(),
        (Arc::clone(&settings), applications.clone()),
    );
    let watcher = Arc::new(watcher);
    let [of_app, of_project, of_settings, of_secret] = std::array::from_fn(|_| Arc::clone(&watcher));
    let (secrets, of_clusters) = (accounts.clone(), Arc::clone(&destinations));
    let controller = controller
        .watch(&applications, move |event| of_app.application(event))
        .watch(&projects, move |event| of_project.project(event))
        .watch(settings.informer(), move |event| of_settings.settings(event))
        .watch(accounts.informer(), move |event| of_secret.secret(event, &secrets, &of_clusters));
    let entropy = seed::entropy(&control, &namespace).await;
    let capabilities = Capabilities::new(queue.clone());
    let engine = Arc::new(Engine {
        destinations,
        applications,
        projects,
        revisions,
        routes,
        sources: Sources::new((repositories, charts), capabilities.clone(), entropy),
        views: LiveViews::new(queue, Arc::clone(&settings), capabilities),
        settings,
        recorder: Recorder::new(&control, MANAGER),
        memories: std::sync::Mutex::default(),
        control: control.clone(),
    });
    let reconciling = controller.spawn(move |key| {
        let engine = Arc::clone(&engine);
        async move { engine.reconcile(key).await }
    });
    tokio::select! {
        () = control.shutdown.cancelled() => {}
        () = watcher.listen(told, &control) => {}
        () = watcher.poll(&control, poll_interval) => {}
    }
    // It ends with the same shutdown; an error would only say that it was cancelled.
    let _ = reconciling.await;
}
