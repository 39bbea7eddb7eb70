//! Sets of completion indexes, as a Job's status writes them: `0,2-5`. It must not know Jobs.
//! Upstream: `pkg/controller/job/indexed_job_utils.go`.

use std::collections::BTreeSet;
use std::fmt;

use mainstay_apimachinery::object;
use serde_json::Value;

/// Annotation and label of a pod with its index.
pub(super) const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// A set of indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Indexes(pub BTreeSet<i64>);

impl Indexes {
    /// Reads the text of a status or of a success policy, without what is not below `completions`.
    pub(super) fn parse(text: &str, completions: i64) -> Self {
        let bounds = text.split(',').filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some((first.parse::<i64>().ok()?, last.parse::<i64>().ok()?))
        });
        Self(bounds.flat_map(|(first, last)| first..=last.min(completions - 1)).collect())
    }

    /// Whether an index is among them.
    pub(super) fn has(&self, index: i64) -> bool {
        self.0.contains(&index)
    }

    /// How many there are.
    pub(super) fn len(&self) -> i64 {
        i64::try_from(self.0.len()).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for Indexes {
    /// Three or more in a row are a range; upstream's `orderedIntervals.String`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<i64> = self.0.iter().copied().collect();
        for (position, run) in all.chunk_by(|a, b| a + 1 == *b).enumerate() {
            let comma = if position > 0 { "," } else { "" };
            match run {
                [one] => write!(f, "{comma}{one}")?,
                [first, last] => write!(f, "{comma}{first},{last}")?,
                [first, .., last] => write!(f, "{comma}{first}-{last}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

/// The index of a pod.
pub(super) fn of(pod: &Value) -> Option<i64> {
    object::annotation(pod, INDEX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_three_are_ranges() {
        for text in ["", "0", "0,1", "0-2", "0,1,3,5-9"] {
            assert_eq!(Indexes::parse(text, 100).to_string(), text);
        }
        assert_eq!(Indexes::parse("0,1,2,4-9", 6).to_string(), "0-2,4,5");
    }
}
