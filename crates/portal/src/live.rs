//! Follows the clusters for a page that is open: watches what it shows, and sends the parts that changed.
//! It must not keep anything for pages that are closed.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use futures::{Stream, StreamExt};
use kube::Api;
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::{WatchStreamExt, watcher};
use mainstay_telemetry::chain;
use serde_json::json;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;

use crate::gather::{self, Scope};
use crate::model;
use crate::view::application::View;
use crate::view::list::{self, List};
use crate::{Error, PortalContext, kinds};

/// Changes within this time are shown together: at most ten times a second, which looks immediate.
const TOGETHER: Duration = Duration::from_millis(100);

/// What a page shows.
pub(crate) enum Follow {
    /// The list of applications.
    List { filter: String },
    /// One application.
    Application { namespace: String, name: String, selected: String, managed: bool },
}

/// The parts of a page by id, and what they are made of.
struct Shown {
    parts: Vec<(&'static str, String)>,
    scopes: Vec<Scope>,
}

/// Reads the list of applications.
pub(crate) async fn read_list<'a>(context: &PortalContext, filter: &'a str) -> Result<List<'a>, Error> {
    let applications = gather::applications(context).await?;
    let applications: Vec<_> = applications.iter().map(|value| model::summary(value, &context.control_name)).collect();
    let clusters: std::collections::BTreeSet<String> = applications.iter().map(|line| line.cluster.clone()).collect();
    let simulated = gather::simulated(context, clusters).await;
    Ok(List { applications, filter, simulated, now: context.clock.now() })
}

/// The events of a page, until it is closed or the server ends. `slot` is held as long.
pub(crate) fn follow(
    context: PortalContext,
    what: Follow,
    slot: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let (sender, receiver) = mpsc::channel(16);
    let follower = Follower {
        context,
        what,
        sender,
        sent: BTreeMap::new(),
        changed: Arc::new(Notify::new()),
        watched: HashSet::new(),
        watches: JoinSet::new(),
    };
    tokio::spawn(async move {
        follower.run().await;
        drop(slot);
    });
    tokio_stream::wrappers::ReceiverStream::new(receiver).map(Ok)
}

struct Follower {
    context: PortalContext,
    what: Follow,
    sender: mpsc::Sender<Event>,
    /// What the page has.
    sent: BTreeMap<&'static str, String>,
    changed: Arc<Notify>,
    watched: HashSet<Scope>,
    /// Dropped, and so ended, with the follower.
    watches: JoinSet<()>,
}

impl Follower {
    async fn run(mut self) {
        let (shutdown, closed) = (self.context.shutdown.clone(), self.sender.clone());
        loop {
            match self.show().await {
                Ok(shown) => {
                    if !self.send(shown.parts).await {
                        return;
                    }
                    shown.scopes.into_iter().for_each(|scope| self.watch(scope));
                }
                Err(error) => tracing::debug!(error = %chain(&error), "failed to follow"),
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = closed.closed() => return,
                () = shutdown.cancelled() => return,
            }
            self.context.clock.sleep(TOGETHER).await;
        }
    }

    async fn show(&self) -> Result<Shown, Error> {
        match &self.what {
            Follow::List { filter } => {
                let list = read_list(&self.context, filter).await?;
                let parts = vec![("applications", list::applications(&list).into_string())];
                Ok(Shown { parts, scopes: vec![self.control(kinds::application(), "", String::new())] })
            }
            Follow::Application { namespace, name, selected, managed } => {
                let world = gather::application(&self.context, namespace, name).await?;
                let (mut scopes, _) = gather::scopes(&self.context, &world).await;
                // Everybody's applications and their events are in that namespace: only one's own count.
                scopes.push(self.control(kinds::application(), namespace, format!("metadata.name={name}")));
                scopes.push(self.control(kinds::events(), namespace, format!("involvedObject.name={name}")));
                let view = View::new(&world, selected, *managed, self.context.clock.now());
                Ok(Shown { parts: view.parts().map(|(id, part)| (id, part.into_string())).into(), scopes })
            }
        }
    }

    fn control(&self, resource: ApiResource, namespace: &str, fields: String) -> Scope {
        Scope { cluster: self.context.control_name.clone(), resource, namespace: namespace.to_owned(), fields }
    }

    /// Sends the parts that the page does not have; false if it is closed.
    async fn send(&mut self, parts: Vec<(&'static str, String)>) -> bool {
        for (id, html) in parts {
            if self.sent.get(id) == Some(&html) {
                continue;
            }
            let Ok(event) = Event::default().event("part").json_data(json!({"id": id, "html": html})) else { continue };
            if self.sender.send(event).await.is_err() {
                return false;
            }
            self.sent.insert(id, html);
        }
        true
    }

    /// Starts to watch what is not watched yet.
    fn watch(&mut self, scope: Scope) {
        if self.watched.contains(&scope) {
            return;
        }
        let Some(client) = self.context.client(&scope.cluster).cloned() else { return };
        let (changed, resource) = (self.changed.clone(), scope.resource.clone());
        let api: Api<DynamicObject> = match scope.namespace.as_str() {
            "" => Api::all_with(client, &resource),
            namespace => Api::namespaced_with(client, namespace, &resource),
        };
        let mut config = watcher::Config::default();
        if !scope.fields.is_empty() {
            config = config.fields(&scope.fields);
        }
        self.watches.spawn(async move {
            let mut events = watcher(api, config).default_backoff().boxed();
            while let Some(event) = events.next().await {
                if event.is_ok() {
                    changed.notify_one();
                }
            }
        });
        self.watched.insert(scope);
    }
}
