//! Turns what happens outside into keys to be reconciled: changed Applications and projects, pushes, polls.
//! It must not know what a reconcile does.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Context, Event, Informer, ObjectKey, WorkQueue};
use mainstay_git::Repositories;
use mainstay_telemetry::chain;
use serde_json::Value;

use crate::Told;
use crate::accounts::AccountSecrets;
use crate::destinations::Destinations;
use crate::fetch::SettingsSource;
use crate::revisions::{Moved, Revisions};
use crate::routes::Routes;

/// Wakes applications.
pub(crate) struct Watcher {
    queue: WorkQueue<ObjectKey>,
    routes: Arc<Routes>,
    revisions: Arc<Revisions>,
    repositories: Repositories,
    settings: Arc<SettingsSource>,
    applications: Informer,
}

impl Watcher {
    pub(crate) fn new(
        queue: WorkQueue<ObjectKey>,
        routes: Arc<Routes>,
        revisions: Arc<Revisions>,
        repositories: Repositories,
        (settings, applications): (Arc<SettingsSource>, Informer),
    ) -> Self {
        Self { queue, routes, revisions, repositories, settings, applications }
    }

    /// The key of a changed application, if the change asks for a look.
    pub(crate) fn application(&self, event: &Event<'_>) -> Option<ObjectKey> {
        let app = event.object();
        if !self.allows(app) {
            return None;
        }
        let asks = match event {
            Event::Applied { object } => self.routes.applied(object),
            Event::Deleted { object } => {
                self.routes.deleted(object);
                true
            }
        };
        asks.then(|| ObjectKey::of(app))
    }

    /// Whether an application is in a namespace that is looked at.
    fn allows(&self, app: &Value) -> bool {
        let namespace = object::namespace(app).unwrap_or_default();
        self.settings.current().allows(namespace, self.settings.namespace())
    }

    /// All applications, if the settings changed: those too that were in no namespace to be looked at.
    pub(crate) fn settings(&self, event: &Event<'_>) -> Vec<ObjectKey> {
        if !self.settings.changed(event) {
            return Vec::new();
        }
        for app in self.applications.list() {
            if self.allows(&app) {
                self.routes.applied(&app);
            } else {
                self.routes.deleted(&app);
            }
        }
        self.routes.all()
    }

    /// All applications if a Secret tells of a cluster; those of the repositories that it is an account for: they may have
    /// been refused before.
    pub(crate) fn secret(
        &self,
        event: &Event<'_>,
        accounts: &AccountSecrets,
        destinations: &Destinations,
    ) -> Vec<ObjectKey> {
        if destinations.changed(event) {
            return self.routes.all();
        }
        accounts.concerns(event).map_or_else(Vec::new, |concerns| self.routes.of_repositories(concerns))
    }

    /// The applications of a changed project.
    pub(crate) fn project(&self, event: &Event<'_>) -> Vec<ObjectKey> {
        let project = event.object();
        let is_ours = object::namespace(project) == Some(self.settings.namespace());
        if is_ours { self.routes.of_project(object::name(project)) } else { Vec::new() }
    }

    /// Wakes applications for what git hosts tell, until there is no more of it.
    pub(crate) async fn listen(&self, mut told: BoxStream<'static, Told>, control: &Context) {
        while let Some(told) = told.next().await {
            let pending = control.probe.begin();
            match told {
                Told::Pushed(url) => self.look_at(&url).await,
                Told::Missed => self.look_at_all().await,
            }
            drop(pending);
        }
        // Without news polls go on.
        futures::future::pending::<()>().await;
    }

    /// Asks every repository for its refs now and then.
    pub(crate) async fn poll(&self, control: &Context, interval: Duration) {
        loop {
            control.clock.sleep(interval).await;
            self.look_at_all().await;
        }
    }

    async fn look_at_all(&self) {
        for url in self.revisions.urls() {
            self.look_at(&url).await;
        }
    }

    /// Finds out what moved in a repository and wakes the applications concerned.
    async fn look_at(&self, url: &str) {
        for moved in self.revisions.refresh(url).await {
            for key in self.concerned(&moved).await {
                self.queue.add(key);
            }
        }
        // Those whose revision could not be told so far ask for themselves.
        for (key, asked) in self.routes.of_repository(url) {
            if !self.revisions.knows(&asked) {
                self.queue.add(key);
            }
        }
    }

    async fn concerned(&self, moved: &Moved) -> Vec<ObjectKey> {
        let Some(to) = &moved.to else { return Vec::new() };
        if !moved.asked.chart.is_empty() {
            return self.followers(moved);
        }
        match self.repositories.changed_paths(&moved.asked.url, &moved.from, to).await {
            Ok(changed) => {
                let paths: Vec<String> = changed.into_iter().map(|changed| changed.path).collect();
                self.routes.concerned(&moved.asked, &paths)
            }
            Err(error) => {
                // Such as after a forced push that dropped the old commit: everybody looks.
                tracing::debug!(url = moved.asked.url, error = %chain(&error), "failed to tell what changed");
                self.followers(moved)
            }
        }
    }

    /// All applications that follow a revision, whatever they read of it.
    fn followers(&self, moved: &Moved) -> Vec<ObjectKey> {
        let of = self.routes.of_repository(&moved.asked.url).into_iter();
        of.filter(|(_, asked)| *asked == moved.asked).map(|(key, _)| key).collect()
    }
}
