//! Reading one repository on disk: refs, revisions, commits, trees, differences. Blocking.
//! It must not know where the repository came from; `url` is only for messages.

use std::path::Path;

use gix::bstr::ByteSlice;
use gix::refs::Category;
use jiff::Timestamp;

use crate::host::Refs;
use crate::range;
use crate::types::{Author, ChangedPath, Commit, PathStatus};
use crate::{Error, Result, name};

/// Makes repeated reads of trees cheap; a golden-path repository's trees fit many times.
const OBJECT_CACHE_BYTES: usize = 8 * 1024 * 1024;
/// Git's own lower limit for short SHAs that people use.
const SHORTEST_SHA: usize = 4;

/// Opens a repository with nothing of the user's configuration.
pub(crate) fn open(path: &Path, url: &str) -> Result<gix::ThreadSafeRepository> {
    if !path.exists() {
        return Err(Error::RepositoryNotFound { url: url.to_owned() });
    }
    let options = gix::open::Options::isolated().with(gix::sec::Trust::Full);
    gix::ThreadSafeRepository::open_opts(path, options).map_err(|error| {
        if gix::discover::is_git(path).is_err() && gix::discover::is_git(&path.join(".git")).is_err() {
            Error::RepositoryNotFound { url: url.to_owned() }
        } else {
            Error::on_disk(url, "open the repository", error)
        }
    })
}

/// Makes an empty bare repository.
pub(crate) fn init_bare(path: &Path, url: &str) -> Result<gix::ThreadSafeRepository> {
    let options = gix::open::Options::isolated()
        .with(gix::sec::Trust::Full)
        .config_overrides([format!("init.defaultBranch={}", crate::DEFAULT_BRANCH)]);
    gix::ThreadSafeRepository::init_opts(path, gix::create::Kind::Bare, gix::create::Options::default(), options)
        .map_err(|error| Error::on_disk(url, "create the repository", error))
}

/// A handle for one thread.
pub(crate) fn local(repository: &gix::ThreadSafeRepository) -> gix::Repository {
    let mut repository = repository.to_thread_local();
    repository.object_cache_size_if_unset(OBJECT_CACHE_BYTES);
    repository
}

/// All branches and tags (and other refs) with the objects they name.
pub(crate) fn refs(repository: &gix::Repository, url: &str) -> Result<Refs> {
    let failed = |error| Error::on_disk(url, "read the refs", error);
    let mut refs = Refs::new();
    for reference in repository.references().map_err(failed)?.all().map_err(failed)? {
        let reference = reference.map_err(failed)?;
        if let Some(id) = reference.try_id() {
            refs.insert(reference.name().as_bstr().to_string(), id.to_string());
        }
    }
    Ok(refs)
}

/// Whether the text can be a full or short SHA.
pub(crate) fn is_sha(revision: &str) -> bool {
    (SHORTEST_SHA..=40).contains(&revision.len()) && revision.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether the text is a full SHA.
pub(crate) fn is_full_sha(revision: &str) -> bool {
    revision.len() == 40 && is_sha(revision)
}

/// The full ref names that a revision may mean, most likely first.
pub(crate) fn ref_candidates(revision: &str) -> Vec<String> {
    if revision.starts_with("refs/") {
        return vec![revision.to_owned()];
    }
    vec![format!("refs/heads/{revision}"), format!("refs/tags/{revision}")]
}

/// Finds the commit that a branch, tag, `HEAD` (or nothing), full or short SHA means.
pub(crate) fn resolve(repository: &gix::Repository, url: &str, revision: &str) -> Result<Commit> {
    if matches!(revision, "" | "HEAD") {
        let head = repository.head_commit().map_err(|_| not_found(repository, url, "HEAD"))?;
        return describe(&head, url);
    }
    for candidate in ref_candidates(revision) {
        if let Ok(Some(mut reference)) = repository.try_find_reference(candidate.as_str()) {
            let commit = reference.peel_to_commit().map_err(|_| not_found(repository, url, revision))?;
            return describe(&commit, url);
        }
    }
    if let Some(tag) = tag_in_range(&refs(repository, url)?, revision) {
        let mut reference =
            repository.find_reference(tag.as_str()).map_err(|_| not_found(repository, url, revision))?;
        let commit = reference.peel_to_commit().map_err(|_| not_found(repository, url, revision))?;
        return describe(&commit, url);
    }
    describe(&commit_of_sha(repository, url, revision)?, url)
}

/// The tag that a range of versions means, by its full name.
pub(crate) fn tag_in_range(refs: &Refs, revision: &str) -> Option<String> {
    let range = range::parse(revision)?;
    let tags = refs.keys().filter_map(|name| name.strip_prefix("refs/tags/"));
    range.highest(tags).map(|tag| format!("refs/tags/{tag}"))
}

/// Finds a commit by full or short SHA, also through an annotated tag's.
pub(crate) fn commit_of_sha<'r>(repository: &'r gix::Repository, url: &str, revision: &str) -> Result<gix::Commit<'r>> {
    let missing = || not_found(repository, url, revision);
    if !is_sha(revision) {
        return Err(missing());
    }
    let id = repository.rev_parse_single(revision.as_bytes().as_bstr()).map_err(|_| missing())?;
    id.object().and_then(|object| object.peel_to_commit()).map_err(|_| missing())
}

