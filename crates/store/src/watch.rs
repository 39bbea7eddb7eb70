//! Following the writes of one kind.
//! It must not know who watches, or how events are shown to them.

use std::sync::Arc;

use futures::Stream;
use tokio::sync::watch::Receiver;

use crate::commit::Core;
use crate::{Event, KindKey};

/// The events asked for are no longer kept; list again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too old resource version: {requested} ({oldest})")]
pub struct Compacted {
    /// Revision asked for.
    pub requested: u64,
    /// Oldest revision a watch could start from.
    pub oldest: u64,
}

/// A cursor into the recent events of one kind. It buffers nothing: a watcher that falls further behind than
/// the log reaches gets [`Compacted`].
pub struct Watch {
    core: Arc<Core>,
    kind: KindKey,
    namespace: Option<Arc<str>>,
    /// Position of the next event to look at; `None` until the kind has been seen.
    next: u64,
    from: u64,
    /// All events up to this revision have been returned.
    seen: u64,
    changed: Receiver<u64>,
}

impl Watch {
    pub(crate) fn new(core: Arc<Core>, kind: KindKey, namespace: Option<&str>, from: u64) -> Result<Self, Compacted> {
        // Subscribe before looking, so that no write falls between.
        let changed = core.subscribe(&kind);
        let world = core.published();
        let oldest = world.compacted(&kind);
        if from < oldest {
            return Err(Compacted { requested: from, oldest });
        }
        let next = world.kinds.get(&kind).map_or(0, |state| state.position_after(from));
        Ok(Self { core, kind, namespace: namespace.map(Arc::from), next, from, seen: from, changed })
    }

    /// The next event, when there is one. Cancelling loses nothing.
    ///
    /// # Errors
    /// When this watch fell behind the log.
    pub async fn next(&mut self) -> Result<Arc<Event>, Compacted> {
        loop {
            self.changed.mark_unchanged();
            if let Some(event) = self.advance()? {
                return Ok(event);
            }
            if self.changed.changed().await.is_err() {
                // The sender lives in the core this watch holds, so it cannot go first.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Revision up to which every event of this kind has been returned: what a bookmark may say.
    /// Call it after [`Watch::next`] was found pending.
    #[must_use]
    pub fn progress(&self) -> u64 {
        self.seen
    }

    /// The events as a stream that ends after an error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Arc<Event>, Compacted>> {
        futures::stream::unfold(Some(self), |watch| async move {
            let mut watch = watch?;
            let item = watch.next().await;
            let rest = item.is_ok().then_some(watch);
            Some((item, rest))
        })
    }

    fn advance(&mut self) -> Result<Option<Arc<Event>>, Compacted> {
        let world = self.core.published();
        if let Some(state) = world.kinds.get(&self.kind) {
            if self.next < state.first {
                return Err(Compacted { requested: self.seen, oldest: state.compacted });
            }
            while let Some(event) = state.log.get((self.next - state.first) as usize) {
                self.next += 1;
                if event.revision > self.from && self.wants(event) {
                    self.seen = self.seen.max(event.revision - 1);
                    return Ok(Some(event.clone()));
                }
            }
        }
        self.seen = self.seen.max(world.revision);
        Ok(None)
    }

    fn wants(&self, event: &Event) -> bool {
        self.namespace.as_ref().is_none_or(|namespace| *namespace == event.key.namespace)
    }
}
