//! The arithmetic of scaling in the middle of a rollout: each ReplicaSet grows or shrinks in proportion.
//! It must not know objects, only numbers. Upstream: `scale` in `deployment/sync.go`, `GetReplicaSetProportion`.

/// A ReplicaSet that has pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// `spec.replicas`.
    pub size: i64,
    /// How many pods the Deployment could have when the set was scaled last.
    pub max_before: Option<i64>,
}

/// The new sizes of the parts, largest first, of a Deployment that wants `replicas` and may have `max_total` pods now.
/// What rounding leaves over goes to the first.
pub(super) fn spread(parts: &[Part], replicas: i64, max_total: i64, present: i64) -> Vec<i64> {
    let allowed = if replicas > 0 { max_total } else { 0 };
    let to_add = allowed - parts.iter().map(|part| part.size).sum::<i64>();
    let mut added = 0;
    let mut sizes: Vec<i64> = Vec::new();
    for part in parts {
        let left = to_add - added;
        let share = share(*part, replicas, max_total, present);
        let share = if to_add > 0 { share.min(left) } else { share.max(left) };
        let share = if part.size == 0 || left == 0 { 0 } else { share };
        added += share;
        sizes.push(part.size + share);
    }
    if let Some(first) = sizes.first_mut() {
        *first = (*first + to_add - added).max(0);
    }
    sizes
}

/// Upstream: `getReplicaSetFraction`.
fn share(part: Part, replicas: i64, max_total: i64, present: i64) -> i64 {
    if replicas == 0 {
        return -part.size;
    }
    let before = part.max_before.filter(|before| *before > 0).unwrap_or(present);
    if before == 0 {
        return 0;
    }
    // Rounded half up.
    (2 * part.size * max_total + before).div_euclid(2 * before) - part.size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(sizes: &[i64], max_before: i64, replicas: i64, max_total: i64) -> Vec<i64> {
        let parts: Vec<Part> = sizes.iter().map(|size| Part { size: *size, max_before: Some(max_before) }).collect();
        spread(&parts, replicas, max_total, sizes.iter().sum())
    }

    #[test]
    fn growth_is_shared_in_proportion() {
        // The example of the documentation of Deployments: 10 replicas, maxSurge 3, then 15.
        assert_eq!(run(&[8, 5], 13, 15, 18), [11, 7]);
        assert_eq!(run(&[5, 5], 11, 20, 21), [11, 10], "the first takes what is left over");
    }

    #[test]
    fn shrinking_is_shared_too_and_zero_empties_all() {
        assert_eq!(run(&[8, 5], 13, 5, 8), [5, 3]);
        assert_eq!(run(&[8, 5], 13, 0, 3), [0, 0]);
        assert_eq!(
            spread(&[Part { size: 4, max_before: None }, Part { size: 1, max_before: None }], 10, 11, 5),
            [9, 2]
        );
    }
}
