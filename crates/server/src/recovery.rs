//! Finds out that the disk takes writes again, when nobody writes.
//! It must not know why it did not.

use std::time::Duration;

use mainstay_controller_runtime::{CancellationToken, Clock};
use mainstay_store::Store;

/// Time between probes: short beside what it takes to free space, long beside a commit.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Probes the store while its last write failed, until the end.
pub(crate) async fn run(store: Store, clock: Clock, shutdown: CancellationToken) {
    let mut health = store.health();
    let probing = async {
        while health.wait_for(Option::is_some).await.is_ok() {
            clock.sleep(PROBE_EVERY).await;
            // A write may have succeeded meanwhile; a probe more does no harm.
            if let Err(error) = store.probe().await
                && !error.is_retryable()
            {
                return;
            }
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = probing => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use mainstay_store::{Backend, BackendError, Batch, Error, KindKey, Loaded, Options};

    use super::*;

    #[derive(Clone, Default)]
    struct Disk {
        full: Arc<AtomicBool>,
        refused: Arc<AtomicUsize>,
    }

    impl Backend for Disk {
        fn load(&mut self) -> Result<Loaded, BackendError> {
            Ok(Loaded::default())
        }

        fn commit(&mut self, _: &Batch) -> Result<(), BackendError> {
            if !self.full.load(Ordering::SeqCst) {
                return Ok(());
            }
            // Somebody makes room after the third refusal.
            self.full.store(self.refused.fetch_add(1, Ordering::SeqCst) < 2, Ordering::SeqCst);
            Err(BackendError::Full("no space left on device".to_owned()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_with_room_again_is_found_without_a_write() {
        let disk = Disk::default();
        let store = Store::with_backend(Box::new(disk.clone()), Options::default()).unwrap();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(run(store.clone(), Clock::system(), shutdown.clone()));
        disk.full.store(true, Ordering::SeqCst);
        let written = store.transact::<_, Error, _>(|tx| {
            tx.put(KindKey::new("dev", "", "pods").object("shop", "web"), "{}".into());
            Ok(())
        });
        assert!(matches!(written.await, Err(Error::Full(_))));
        store.health().wait_for(Option::is_none).await.unwrap();
        assert_eq!(disk.refused.load(Ordering::SeqCst), 3);
        shutdown.cancel();
        running.await.unwrap();
    }
}
