//! Tells when nothing is left to do: the end of a `plan`, the condition tests wait for.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// How long nothing may happen before the world counts as settled. On a paused runtime the clock moves only when
/// every task waits, so there any positive duration is exact; on a real clock it is a quiet period.
const QUIET: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Activity {
    pending: usize,
    steps: u64,
}

/// Counts what is queued, running or due later, over all controllers that share it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct IdleProbe {
    activity: Arc<watch::Sender<Activity>>,
}

impl Default for IdleProbe {
    fn default() -> Self {
        Self { activity: Arc::new(watch::Sender::new(Activity::default())) }
    }
}

/// One piece of pending work; it ends when dropped.
#[derive(Debug)]
pub struct Pending {
    probe: IdleProbe,
}

impl IdleProbe {
    /// A probe that nothing has been reported to.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reports a piece of work until the guard is dropped.
    #[must_use]
    pub fn begin(&self) -> Pending {
        self.activity.send_modify(|activity| {
            activity.pending += 1;
            activity.steps += 1;
        });
        Pending { probe: self.clone() }
    }

    /// How many pieces of work are pending now.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.activity.borrow().pending
    }

    /// How many pieces of work have begun since the start.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.activity.borrow().steps
    }

    /// Waits until nothing is pending and nothing new begins for a quiet period.
    pub async fn idle(&self) {
        let mut activity = self.activity.subscribe();
        loop {
            // The sender lives in self, so waiting cannot fail.
            let before = match activity.wait_for(|activity| activity.pending == 0).await {
                Ok(activity) => *activity,
                Err(_) => return,
            };
            tokio::time::sleep(QUIET).await;
            if *activity.borrow_and_update() == before {
                return;
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.probe.activity.send_modify(|activity| activity.pending -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn idle_waits_for_all_work() {
        let probe = IdleProbe::new();
        let pending = probe.begin();
        let waiting = tokio::spawn({
            let probe = probe.clone();
            async move { probe.idle().await }
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!waiting.is_finished());
        drop(pending);
        waiting.await.unwrap();
        assert_eq!((probe.pending(), probe.steps()), (0, 1));
    }
}
