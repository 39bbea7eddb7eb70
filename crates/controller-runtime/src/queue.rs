//! A keyed work queue: a key is in it at most once, is never worked on twice at the same time, and waits with
//! growing delays after failures. Named after client-go's `workqueue.RateLimitingInterface`.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::probe::{IdleProbe, Pending};

/// First delay after a failure, and the factor's base; client-go starts at 5 ms.
const BACKOFF_BASE: Duration = Duration::from_millis(5);
/// Longest delay after failures; client-go waits 1000 s, a person at a portal will not.
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// After so many failures in a row a retry no longer counts as pending work: it is a safety net, not progress.
const PENDING_ATTEMPTS: u32 = 8;

/// A queue of keys. Cheap to clone.
pub struct WorkQueue<K> {
    inner: Arc<Inner<K>>,
}

struct Inner<K> {
    state: Mutex<State<K>>,
    changed: Notify,
    probe: IdleProbe,
}

struct State<K> {
    ready: VecDeque<K>,
    /// Keys in `ready`, or to be put there when their running reconcile ends, with their share of pending work.
    dirty: HashMap<K, Pending>,
    running: HashSet<K>,
    delayed: BTreeMap<(Instant, u64), (K, Option<Pending>)>,
    deadlines: HashMap<K, (Instant, u64)>,
    failures: HashMap<K, u32>,
    sequence: u64,
    closed: bool,
}

impl<K> Clone for WorkQueue<K> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

/// A key being worked on. Dropping it lets the key be worked on again.
pub struct Lease<K: Eq + Hash + Clone> {
    key: K,
    queue: WorkQueue<K>,
    _pending: Pending,
}

impl<K: Eq + Hash + Clone> WorkQueue<K> {
    /// An empty queue that reports to a probe.
    #[must_use]
    pub fn new(probe: IdleProbe) -> Self {
        let state = State {
            ready: VecDeque::new(),
            dirty: HashMap::new(),
            running: HashSet::new(),
            delayed: BTreeMap::new(),
            deadlines: HashMap::new(),
            failures: HashMap::new(),
            sequence: 0,
            closed: false,
        };
        Self { inner: Arc::new(Inner { state: Mutex::new(state), changed: Notify::new(), probe }) }
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a key, unless it is already waiting. A key that is running is worked on again afterwards.
    pub fn add(&self, key: K) {
        let mut state = self.lock();
        if state.closed || state.dirty.contains_key(&key) {
            return;
        }
        state.dirty.insert(key.clone(), self.inner.probe.begin());
        if !state.running.contains(&key) {
            state.ready.push_back(key);
            drop(state);
            self.inner.changed.notify_one();
        }
    }

    /// Adds a key after a delay; of several delays for one key the earliest holds. Counts as pending work.
    pub fn add_after(&self, key: K, delay: Duration) {
        self.schedule(key, delay, true);
    }

    /// As [`Self::add_after`], but housekeeping: it does not keep the world from being idle.
    pub fn add_later(&self, key: K, delay: Duration) {
        self.schedule(key, delay, false);
    }

    fn schedule(&self, key: K, delay: Duration, counts: bool) {
        let mut state = self.lock();
        let at = Instant::now() + delay;
        if state.closed || state.deadlines.get(&key).is_some_and(|(known, _)| *known <= at) {
            return;
        }
        state.sequence += 1;
        let slot = (at, state.sequence);
        if let Some(old) = state.deadlines.insert(key.clone(), slot) {
            state.delayed.remove(&old);
        }
        let pending = counts.then(|| self.inner.probe.begin());
        state.delayed.insert(slot, (key, pending));
        drop(state);
        self.inner.changed.notify_one();
    }

    /// Adds a key after a delay that doubles with each failure in a row: 5 ms, 10 ms, … 60 s.
    pub fn add_failed(&self, key: K) {
        let failures = {
            let mut state = self.lock();
            let failures = state.failures.entry(key.clone()).or_insert(0);
            *failures += 1;
            *failures
        };
        let delay = BACKOFF_BASE.saturating_mul(1_u32.checked_shl(failures - 1).unwrap_or(u32::MAX)).min(BACKOFF_MAX);
        self.schedule(key, delay, failures <= PENDING_ATTEMPTS);
    }

    /// Forgets the failures of a key.
    pub fn forget(&self, key: &K) {
        self.lock().failures.remove(key);
    }

    /// How many keys wait, are due later or run.
    #[must_use]
    pub fn len(&self) -> usize {
        let state = self.lock();
        state.dirty.len() + state.delayed.len() + state.running.len()
    }

    /// Whether nothing waits, is due or runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses new keys and ends [`Self::next`].
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.ready.clear();
        state.dirty.clear();
        state.delayed.clear();
        state.deadlines.clear();
        drop(state);
        self.inner.changed.notify_one();
    }

