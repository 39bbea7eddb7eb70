//! Runs a reconcile function over a queue of keys.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use mainstay_telemetry::chain;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::queue::Lease;
use crate::{Class, Classify, Context, Event, Informer, WorkQueue};

/// Reconciles at a time, unless said otherwise: enough to share a group commit, few enough to stay fair.
const CONCURRENCY: usize = 16;
/// Safety net after an error that a watch should resolve.
const WAIT_RETRY: Duration = Duration::from_secs(30);

/// When to reconcile a key again if nothing changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action {
    after: Option<Duration>,
    housekeeping: bool,
}

impl Action {
    /// Not before something changes.
    #[must_use]
    pub fn done() -> Self {
        Self::default()
    }

    /// After a delay, because something will happen then: the world is not idle until it has.
    #[must_use]
    pub fn requeue_after(delay: Duration) -> Self {
        Self { after: Some(delay), housekeeping: false }
    }

    /// After a delay, to look again: the world may be idle meanwhile.
    #[must_use]
    pub fn resync_after(delay: Duration) -> Self {
        Self { after: Some(delay), housekeeping: true }
    }
}

/// A controller to be: sources of keys, then [`Controller::spawn`].
pub struct Controller<K> {
    name: &'static str,
    context: Context,
    queue: WorkQueue<K>,
    informers: Vec<Informer>,
    concurrency: usize,
}

/// A key that a queue can hold and a log can show.
pub trait Key: Eq + Hash + Clone + Debug + Display + Send + Sync + 'static {}
impl<K: Eq + Hash + Clone + Debug + Display + Send + Sync + 'static> Key for K {}

impl<K: Key> Controller<K> {
    /// A controller without sources.
    #[must_use]
    pub fn new(name: &'static str, context: &Context) -> Self {
        let queue = WorkQueue::new(context.probe.clone());
        Self { name, context: context.clone(), queue, informers: Vec::new(), concurrency: CONCURRENCY }
    }

    /// The queue, for sources that are not informers.
    #[must_use]
    pub fn queue(&self) -> WorkQueue<K> {
        self.queue.clone()
    }

    /// Queues the keys that an event concerns. Reconciling starts once all watched informers have synced.
    #[must_use]
    pub fn watch<I: IntoIterator<Item = K>>(
        mut self,
        informer: &Informer,
        keys: impl Fn(&Event<'_>) -> I + Send + Sync + 'static,
    ) -> Self {
        let queue = self.queue.clone();
        informer.add_handler(move |event| {
            for key in keys(event) {
                queue.add(key);
            }
        });
        self.informers.push(informer.clone());
        self
    }

    /// Waits for an informer to sync before reconciling, without queueing its objects.
    #[must_use]
    pub fn reads(mut self, informer: &Informer) -> Self {
        self.informers.push(informer.clone());
        self
    }

    /// How many keys are reconciled at a time.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.max(1);
        self
    }

    /// Reconciles until the context shuts down.
    pub fn spawn<F, R, E>(self, reconcile: F) -> JoinHandle<()>
    where
        F: Fn(K) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Action, E>> + Send + 'static,
        E: Classify,
    {
        tokio::spawn(self.run(Arc::new(reconcile)))
    }

    async fn run<F, R, E>(self, reconcile: Arc<F>)
    where
        F: Fn(K) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Action, E>> + Send + 'static,
        E: Classify,
    {
        let shutdown = self.context.shutdown.clone();
        let queue = self.queue.clone();
        let work = async {
            for informer in &self.informers {
                informer.synced().await;
            }
            let slots = Arc::new(Semaphore::new(self.concurrency));
            while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
                let Some(lease) = queue.next().await else { return };
                let (reconcile, queue, name) = (Arc::clone(&reconcile), queue.clone(), self.name);
                tokio::spawn(async move {
                    let result = reconcile(lease.key().clone()).await;
                    settle(name, &queue, &lease, result);
                    drop(lease);
                    drop(slot);
                });
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = work => {}
        }
        self.queue.close();
    }
}

fn settle<K: Key, E: Classify>(name: &'static str, queue: &WorkQueue<K>, lease: &Lease<K>, result: Result<Action, E>) {
    let key = lease.key();
    match result {
        Ok(action) => {
            queue.forget(key);
            match action {
                Action { after: None, .. } => {}
                Action { after: Some(delay), housekeeping: false } => queue.add_after(key.clone(), delay),
                Action { after: Some(delay), housekeeping: true } => queue.add_later(key.clone(), delay),
            }
        }
        Err(error) => {
            let class = error.class();
            tracing::debug!(controller = name, %key, ?class, error = %chain(&error), "reconcile failed");
            match class {
                Class::Retry => queue.add_failed(key.clone()),
                Class::Wait => queue.add_later(key.clone(), WAIT_RETRY),
                Class::Terminal => queue.forget(key),
            }
        }
    }
}
