//! The record of finished syncs.
//! It must not know how a sync is run.

use mainstay_api::argoproj::{OperationState, RevisionHistory};

/// Entries kept where an application does not say, as upstream.
const DEFAULT_LIMIT: i64 = 10;

/// Adds an entry under the next id and drops the oldest beyond the limit.
#[must_use]
pub fn record(history: &[RevisionHistory], mut entry: RevisionHistory, limit: Option<i64>) -> Vec<RevisionHistory> {
    entry.id = history.last().map_or(0, |last| last.id + 1);
    let mut history = history.to_vec();
    history.push(entry);
    let limit = usize::try_from(limit.unwrap_or(DEFAULT_LIMIT)).unwrap_or(0);
    let extra = history.len().saturating_sub(limit);
    history.split_off(extra)
}

/// The entry of a finished operation.
#[must_use]
pub fn entry(state: &OperationState) -> RevisionHistory {
    let result = state.sync_result.clone().unwrap_or_default();
    RevisionHistory {
        id: 0,
        revision: result.revision,
        source: result.source,
        revisions: result.revisions,
        sources: result.sources,
        deployed_at: state.finished_at.clone(),
        deploy_started_at: state.started_at.clone(),
        initiated_by: state.operation.initiated_by.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_and_old_entries_go() {
        let mut history = Vec::new();
        for revision in ["a", "b", "c"] {
            history =
                record(&history, RevisionHistory { revision: revision.into(), ..RevisionHistory::default() }, Some(2));
        }
        let kept: Vec<_> = history.iter().map(|entry| (entry.id, entry.revision.as_str())).collect();
        assert_eq!(kept, [(1, "b"), (2, "c")]);
        assert!(record(&history, RevisionHistory::default(), Some(0)).is_empty());
    }
}
