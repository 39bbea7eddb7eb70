//! Waiting: for an object to be as wanted, or for the world to come to rest. By watch and probe, never by polling.
//! It must not know what is waited for.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use crate::TestCluster;

/// How long, on the virtual clock, a test waits before it fails.
const PATIENCE: Duration = Duration::from_secs(3600);

impl TestCluster {
    /// Waits until no controller has anything to do, now or later.
    ///
    /// # Panics
    /// If that does not come.
    pub async fn settle(&self) {
        let idle = tokio::time::timeout(PATIENCE, self.seams().probe.idle()).await;
        idle.unwrap_or_else(|_| panic!("{} pieces of work are still pending", self.seams().probe.pending()));
    }

    /// Waits until an object of the default cluster is there and as wanted, and answers it.
    ///
    /// # Panics
    /// If that does not come.
    pub async fn eventually(
        &self,
        kind: (&str, &str),
        (namespace, name): (&str, &str),
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let resource = self.resource(kind).await;
        let informer = self.admin(self.default_name()).informers.informer(&resource);
        let changes = watch::Sender::new(());
        let mut changed = changes.subscribe();
        informer.add_handler(move |_| changes.send_replace(()));
        let found = async {
            loop {
                changed.borrow_and_update();
                if let Some(object) = informer.get(namespace, name).filter(&wanted) {
                    return object;
                }
                changed.changed().await.expect("the informer holds the sender");
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(object) => object,
            Err(_) => panic!("{kind:?} {namespace}/{name} is still {:#?}", informer.get(namespace, name)),
        }
    }
}
