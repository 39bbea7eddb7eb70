//! A cache with a budget: what was used longest ago goes first.
//! It must not know what it holds.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Holds values until their weights together exceed a budget. Values are cheap to clone.
pub(crate) struct Cache<K, V> {
    budget: usize,
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    entries: HashMap<K, (V, usize, u64)>,
    by_use: BTreeMap<u64, K>,
    weight: usize,
    tick: u64,
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    /// An empty cache; the budget is in the unit of the weights.
    pub(crate) fn new(budget: usize) -> Self {
        let state = State { entries: HashMap::new(), by_use: BTreeMap::new(), weight: 0, tick: 0 };
        Self { budget, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let mut state = self.lock();
        let State { entries, by_use, tick, .. } = &mut *state;
        let (value, _, used) = entries.get_mut(key)?;
        *tick += 1;
        by_use.remove(used);
        by_use.insert(*tick, key.clone());
        *used = *tick;
        Some(value.clone())
    }

    pub(crate) fn put(&self, key: K, value: V, weight: usize) {
        let mut state = self.lock();
        state.remove(&key);
        if weight > self.budget {
            return;
        }
        state.tick += 1;
        let tick = state.tick;
        state.weight += weight;
        state.by_use.insert(tick, key.clone());
        state.entries.insert(key, (value, weight, tick));
        while state.weight > self.budget {
            let Some((_, oldest)) = state.by_use.pop_first() else { break };
            if let Some((_, weight, _)) = state.entries.remove(&oldest) {
                state.weight -= weight;
            }
        }
    }

    pub(crate) fn forget(&self, key: &K) {
        self.lock().remove(key);
    }
}

impl<K: Eq + Hash + Clone, V> State<K, V> {
    fn remove(&mut self, key: &K) {
        if let Some((_, weight, used)) = self.entries.remove(key) {
            self.by_use.remove(&used);
            self.weight -= weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_first() {
        let cache = Cache::new(10);
        cache.put("a", 1, 5);
        cache.put("b", 2, 5);
        assert_eq!(cache.get(&"a"), Some(1));
        cache.put("c", 3, 5);
        assert_eq!((cache.get(&"a"), cache.get(&"b"), cache.get(&"c")), (Some(1), None, Some(3)));
        cache.put("huge", 4, 11);
        cache.forget(&"a");
        assert_eq!((cache.get(&"huge"), cache.get(&"a")), (None, None));
    }
}
