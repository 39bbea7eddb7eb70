//! Starts the engines of every cluster: the simulation, the orchestrator, and GitOps on the control plane.
//! It must not know what they do.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use mainstay_apiserver::{ApiServer, DEFAULT_CLUSTER, Identity};
use mainstay_applicationset::ApplicationSetContext;
use mainstay_controller_runtime::Context;
use mainstay_controller_runtime::context::Seams;
use mainstay_git::{DEFAULT_BRANCH, GitHost, Push, Repositories};
use mainstay_gitops::{GitopsContext, Pushed};
use tokio::sync::broadcast::error::RecvError;

use crate::Error;
use crate::bootstrap;
use crate::clusters::{Embedded, Known};

/// Everything the engines need.
pub(crate) struct Engines<'a> {
    pub(crate) api: &'a ApiServer,
    pub(crate) git: &'a GitHost,
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
        let pushed = pushes(self.git).map(|pushed| pushed.url).boxed();
        ApplicationSetContext::new(control, clusters, self.repositories.clone()).pushes(pushed)
    }

    fn gitops(&self) -> GitopsContext {
        let contexts: BTreeMap<_, _> =
            self.api.clusters().into_iter().map(|name| (name.clone(), self.context(&name, "gitops"))).collect();
        let control = contexts.get(DEFAULT_CLUSTER).cloned().unwrap_or_else(|| self.context(DEFAULT_CLUSTER, "gitops"));
        let clusters = Arc::new(Embedded::new(DEFAULT_CLUSTER, contexts));
        GitopsContext::new(control, clusters, self.repositories.clone()).pushes(pushes(self.git))
    }
}

/// Pushes to the embedded host, under every URL that manifests may name it by.
fn pushes(git: &GitHost) -> BoxStream<'static, Pushed> {
    let host = git.clone();
    let listened = stream::unfold(git.pushes(), move |mut receiver| {
        let host = host.clone();
        async move {
            match receiver.recv().await {
                Ok(push) => Some((of_push(&host, &push), receiver)),
                // Some were missed: every repository may have changed.
                Err(RecvError::Lagged(_)) => Some((of_all(&host), receiver)),
                Err(RecvError::Closed) => None,
            }
        }
    });
    listened.flat_map(stream::iter).boxed()
}

fn of_push(host: &GitHost, push: &Push) -> Vec<Pushed> {
    let shas: Vec<&String> = push.updates.iter().filter_map(|update| update.new.as_ref()).collect();
    let pushed = |url: String| shas.iter().map(move |sha| Pushed { url: url.clone(), sha: (*sha).clone() });
    host.urls(&push.repo).into_iter().flat_map(pushed).collect()
}

fn of_all(host: &GitHost) -> Vec<Pushed> {
    let urls = host.names().into_iter().flat_map(|name| host.urls(&name));
    urls.map(|url| Pushed { url, sha: DEFAULT_BRANCH.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use mainstay_git::{Author, Change, HostOptions, NewCommit};

    use super::*;

    #[tokio::test]
    async fn a_push_is_told_under_every_url_of_the_repository() {
        let directory = tempfile::tempdir().unwrap();
        let time = "2030-01-01T00:00:00Z".parse().unwrap();
        let host = GitHost::open(directory.path(), HostOptions::new(move || time)).await.unwrap();
        host.add_base_url("http://git.example.svc");
        host.add_base_url("http://127.0.0.1:7443/git");
        host.create("apps").await.unwrap();
        let mut told = pushes(&host);

        let commit = NewCommit {
            branch: DEFAULT_BRANCH.to_owned(),
            changes: vec![Change::write("a.yaml", "a: 1")],
            author: Author::new("Ada", "ada@example.com"),
            message: "Add a".to_owned(),
            time,
        };
        let sha = host.commit_files("apps", commit).await.unwrap();
        for base in ["http://git.example.svc", "http://127.0.0.1:7443/git", "http://localhost:7443/git"] {
            let pushed = told.next().await.unwrap();
            assert_eq!((pushed.url, &pushed.sha), (format!("{base}/apps.git"), &sha));
        }
    }
}
