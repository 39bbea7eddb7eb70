//! Reading any repository by its URL, wherever it is. Async; the work runs on the blocking threads.
//! It must not know what the files mean, or how often anybody should ask.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::host::{blocking, lock};
use crate::location::{Location, locate, without_password};
use crate::mirror::{Listing, Mirror};
use crate::program::Program;
use crate::tree::{Files, Query, Tree};
use crate::types::{Account, ChangedPath, Commit, NewCommit, Reference};
use crate::{Error, GitHost, Result, push, read, tree, write};

/// How [`Repositories`] reads.
#[derive(Clone)]
pub struct Options {
    /// Where mirrors of remote repositories are kept.
    pub cache: PathBuf,
    /// The embedded host, whose repositories are read in place.
    pub host: Option<GitHost>,
    /// Files larger than this many bytes are skipped with a note.
    pub blob_limit: u64,
    /// The `git` program, needed only to commit to remote repositories.
    pub git: PathBuf,
}

impl Options {
    /// A cache directory, no embedded host, and at most 10 MiB per file: far above any manifest.
    #[must_use]
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self { cache: cache.into(), host: None, blob_limit: 10 * 1024 * 1024, git: PathBuf::from("git") }
    }

    /// Reads this host's repositories from disk.
    #[must_use]
    pub fn with_host(mut self, host: GitHost) -> Self {
        self.host = Some(host);
        self
    }
}

/// Reads repositories by URL: of the embedded host, `http(s)://`, `file://`, or a path. Cheap to clone.
#[derive(Clone)]
pub struct Repositories {
    inner: Arc<Inner>,
}

/// Finds the account for a URL.
pub type Accounts = Arc<dyn Fn(&str) -> Option<Account> + Send + Sync>;

struct Inner {
    options: Options,
    mirrors: Mutex<BTreeMap<String, Arc<Mirror>>>,
    accounts: Mutex<Option<Accounts>>,
}

