//! Which files the commits of a push changed, as far as its payload tells.
//! It must not know which git host sent it.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::json::List;

/// Most files of one commit. GitHub lists no more, so a commit with as many may have changed others.
const MAX_FILES_OF_COMMIT: usize = 3000;
/// Most commits of one push. GitHub lists no more.
const MAX_COMMITS: u64 = 2048;
/// Most different files that are remembered; with more of them everything counts as changed. Far above what a person
/// pushes, and a few megabytes.
const MAX_FILES: usize = 100_000;
/// Longest path, in bytes, as the file systems that git checks out to have it. A longer one is only sent to do harm.
const MAX_PATH: usize = 4096;

/// One commit of a payload.
#[derive(Deserialize)]
struct Commit {
    added: Option<Paths>,
    modified: Option<Paths>,
    removed: Option<Paths>,
}

/// Paths from the root of a repository.
type Paths = List<String, MAX_FILES_OF_COMMIT>;

/// The commits of a payload, of which only the files are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commits {
    count: u64,
    files: BTreeSet<String>,
    is_cut: bool,
}

impl Commits {
    /// How many there are in the payload.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The files, if they are all: `total` is how many commits were pushed, where the git host says so. Without any file
    /// nothing is known, as in Argo CD.
    pub(crate) fn files(self, total: Option<u64>) -> Option<BTreeSet<String>> {
        let is_all = !self.is_cut && self.count < MAX_COMMITS && total.is_none_or(|total| total <= self.count);
        Some(self.files).filter(|files| is_all && !files.is_empty())
    }

    fn take(&mut self, commit: Commit) {
        self.count += 1;
        let lists: Vec<Paths> = [commit.added, commit.modified, commit.removed].into_iter().flatten().collect();
        let length: usize = lists.iter().map(|list| list.items.len()).sum();
        let is_odd = |list: &Paths| list.is_cut || list.items.iter().any(|path| path.len() > MAX_PATH);
        // A commit that says nothing of files may have changed any.
        self.is_cut |= lists.is_empty() || length >= MAX_FILES_OF_COMMIT || lists.iter().any(is_odd);
        if self.is_cut {
            self.files.clear();
            return;
        }
        self.files.extend(lists.into_iter().flat_map(|list| list.items).filter(|path| !path.is_empty()));
        self.is_cut = self.files.len() > MAX_FILES;
    }
}

impl<'de> Deserialize<'de> for Commits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(CommitsVisitor)
    }
}

/// Reads one commit after the other, so that no more than one is in memory.
struct CommitsVisitor;

impl<'de> Visitor<'de> for CommitsVisitor {
    type Value = Commits;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of commits")
    }

    fn visit_none<E>(self) -> Result<Commits, E> {
        Ok(Commits::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Commits, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut commits: A) -> Result<Commits, A::Error> {
        let mut all = Commits::default();
        while let Some(commit) = commits.next_element()? {
            all.take(commit);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn files(commits: Value, total: Option<u64>) -> Option<Vec<String>> {
        let commits: Commits = serde_json::from_value(commits).unwrap();
        commits.files(total).map(|files| files.into_iter().collect())
    }

    #[test]
    fn files_of_all_commits_count_once() {
        let commits = json!([
            {"added": ["b", ""], "modified": [], "removed": null},
            {"added": ["a"], "modified": ["b", null], "removed": ["c"]},
        ]);
        assert_eq!(files(commits.clone(), None), Some(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));
        assert_eq!(files(commits.clone(), Some(2)).map(|files| files.len()), Some(3));
        assert_eq!(files(commits, Some(3)), None, "one commit is not shown");
    }

    #[test]
    fn what_is_cut_or_not_told_is_not_known() {
        assert_eq!(files(json!([]), None), None);
        assert_eq!(files(Value::Null, None), None);
        assert_eq!(files(json!([{"added": ["a"]}, {"id": "1"}]), None), None, "a commit without lists");
        let many: Vec<String> = (0..MAX_FILES_OF_COMMIT).map(|index| index.to_string()).collect();
        assert_eq!(files(json!([{"added": many}]), None), None);
        assert_eq!(files(json!([{"added": many[..1000], "removed": many[1000..]}]), None), None);
        assert!(files(json!([{"added": many[1..]}]), None).is_some());
        assert!(files(json!([{"added": ["x".repeat(MAX_PATH)]}]), None).is_some());
        assert_eq!(files(json!([{"added": ["a"]}, {"added": ["x".repeat(MAX_PATH + 1)]}]), None), None);
        let commits: Vec<Value> = (0..MAX_COMMITS).map(|_| json!({"added": ["a"]})).collect();
        assert_eq!(files(json!(commits), None), None);
        assert!(files(json!(commits[1..]), None).is_some());
    }
}
