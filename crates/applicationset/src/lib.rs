//! ApplicationSets: the role of Argo CD's ApplicationSet controller. Generates Applications from lists, clusters and
//! repositories, and keeps them so.
//!
//! Watches ApplicationSets, Applications, AppProjects and cluster Secrets of the control cluster, and reads
//! repositories; writes Applications in the set's namespace (field manager `mainstay-applicationset`) and the set's
//! status. It must not know how an Application is synced, nor which implementation serves the API.
//!
//! Invariants:
//! - nothing is deleted while a generator fails, an Application is refused or the deletion budget is exceeded;
//! - what is as desired is not written; a steady state costs no writes;
//! - everything needed to go on with a rollout is in the set's status.
//!
//! Start at [`run`], then `controller.rs`: one reconcile is fetch, [`validate`], [`plan`], apply, report.

mod access;
mod apply;
mod controller;
mod deletion;
mod fetch;
pub mod plan;
mod report;
mod revisions;
pub mod validate;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use mainstay_api::argoproj;
use mainstay_controller_runtime::{Context, Controller, Recorder, context};
use mainstay_git::Repositories;
use mainstay_webhook::PullRequest;

pub use access::rules;
use controller::Engine;
use revisions::Revisions;
use watch::Watcher;

/// Field manager and event component of this crate.
pub const MANAGER: &str = "mainstay-applicationset";

/// Namespace of the ApplicationSets, as Argo CD's default.
pub const NAMESPACE: &str = "argocd";

/// Sets reconciled at a time.
const CONCURRENCY: usize = 8;

/// How long the meaning of a branch is taken for known unless a push tells otherwise: gitops' poll interval.
const POLL_INTERVAL: Duration = Duration::from_secs(120);

/// The clusters that an Application may be deployed to besides those with a Secret.
pub trait Clusters: Send + Sync + 'static {
    /// Whether there is a cluster with this name or API URL.
    fn has(&self, name_or_server: &str) -> bool;
}

/// What a git host tells.
#[derive(Clone, Debug)]
pub enum Told {
    /// A repository was pushed to; its URL.
    Pushed(String),
    /// Something happened to a pull request.
    PullRequest(Box<PullRequest>),
    /// Something was not heard: anything may have changed.
    Missed,
}

/// What the controller is given.
pub struct ApplicationSetContext {
    /// The control cluster, where the sets are.
    pub control: Context,
    /// The clusters to deploy to besides those with a Secret.
    pub clusters: Arc<dyn Clusters>,
    /// Reads repositories.
    pub repositories: Repositories,
    /// What git hosts tell; what they miss a poll finds.
    pub told: BoxStream<'static, Told>,
    /// Namespace of the sets.
    pub namespace: String,
    /// How long the meaning of a branch is taken for known.
    pub poll_interval: Duration,
}

impl ApplicationSetContext {
    /// The defaults, told nothing.
    #[must_use]
    pub fn new(control: Context, clusters: Arc<dyn Clusters>, repositories: Repositories) -> Self {
        Self {
            control,
            clusters,
            repositories,
            told: futures::stream::pending().boxed(),
            namespace: NAMESPACE.to_owned(),
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
pub async fn run(given: ApplicationSetContext) {
    let ApplicationSetContext { control, clusters, repositories, told, namespace, poll_interval } = given;
    let resource = |kind, plural| context::resource(argoproj::GROUP, argoproj::VERSION, kind, plural);
    let sets = control.informers.informer(&resource("ApplicationSet", "applicationsets"));
    let applications = control.informers.informer(&resource("Application", "applications"));
    let projects = control.informers.informer(&resource("AppProject", "appprojects"));
    let secrets = control.informers.informer(&context::resource("", "v1", "Secret", "secrets"));
    let controller = Controller::new("applicationset", &control).concurrency(CONCURRENCY);
    let revisions = Arc::new(Revisions::new(repositories.clone(), control.clock.clone(), poll_interval));
    let watcher = Arc::new(Watcher::new(controller.queue(), sets.clone(), Arc::clone(&revisions), namespace.clone()));
    let watchers: [Arc<Watcher>; 4] = std::array::from_fn(|_| Arc::clone(&watcher));
    let [of_set, of_application, of_project, of_secret] = watchers;
    let controller = controller
        .watch(&sets, move |event| of_set.set(event))
        .watch(&applications, move |event| of_application.application(event))
        .watch(&projects, move |event| of_project.project(event))
        .watch(&secrets, move |event| of_secret.secret(event));
    let engine = Arc::new(Engine {
        sets,
        applications,
        projects,
        secrets,
        clusters,
        revisions,
        repositories,
        recorder: Recorder::new(&control, MANAGER),
        http: fetch::client(),
        written: std::sync::Mutex::default(),
        control: control.clone(),
    });
    let reconciling = controller.spawn(move |key| {
        let engine = Arc::clone(&engine);
        async move { engine.reconcile(key).await }
    });
    tokio::select! {
        () = control.shutdown.cancelled() => {}
        () = watcher.listen(told, &control) => {}
    }
    // It ends with the same shutdown; an error would only say that it was cancelled.
    let _ = reconciling.await;
}