fn not_found(repository: &gix::Repository, url: &str, revision: &str) -> Error {
    let names: Vec<String> = refs(repository, url).unwrap_or_default().into_keys().collect();
    Error::RevisionNotFound { url: url.to_owned(), revision: revision.to_owned(), hint: hint(&names) }
}

/// What a person can ask for instead.
pub(crate) fn hint<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN: usize = 5;
    let mut branches: Vec<&str> = names.iter().filter_map(|name| name.as_ref().strip_prefix("refs/heads/")).collect();
    if branches.is_empty() {
        return "it has no branches yet, push a commit first".to_owned();
    }
    let more = if branches.len() > SHOWN { ", …" } else { "" };
    branches.truncate(SHOWN);
    format!("it has the branches {}{more}; use one of them, a tag or a commit", branches.join(", "))
}

/// What is known of a commit.
pub(crate) fn describe(commit: &gix::Commit<'_>, url: &str) -> Result<Commit> {
    let failed = |error| Error::on_disk(url, "read a commit", error);
    let author = commit.author().map_err(failed)?;
    let seconds = commit.time().map_err(failed)?.seconds;
    Ok(Commit {
        sha: commit.id().to_string(),
        author: Author::new(author.name.to_str_lossy(), author.email.to_str_lossy()),
        message: commit.message_raw_sloppy().to_str_lossy().into_owned(),
        time: Timestamp::from_second(seconds).unwrap_or_default(),
        parents: commit.parent_ids().map(|id| id.to_string()).collect(),
    })
}

/// The id of a file or directory in a commit; `None` when there is none.
pub(crate) fn path_id(repository: &gix::Repository, url: &str, sha: &str, path: &str) -> Result<Option<String>> {
    let path = name::normalise_path(path)?;
    let failed = |error| Error::on_disk(url, "read a tree", error);
    let tree = commit_of_sha(repository, url, sha)?.tree().map_err(failed)?;
    if path.is_empty() {
        return Ok(Some(tree.id().to_string()));
    }
    let entry = tree.lookup_entry(path.split('/')).map_err(failed)?;
    Ok(entry.map(|entry| entry.object_id().to_string()))
}

/// The paths of files that differ between two commits, sorted.
pub(crate) fn changed_paths(repository: &gix::Repository, url: &str, from: &str, to: &str) -> Result<Vec<ChangedPath>> {
    let failed = |error| Error::on_disk(url, "compare two commits", error);
    let before = commit_of_sha(repository, url, from)?.tree().map_err(failed)?;
    let after = commit_of_sha(repository, url, to)?.tree().map_err(failed)?;
    let mut recorder = gix::diff::tree::Recorder::default();
    gix::diff::tree(
        gix::objs::TreeRefIter::from_bytes(&before.data, before.id.kind()),
        gix::objs::TreeRefIter::from_bytes(&after.data, after.id.kind()),
        gix::diff::tree::State::default(),
        &repository.objects,
        &mut recorder,
    )
    .map_err(|error| Error::on_disk(url, "compare two commits", error))?;
    let mut paths: Vec<ChangedPath> = recorder.records.into_iter().filter_map(changed_path).collect();
    paths.sort();
    Ok(paths)
}

fn changed_path(change: gix::diff::tree::recorder::Change) -> Option<ChangedPath> {
    use gix::diff::tree::recorder::Change;
    let (mode, path, status) = match change {
        Change::Addition { entry_mode, path, .. } => (entry_mode, path, PathStatus::Added),
        Change::Deletion { entry_mode, path, .. } => (entry_mode, path, PathStatus::Deleted),
        Change::Modification { entry_mode, path, .. } => (entry_mode, path, PathStatus::Modified),
    };
    (!mode.is_tree()).then(|| ChangedPath { path: path.to_str_lossy().into_owned(), status })
}

/// Whether a working tree of this repository has the branch checked out.
pub(crate) fn is_checked_out(repository: &gix::Repository, branch: &gix::refs::FullName) -> bool {
    let head = repository.head_name().ok().flatten();
    let is_branch = branch.category() == Some(Category::LocalBranch);
    !repository.is_bare() && is_branch && head.as_ref() == Some(branch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_shas_from_names() {
        assert!(is_sha("abcd123") && is_full_sha(&"a".repeat(40)));
        assert!(!is_sha("main") && !is_sha("abc") && !is_sha(&"a".repeat(41)));
    }

    #[test]
    fn hints_at_what_is_there() {
        assert!(hint(&["refs/tags/v1"]).contains("no branches yet"));
        assert!(hint(&["refs/heads/main"]).contains("the branches main;"));
        let many: Vec<String> = (0..9).map(|i| format!("refs/heads/b{i}")).collect();
        assert!(hint(&many).contains("b4, …"));
    }
}