    /// The next key to work on; `None` once the queue is closed. For one consumer.
    pub async fn next(&self) -> Option<Lease<K>> {
        loop {
            let due = {
                let mut state = self.lock();
                if state.closed {
                    return None;
                }
                state.move_due(&self.inner.probe);
                if let Some(lease) = self.lease(&mut state) {
                    return Some(lease);
                }
                state.delayed.first_key_value().map(|((at, _), _)| *at)
            };
            match due {
                Some(at) => tokio::select! {
                    () = self.inner.changed.notified() => {}
                    () = tokio::time::sleep_until(at) => {}
                },
                None => self.inner.changed.notified().await,
            }
        }
    }

    fn lease(&self, state: &mut State<K>) -> Option<Lease<K>> {
        let key = state.ready.pop_front()?;
        let pending = state.dirty.remove(&key)?;
        state.running.insert(key.clone());
        Some(Lease { key, queue: self.clone(), _pending: pending })
    }

    fn finish(&self, key: &K) {
        let mut state = self.lock();
        state.running.remove(key);
        if state.dirty.contains_key(key) {
            state.ready.push_back(key.clone());
            drop(state);
            self.inner.changed.notify_one();
        }
    }
}

impl<K: Eq + Hash + Clone> State<K> {
    fn move_due(&mut self, probe: &IdleProbe) {
        let now = Instant::now();
        while let Some(entry) = self.delayed.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let (key, pending) = entry.remove();
            self.deadlines.remove(&key);
            if self.dirty.contains_key(&key) {
                continue;
            }
            self.dirty.insert(key.clone(), pending.unwrap_or_else(|| probe.begin()));
            if !self.running.contains(&key) {
                self.ready.push_back(key);
            }
        }
    }
}

impl<K: Eq + Hash + Clone> Lease<K> {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Eq + Hash + Clone> Drop for Lease<K> {
    fn drop(&mut self) {
        self.queue.finish(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_waits_once_and_never_runs_twice_at_a_time() {
        let queue = WorkQueue::new(IdleProbe::new());
        queue.add("a");
        queue.add("a");
        let lease = queue.next().await.unwrap();
        queue.add("a");
        assert!(tokio::time::timeout(Duration::from_secs(1), queue.next()).await.is_err());
        drop(lease);
        assert_eq!(queue.next().await.unwrap().key(), &"a");
        assert!(queue.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_back_off_and_are_forgotten() {
        let queue = WorkQueue::new(IdleProbe::new());
        let start = Instant::now();
        for _ in 0..3 {
            queue.add_failed("a");
            drop(queue.next().await);
        }
        assert_eq!(start.elapsed().as_millis(), 5 + 10 + 20);
        queue.forget(&"a");
        queue.add_failed("a");
        drop(queue.next().await);
        assert_eq!(start.elapsed().as_millis(), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_delay_holds() {
        let queue = WorkQueue::new(IdleProbe::new());
        let start = Instant::now();
        queue.add_after("a", Duration::from_secs(10));
        queue.add_after("a", Duration::from_secs(2));
        queue.add_after("a", Duration::from_secs(5));
        drop(queue.next().await);
        assert_eq!(start.elapsed().as_secs(), 2);
        assert!(queue.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn housekeeping_does_not_count_as_pending() {
        let probe = IdleProbe::new();
        let queue = WorkQueue::new(probe.clone());
        queue.add_later("a", Duration::from_secs(3600));
        assert_eq!(probe.pending(), 0);
        queue.add_after("b", Duration::from_secs(1));
        assert_eq!(probe.pending(), 1);
        queue.close();
        assert!(queue.next().await.is_none());
        assert_eq!(probe.pending(), 0);
    }
}
