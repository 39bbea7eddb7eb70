//! Following the writes of all kinds.
//! It must not know who follows, or why.

use std::sync::Arc;

use tokio::sync::watch::Receiver;

use crate::Event;
use crate::commit::Core;
use crate::watch::Compacted;

/// A cursor into the recent events of all kinds in all clusters. Like [`crate::Watch`] it buffers nothing.
pub struct Feed {
    core: Arc<Core>,
    /// Position of the next event to look at.
    next: u64,
    changed: Receiver<u64>,
}

impl Feed {
    pub(crate) fn new(core: Arc<Core>, from: u64) -> Result<Self, Compacted> {
        // Subscribe before looking, so that no write falls between.
        let changed = core.subscribe_to_all();
        let world = core.published();
        if from < world.forgotten {
            return Err(Compacted { requested: from, oldest: world.forgotten });
        }
        let next = world.position_after(from);
        Ok(Self { core, next, changed })
    }

    /// The next event, when there is one. Cancelling loses nothing.
    ///
    /// # Errors
    /// When this follower fell behind the log.
    pub async fn next(&mut self) -> Result<Arc<Event>, Compacted> {
        loop {
            self.changed.mark_unchanged();
            if let Some(event) = self.advance()? {
                return Ok(event);
            }
            if self.changed.changed().await.is_err() {
                // The sender lives in the core this feed holds, so it cannot go first.
                std::future::pending::<()>().await;
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Arc<Event>>, Compacted> {
        let world = self.core.published();
        if self.next < world.first {
            return Err(Compacted { requested: self.next, oldest: world.forgotten });
        }
        let event = world.order.get((self.next - world.first) as usize).cloned();
        self.next += u64::from(event.is_some());
        Ok(event)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Error, KindKey, Options, Store};

    async fn put(store: &Store, resource: &str, name: &str) {
        let key = KindKey::new("dev", "", resource).object("ns", name);
        let write = store.transact::<_, Error, _>(|transaction| {
            transaction.put(key, "x".into());
            Ok(())
        });
        write.await.unwrap();
    }

    #[tokio::test]
    async fn all_kinds_come_in_the_order_of_writing() {
        let store = Store::ephemeral(Options::default());
        put(&store, "pods", "before").await;
        let mut feed = store.feed(store.snapshot().revision()).unwrap();
        let fork = store.fork();
        put(&store, "pods", "a").await;
        put(&store, "services", "b").await;
        put(&fork, "pods", "elsewhere").await;
        let names = [feed.next().await.unwrap(), feed.next().await.unwrap()].map(|event| event.key.name.to_string());
        assert_eq!(names, ["a", "b"]);
        let mut of_fork = fork.feed(store.snapshot().revision() - 2).unwrap();
        assert_eq!(&*of_fork.next().await.unwrap().key.name, "elsewhere");
    }

    #[tokio::test]
    async fn a_follower_that_fell_behind_is_told() {
        let store = Store::ephemeral(Options { log_events: 2, ..Options::default() });
        let mut feed = store.feed(1).unwrap();
        for name in ["a", "b", "c"] {
            put(&store, "pods", name).await;
        }
        assert!(feed.next().await.is_err());
        assert!(store.feed(1).is_err());
        assert_eq!(&*store.feed(2).unwrap().next().await.unwrap().key.name, "b");
    }
}
