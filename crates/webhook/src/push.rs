//! References of a repository that moved, and whom that concerns.
//! It must not know payloads.

use std::collections::BTreeSet;

use crate::identity::{RepositoryIdentity, identity, readings};
use crate::json::List;
use crate::revision::{Moved, is_tag};
use crate::{Provider, parse_revision};

/// Most references of one push that are told apart: more than people push at once, and a few dozen megabytes.
pub(crate) const MAX_UPDATES: usize = 100_000;

/// References of one repository that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Push {
    /// Who told.
    pub provider: Provider,
    /// Every URL of the repository in the payload: of its page, and where the payload has them those to clone it. Not
    /// empty; whatever is no URL of a repository is left out.
    pub urls: Vec<String>,
    /// The references that moved, in the payload's order. Empty if it does not tell, or there are too many: then any may
    /// have moved.
    pub updates: Vec<RefUpdate>,
    /// Paths from the root of the repository that were added, modified or removed. `None` if the payload does not list all
    /// of them: then any may have changed. A push that throws commits away is seen as such only if it says so, which
    /// GitHub's alone does.
    pub changed_files: Option<BTreeSet<String>>,
    identities: Vec<RepositoryIdentity>,
}

/// A reference that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefUpdate {
    /// Its name as the payload has it, with `refs/heads/` or `refs/tags/` in front wherever it is known to be of that kind.
    pub reference: String,
    /// Its short name, see [`parse_revision`].
    pub revision: String,
    /// The commit before. `None` for a new reference, or if the payload does not tell.
    pub before: Option<String>,
    /// The commit now. `None` for a deleted reference, or if the payload does not tell.
    pub after: Option<String>,
    /// Whether it is the default branch; true also where the payload does not tell which one that is, as in Argo CD.
    pub touches_default_branch: bool,
}

impl RefUpdate {
    /// Of names and ids as payloads have them: an id of nothing but zeros is none. `default_branch` may be a full name.
    pub(crate) fn new(reference: String, before: Option<String>, after: Option<String>, default: Option<&str>) -> Self {
        let revision = parse_revision(&reference).to_owned();
        let default = default.filter(|branch| !branch.is_empty());
        let is_default = default.is_none_or(|branch| parse_branch(branch) == revision);
        Self {
            touches_default_branch: is_default && may_be_branch(&reference),
            before: before.filter(|id| is_commit(id)),
            after: after.filter(|id| is_commit(id)),
            revision,
            reference,
        }
    }

    /// Whether it was there before and is there now, so that the files of the commits between are all that changed.
    pub(crate) fn is_move(&self) -> bool {
        self.before.is_some() && self.after.is_some()
    }
}

/// A default branch, which Azure DevOps gives by its full name; `release/1` is a short name.
fn parse_branch(branch: &str) -> &str {
    branch.strip_prefix("refs/heads/").unwrap_or(branch)
}

/// Tags, notes and the references that git hosts keep of pull requests are no branches.
fn may_be_branch(reference: &str) -> bool {
    reference.starts_with("refs/heads/") || !reference.starts_with("refs/")
}

fn is_commit(id: &str) -> bool {
    id.bytes().any(|byte| byte != b'0')
}

/// The references of a list in a payload. None of them if it is too long, or says of one not which it is: then any may
/// have moved.
pub(crate) fn updates<T>(list: List<T, MAX_UPDATES>, read: impl Fn(T) -> Option<RefUpdate>) -> Vec<RefUpdate> {
    let items = if list.is_cut { Vec::new() } else { list.items };
    items.into_iter().map(read).collect::<Option<_>>().unwrap_or_default()
}

impl Push {
    /// `None` if no URL is one of a repository.
    pub(crate) fn new(
        provider: Provider,
        urls: impl IntoIterator<Item = Option<String>>,
        updates: Vec<RefUpdate>,
    ) -> Option<Self> {
        let pairs = urls.into_iter().flatten().filter_map(|url| Some((identity(&url)?, url)));
        let (mut identities, urls): (Vec<_>, Vec<_>) = pairs.unzip();
        identities.sort();
        identities.dedup();
        (!urls.is_empty()).then_some(Self { provider, urls, updates, changed_files: None, identities })
    }

