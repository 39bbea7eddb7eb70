//! Starts the engines of every cluster: the simulation, the orchestrator, and GitOps on the control plane.
//! It must not know what they do.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use mainstay_apiserver::{ApiServer, DEFAULT_CLUSTER, Identity};
use mainstay_applicationset::ApplicationSetContext;
use mainstay_controller_runtime::Context;
use mainstay_controller_runtime::context::Seams;
use mainstay_git::{GitHost, Repositories};
use mainstay_gitops::GitopsContext;

use crate::Error;
use crate::bootstrap;
use crate::clusters::{Embedded, Known};
use crate::news::{self, News};
use crate::webhooks::Webhooks;

/// Everything the engines need.
pub(crate) struct Engines<'a> {
    pub(crate) api: &'a ApiServer,
    pub(crate) git: &'a GitHost,
    pub(crate) webhooks: Webhooks,
    pub(crate) repositories: Repositories,
    pub(crate) seams: &'a Seams,
    pub(crate) simulation: mainstay_simcluster::Options,
    /// What the control plane tells its clients.
    pub(crate) info: Vec<(&'static str, String)>,
}

impl Engines<'_> {
    /// Starts them all; returns once the bootstrap objects are written.
    ///
    /// # Errors
    /// When a bootstrap object is refused.
    pub(crate) async fn start(self) -> Result<(), Error> {
        for cluster in self.api.clusters() {
            bootstrap::cluster(&self.context(&cluster, "server")).await?;
            mainstay_simcluster::run(self.context(&cluster, "simcluster"), self.simulation.clone());
            mainstay_orchestrator::run(self.context(&cluster, "orchestrator"));
        }
        let control = self.context(DEFAULT_CLUSTER, "server");
        bootstrap::control_plane(&control, &self.info).await?;
        let members: Vec<String> = self.api.clusters().into_iter().filter(|name| name != DEFAULT_CLUSTER).collect();
        bootstrap::members(&control, &members).await?;
        tokio::spawn(mainstay_gitops::run(self.gitops()));
        tokio::spawn(mainstay_applicationset::run(self.application_sets()));
        Ok(())
    }

    /// A cluster as a controller sees it, under its own name.
    fn context(&self, cluster: &str, controller: &str) -> Context {
        Context::new(cluster, self.api.client(cluster, Identity::controller(controller)), self.seams.clone())
    }

    fn application_sets(&self) -> ApplicationSetContext {
        let control = self.context(DEFAULT_CLUSTER, "applicationset");
        let clusters = Arc::new(Known(self.api.clusters()));
        let told = news::news(self.git, &self.webhooks).map(|news| match news {
            News::Pushed(url) => mainstay_applicationset::Told::Pushed(url),
            News::PullRequest(pull) => mainstay_applicationset::Told::PullRequest(pull),
            News::Missed => mainstay_applicationset::Told::Missed,
        });
        ApplicationSetContext::new(control, clusters, self.repositories.clone()).told(told.boxed())
    }

    fn gitops(&self) -> GitopsContext {
        let contexts: BTreeMap<_, _> =
            self.api.clusters().into_iter().map(|name| (name.clone(), self.context(&name, "gitops"))).collect();
        let control = contexts.get(DEFAULT_CLUSTER).cloned().unwrap_or_else(|| self.context(DEFAULT_CLUSTER, "gitops"));
        let clusters = Arc::new(Embedded::new(DEFAULT_CLUSTER, contexts));
        let told = news::news(self.git, &self.webhooks).filter_map(async |news| match news {
            News::Pushed(url) => Some(mainstay_gitops::Told::Pushed(url)),
            News::PullRequest(_) => None,
            News::Missed => Some(mainstay_gitops::Told::Missed),
        });
        GitopsContext::new(control, clusters, self.repositories.clone()).told(told.boxed())
    }
}
