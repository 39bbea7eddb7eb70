//! ApplicationSets: one template, many Applications. The role of Argo CD's ApplicationSet controller.
//!
//! Watches ApplicationSets, the Applications they own, Secrets of clusters, and git repositories; applies Applications in
//! the set's namespace (field manager `mainstay-applicationset`) and writes the set's status. It must not know what an
//! Application deploys, nor how.
//!
//! Invariants:
//! - nothing is deleted while a generator has failed, or while the budget of deletions is exceeded ([`plan::children`]);
//! - what is as desired is not written.
//!
//! Start at [`run`], then `controller.rs`; parameters come from [`plan::generate`].

mod access;
mod children;
mod controller;
mod fetch;
pub mod plan;
mod report;
pub mod validate;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Applier, Context, Controller, ObjectKey, Recorder, context};
use mainstay_git::Repositories;

pub use access::rules;
use children::Children;
use controller::Engine;

/// Field manager and event component of this crate.
pub const MANAGER: &str = "mainstay-applicationset";

/// How often repositories are asked again where a generator does not say, as upstream.
const POLL_INTERVAL: Duration = Duration::from_secs(180);

/// What the controller is given.
pub struct ApplicationSetContext {
    /// The control cluster, where sets and Applications are.
    pub control: Context,
    /// Reads repositories.
    pub repositories: Repositories,
    /// URLs of repositories as they are pushed to; what they miss a poll finds.
    pub pushes: BoxStream<'static, String>,
    /// The namespace of sets and of the Secrets of clusters.
    pub namespace: String,
}

impl ApplicationSetContext {
    /// The defaults, without pushes.
    #[must_use]
    pub fn new(control: Context, repositories: Repositories) -> Self {
        Self { control, repositories, pushes: futures::stream::pending().boxed(), namespace: "argocd".to_owned() }
    }

    /// Listens to pushes.
    #[must_use]
    pub fn pushes(mut self, pushes: BoxStream<'static, String>) -> Self {
        self.pushes = pushes;
        self
    }
}

/// Runs until the control cluster's context shuts down. The CRDs of [`argoproj`] must be served.
pub async fn run(given: ApplicationSetContext) {
    let ApplicationSetContext { control, repositories, mut pushes, namespace } = given;
    let resource = |kind, plural| context::resource(argoproj::GROUP, argoproj::VERSION, kind, plural);
    let sets = control.informers.informer(&resource("ApplicationSet", "applicationsets"));
    let applications = control.informers.informer(&resource("Application", "applications"));
    let secrets = control.informers.informer(&context::resource("", "v1", "Secret", "secrets"));
    let engine = Arc::new(Engine {
        sets: sets.clone(),
        applications: applications.clone(),
        secrets: secrets.clone(),
        repositories,
        applier: Applier::new(&control, MANAGER),
        recorder: Recorder::new(&control, MANAGER),
        namespace: namespace.clone(),
        control: control.clone(),
    });
    let controller = Controller::new("applicationset", &control);
    let queue = controller.queue();
    let (of_secret, in_namespace) = (Arc::clone(&engine), namespace);
    let (of_child, later) = (Children::default(), queue.clone());
    let controller = controller
        .watch(&sets, move |event| {
            let here = object::namespace(event.object()) == Some(&in_namespace);
            here.then(|| ObjectKey::of(event.object()))
        })
        .watch(&applications, move |event| of_child.owner(event, &later))
        .watch(&secrets, move |event| of_secret.of_secret(event.object()));
    let pushed = Arc::clone(&engine);
    let reconciling = controller.spawn(move |key| {
        let engine = Arc::clone(&engine);
        async move { engine.reconcile(key).await }
    });
    let listening = async {
        while let Some(url) = pushes.next().await {
            pushed.of_repository(&url).into_iter().for_each(|key| queue.add(key));
        }
        // Without pushes polls go on.
        futures::future::pending::<()>().await;
    };
    tokio::select! {
        () = control.shutdown.cancelled() => {}
        () = listening => {}
    }
    // It ends with the same shutdown; an error would only say that it was cancelled.
    let _ = reconciling.await;
}