    /// The same with what is known of the files. They say nothing unless one reference moved that was there before.
    pub(crate) fn with_files(self, files: Option<BTreeSet<String>>) -> Self {
        let is_move = matches!(self.updates.as_slice(), [update] if update.is_move());
        Self { changed_files: files.filter(|_| is_move), ..self }
    }

    /// Whether a `repoURL` means this repository: any of the ways to write it, see [`identity`].
    #[must_use]
    pub fn is_of(&self, repo_url: &str) -> bool {
        readings(repo_url).any(|reading| self.identities.contains(&reading))
    }

    /// Whether a source with such a `targetRevision` follows a reference that moved: empty and `HEAD` follow the default
    /// branch, ranges of versions follow tags.
    #[must_use]
    pub fn concerns_revision(&self, target_revision: &str) -> bool {
        let follows = |update: &RefUpdate| {
            let is_default = update.touches_default_branch;
            let moved = Moved { revision: &update.revision, is_tag: is_tag(&update.reference), is_default };
            moved.is_followed_by(target_revision)
        };
        self.updates.is_empty() || self.updates.iter().any(follows)
    }

    /// Whether the default branch may have moved.
    #[must_use]
    pub fn touches_default_branch(&self) -> bool {
        self.updates.is_empty() || self.updates.iter().any(|update| update.touches_default_branch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: &str) -> Option<String> {
        Some(digit.repeat(40))
    }

    fn update(reference: &str, default: Option<&str>) -> RefUpdate {
        RefUpdate::new(reference.to_owned(), id("1"), id("2"), default)
    }

    #[test]
    fn the_default_branch_is_a_branch() {
        assert!(update("refs/heads/main", Some("main")).touches_default_branch);
        assert!(update("refs/heads/release/1", Some("release/1")).touches_default_branch);
        assert!(update("refs/heads/main", Some("refs/heads/main")).touches_default_branch);
        assert!(update("refs/heads/main", None).touches_default_branch);
        assert!(update("refs/heads/main", Some("")).touches_default_branch);
        assert!(!update("refs/heads/dev", Some("main")).touches_default_branch);
        assert!(!update("refs/tags/main", Some("main")).touches_default_branch);
        assert!(!update("refs/tags/v1", None).touches_default_branch);
        assert!(!update("refs/notes/main", Some("main")).touches_default_branch);
    }

    #[test]
    fn files_say_nothing_of_a_reference_that_comes_or_goes() {
        let files = || Some(BTreeSet::from(["a".to_owned()]));
        let push = |updates| Push::new(Provider::GitHub, [Some("https://x/a".to_owned())], updates).unwrap();
        let moved = update("refs/heads/main", None);
        let new = RefUpdate::new("refs/heads/new".to_owned(), id("0"), id("1"), None);
        let gone = RefUpdate::new("refs/heads/gone".to_owned(), id("1"), None, None);
        assert_eq!((&new.before, &gone.after), (&None, &None));
        assert_eq!(push(vec![moved.clone()]).with_files(files()).changed_files, files());
        for updates in [vec![new], vec![gone], vec![], vec![moved.clone(), moved]] {
            assert_eq!(push(updates).with_files(files()).changed_files, None);
        }
    }

    #[test]
    fn references_that_are_not_told_may_all_have_moved() {
        let push = Push::new(Provider::Bitbucket, [Some("https://x/a".to_owned())], vec![]).unwrap();
        assert!(push.concerns_revision("anything") && push.touches_default_branch());
        assert_eq!(
            Push::new(Provider::Bitbucket, [None, Some("file:///a".to_owned()), Some(String::new())], vec![]),
            None
        );
    }
}
