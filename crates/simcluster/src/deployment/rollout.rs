//! The arithmetic of a rollout: how many replicas each ReplicaSet may have next.
//! It must not know objects, only numbers. Upstream: `deployment/util`, `deployment/rolling.go`.

use serde_json::Value;

use crate::read;

/// How a Deployment goes from one template to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// All old pods end before a new one starts.
    Recreate,
    /// Old pods are replaced step by step within bounds.
    RollingUpdate {
        /// Pods allowed above the wanted number.
        max_surge: i64,
        /// Pods that may be unavailable.
        max_unavailable: i64,
    },
}

impl Strategy {
    /// The strategy of a Deployment that wants `replicas`. Upstream: `ResolveFenceposts`.
    pub(crate) fn of(deployment: &Value, replicas: i64) -> Self {
        if read::text(deployment, "/spec/strategy/type") == Some("Recreate") {
            return Self::Recreate;
        }
        let bound = |field: &str, round_up| {
            let value = deployment.pointer(&format!("/spec/strategy/rollingUpdate/{field}"));
            let default = Value::from("25%");
            read::scaled(value.unwrap_or(&default), replicas, round_up).unwrap_or(0)
        };
        let (max_surge, mut max_unavailable) = (bound("maxSurge", true), bound("maxUnavailable", false));
        if max_surge == 0 && max_unavailable == 0 {
            max_unavailable = 1;
        }
        Self::RollingUpdate { max_surge, max_unavailable: max_unavailable.min(replicas) }
    }

    /// Pods that may be unavailable at any time. Upstream: `MaxUnavailable`.
    pub(crate) fn max_unavailable(self) -> i64 {
        match self {
            Self::Recreate => 0,
            Self::RollingUpdate { max_unavailable, .. } => max_unavailable,
        }
    }

    /// Pods that may exist at any time.
    pub(crate) fn max_total(self, replicas: i64) -> i64 {
        match self {
            Self::Recreate => replicas,
            Self::RollingUpdate { max_surge, .. } => replicas + max_surge,
        }
    }
}

/// What a rollout needs to know of one ReplicaSet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// `spec.replicas`.
    pub wanted: i64,
    /// `status.availableReplicas`.
    pub available: i64,
}

/// How many replicas the new ReplicaSet gets next. Upstream: `NewRSNewReplicas` and `reconcileNewReplicaSet`.
pub(crate) fn next_new(strategy: Strategy, replicas: i64, new: i64, old_total: i64) -> i64 {
    if new >= replicas || strategy == Strategy::Recreate {
        return replicas;
    }
    let room = strategy.max_total(replicas) - new - old_total;
    new + room.clamp(0, replicas - new)
}

/// How many replicas each old ReplicaSet, oldest first, gets next. Unhealthy replicas go first, since they serve no
/// one; then available ones, as long as enough stay. Upstream: `reconcileOldReplicaSets`.
pub(crate) fn next_old(max_unavailable: i64, replicas: i64, new: Counts, old: &[Counts]) -> Vec<i64> {
    let mut next: Vec<i64> = old.iter().map(|counts| counts.wanted).collect();
    let min_available = replicas - max_unavailable;
    let total = new.wanted + next.iter().sum::<i64>();
    let mut budget = total - min_available - (new.wanted - new.available).max(0);
    if budget <= 0 {
        return next;
    }
    for (wanted, counts) in next.iter_mut().zip(old) {
        let unhealthy = (*wanted - counts.available).clamp(0, budget);
        *wanted -= unhealthy;
        budget -= unhealthy;
    }
    let available = new.available + old.iter().map(|counts| counts.available).sum::<i64>();
    let mut surplus = (available - min_available).max(0);
    for wanted in &mut next {
        let down = (*wanted).min(surplus);
        *wanted -= down;
        surplus -= down;
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SURGE_ONE: Strategy = Strategy::RollingUpdate { max_surge: 1, max_unavailable: 0 };

    fn counts(wanted: i64, available: i64) -> Counts {
        Counts { wanted, available }
    }

    #[test]
    fn bounds_come_from_per_cents() {
        let defaults = json!({"spec": {}});
        assert_eq!(Strategy::of(&defaults, 4), Strategy::RollingUpdate { max_surge: 1, max_unavailable: 1 },);
        let zero = json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}}});
        assert_eq!(Strategy::of(&zero, 4).max_unavailable(), 1);
    }

    #[test]
    fn the_new_set_surges_only_as_far_as_allowed() {
        assert_eq!(next_new(SURGE_ONE, 3, 0, 3), 1);
        assert_eq!(next_new(SURGE_ONE, 3, 1, 3), 1);
        assert_eq!(next_new(SURGE_ONE, 3, 1, 2), 2);
        assert_eq!(next_new(SURGE_ONE, 2, 3, 0), 2);
        assert_eq!(next_new(Strategy::Recreate, 3, 0, 0), 3);
    }

    #[test]
    fn old_sets_shrink_only_while_enough_is_available() {
        assert_eq!(next_old(0, 3, counts(1, 0), &[counts(3, 3)]), vec![3]);
        assert_eq!(next_old(0, 3, counts(1, 1), &[counts(3, 3)]), vec![2]);
        assert_eq!(next_old(1, 3, counts(1, 0), &[counts(3, 3)]), vec![2]);
    }

    #[test]
    fn unhealthy_old_replicas_go_first() {
        assert_eq!(next_old(0, 3, counts(1, 1), &[counts(3, 2)]), vec![2]);
        assert_eq!(next_old(1, 3, counts(1, 0), &[counts(1, 0), counts(2, 2)]), vec![0, 2]);
    }

    #[test]
    fn any_rollout_ends_and_keeps_its_bounds() {
        for replicas in 1..6 {
            for strategy in [SURGE_ONE, Strategy::RollingUpdate { max_surge: 0, max_unavailable: 1 }] {
                walk(strategy, replicas);
            }
        }
    }

    fn walk(strategy: Strategy, replicas: i64) {
        let (mut new, mut old) = (counts(0, 0), counts(replicas, replicas));
        for _ in 0..40 {
            new.wanted = next_new(strategy, replicas, new.wanted, old.wanted);
            assert!(new.wanted + old.wanted <= strategy.max_total(replicas));
            old.wanted = next_old(strategy.max_unavailable(), replicas, new, &[old])[0];
            old.available = old.available.min(old.wanted);
            assert!(new.available + old.available >= replicas - strategy.max_unavailable());
            new.available = new.wanted;
        }
        assert_eq!((new, old), (counts(replicas, replicas), counts(0, 0)));
    }
}