impl Repositories {
    /// Nothing is read or made before it is needed.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { inner: Arc::new(Inner { options, mirrors: Mutex::default(), accounts: Mutex::default() }) }
    }

    /// Asks remote repositories in the name of accounts from now on; a URL with a name in it stays as it is.
    pub fn set_accounts(&self, accounts: Accounts) {
        *lock(&self.inner.accounts) = Some(accounts);
    }

    /// The account for a URL.
    fn account(&self, url: &str) -> Option<Account> {
        let accounts = lock(&self.inner.accounts).clone();
        accounts.and_then(|accounts| accounts(url))
    }

    /// Finds the commit that a branch, tag, `HEAD` (or an empty text), full or short SHA means now. Asks a remote
    /// for its refs each time, except for a full SHA that is here already; those who ask at the same time share one
    /// answer.
    ///
    /// # Errors
    /// [`Error::RevisionNotFound`] and [`Error::RepositoryNotFound`] are terminal, [`Error::Unreachable`] is not.
    pub async fn resolve(&self, url: &str, revision: &str) -> Result<Commit> {
        let Location::Remote(remote) = self.locate(url)? else {
            let revision = revision.to_owned();
            return self.on_disk(url, move |repository, url| read::resolve(repository, url, &revision)).await;
        };
        let mirror = self.mirror(&remote);
        let safe_url = without_password(&remote);
        let target = if read::is_full_sha(revision) && has_commit(mirror.clone(), revision).await? {
            revision.to_owned()
        } else {
            let listing = mirror.update(self.account(&remote)).await?;
            target_of(&listing, revision).ok_or_else(|| missing(&listing, &safe_url, revision))?
        };
        blocking(move || {
            let repository = read::local(&mirror.open()?);
            read::describe(&read::commit_of_sha(&repository, &safe_url, &target)?, &safe_url)
        })
        .await
    }

    /// Branches and tags, sorted by name.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub async fn references(&self, url: &str) -> Result<Vec<Reference>> {
        let refs = match self.locate(url)? {
            Location::Remote(remote) => self.mirror(&remote).update(self.account(&remote)).await?.refs.clone(),
            _ => self.on_disk(url, read::refs).await?,
        };
        let wanted = |name: &String| name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
        Ok(refs.into_iter().filter(|(name, _)| wanted(name)).map(|(name, sha)| Reference { name, sha }).collect())
    }

    /// What is known of a commit.
    ///
    /// # Errors
    /// When there is no such commit.
    pub async fn commit(&self, url: &str, sha: &str) -> Result<Commit> {
        self.resolve(url, sha).await
    }

    /// Reads all files under a path of a commit.
    ///
    /// # Errors
    /// When the commit or the path does not exist.
    pub async fn tree(&self, url: &str, sha: &str, path: &str) -> Result<Tree> {
        self.tree_where(url, sha, path, |_| true).await
    }

    /// Like [`Repositories::tree`], but reads only the files whose path (from the root of the repository) is wanted.
    ///
    /// # Errors
    /// When the commit or the path does not exist.
    pub async fn tree_where(
        &self,
        url: &str,
        sha: &str,
        path: &str,
        wanted: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<Tree> {
        let (commit, path, blob_limit) = (sha.to_owned(), path.to_owned(), self.inner.options.blob_limit);
        self.at_commit(url, vec![sha.to_owned()], move |repository, url| {
            tree::read(repository, url, &commit, &Query { path: &path, wanted: &wanted, blob_limit })
        })
        .await
    }

    /// Works with the files of a commit, on a blocking thread.
    ///
    /// # Errors
    /// When the commit does not exist, or a file that was asked for could not be read.
    pub async fn with_files<T: Send + 'static>(
        &self,
        url: &str,
        sha: &str,
        work: impl FnOnce(&Files<'_>) -> T + Send + 'static,
    ) -> Result<T> {
        let (commit, blob_limit) = (sha.to_owned(), self.inner.options.blob_limit);
        self.at_commit(url, vec![sha.to_owned()], move |repository, url| {
            let files = Files::open(repository, url, &commit, blob_limit)?;
            let done = work(&files);
            files.check().map(|()| done)
        })
        .await
    }

    /// The id of a file or directory in a commit, which is the same as long as nothing in it changes; `None` when
    /// there is none.
    ///
    /// # Errors
    /// When the commit does not exist.
    pub async fn tree_oid(&self, url: &str, sha: &str, path: &str) -> Result<Option<String>> {
        let ids = self.path_oids(url, sha, &[path.to_owned()]).await?;
        Ok(ids.into_iter().flatten().next())
    }

    /// The same of several files or directories.
    ///
    /// # Errors
    /// When the commit does not exist.
    pub async fn path_oids(&self, url: &str, sha: &str, paths: &[String]) -> Result<Vec<Option<String>>> {
        let (commit, paths) = (sha.to_owned(), paths.to_vec());
        self.at_commit(url, vec![sha.to_owned()], move |repository, url| {
            paths.iter().map(|path| read::path_id(repository, url, &commit, path)).collect()
        })
        .await
    }

    /// The paths of files that differ between two commits, sorted.
    ///
    /// # Errors
    /// When one of the commits does not exist.
    pub async fn changed_paths(&self, url: &str, from: &str, to: &str) -> Result<Vec<ChangedPath>> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.at_commit(url, vec![from.clone(), to.clone()], move |repository, url| {
            read::changed_paths(repository, url, &from, &to)
        })
        .await
    }

    /// Commits to a branch and gives the SHA; the branch's present SHA when nothing changes. A remote repository is
    /// pushed to with the `git` program.
    ///
    /// # Errors
    /// When a path or the branch name is not allowed, the branch is checked out in a working tree, or the remote
    /// refuses.
    pub async fn commit_files(&self, url: &str, commit: NewCommit) -> Result<String> {
        match self.locate(url)? {
            Location::Hosted(name) => match &self.inner.options.host {
                Some(host) => host.commit_files(&name, commit).await,
                None => Err(Error::RepositoryNotFound { url: url.to_owned() }),
            },
            Location::Local(_) => {
                self.on_disk(url, move |repository, url| write::commit(repository, url, &commit)).await
            }
            Location::Remote(remote) => {
                let program = Program::unchecked(&self.inner.options.git);
                push::commit(self.mirror(&remote), &program, (&remote, self.account(&remote)), commit).await
            }
        }
    }

    /// Runs a read that needs some commits; a remote is asked only when one of them is not here yet.
    async fn at_commit<T: Send + 'static>(
        &self,
        url: &str,
        shas: Vec<String>,
        work: impl FnOnce(&gix::Repository, &str) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if let Location::Remote(remote) = self.locate(url)? {
            let mirror = self.mirror(&remote);
            for sha in shas {
                if !has_commit(mirror.clone(), &sha).await? {
                    mirror.update(self.account(&remote)).await?;
                }
            }
        }
        self.on_disk(url, work).await
    }

    /// Runs a read on what is on disk.
    async fn on_disk<T: Send + 'static>(
        &self,
        url: &str,
        work: impl FnOnce(&gix::Repository, &str) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let safe_url = without_password(url);
        match (self.locate(url)?, &self.inner.options.host) {
            (Location::Hosted(name), Some(host)) => {
                let hosted = host.hosted(&name).await?;
                blocking(move || work(&read::local(&hosted.repository), &safe_url)).await
            }
            (Location::Remote(remote), _) => {
                let mirror = self.mirror(&remote);
                blocking(move || work(&read::local(&mirror.open()?), &safe_url)).await
            }
            (Location::Local(path), _) => {
                blocking(move || work(&read::local(&read::open(&path, &safe_url)?), &safe_url)).await
            }
            (Location::Hosted(_), None) => Err(Error::RepositoryNotFound { url: safe_url }),
        }
    }

    fn locate(&self, url: &str) -> Result<Location> {
        locate(url, self.inner.options.host.as_ref())
    }

    fn mirror(&self, url: &str) -> Arc<Mirror> {
        let mut mirrors = lock(&self.inner.mirrors);
        let made = || Arc::new(Mirror::new(url, &self.inner.options.cache));
        mirrors.entry(url.to_owned()).or_insert_with(made).clone()
    }
}

async fn has_commit(mirror: Arc<Mirror>, sha: &str) -> Result<bool> {
    let sha = sha.to_owned();
    blocking(move || {
        let repository = mirror.open()?.to_thread_local();
        Ok(read::commit_of_sha(&repository, "", &sha).is_ok())
    })
    .await
}

/// The object that a revision means by a remote's listing; a SHA means itself.
fn target_of(listing: &Listing, revision: &str) -> Option<String> {
    if matches!(revision, "" | "HEAD") {
        return listing.head.clone();
    }
    let named = read::ref_candidates(revision).iter().find_map(|name| listing.refs.get(name).cloned());
    let tagged = || listing.refs.get(&read::tag_in_range(&listing.refs, revision)?).cloned();
    named.or_else(tagged).or_else(|| read::is_sha(revision).then(|| revision.to_owned()))
}

fn missing(listing: &Listing, url: &str, revision: &str) -> Error {
    let names: Vec<&String> = listing.refs.keys().collect();
    let revision = if revision.is_empty() { "HEAD" } else { revision };
    Error::RevisionNotFound { url: url.to_owned(), revision: revision.to_owned(), hint: read::hint(&names) }
}
