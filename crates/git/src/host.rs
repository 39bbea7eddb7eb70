//! The embedded host: bare repositories under one directory, and an event for every change of their refs.
//! It must not know HTTP (`routes` does), or who listens to the events.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Semaphore, broadcast};

use crate::program::Program;
use crate::types::NewCommit;
use crate::{Error, Result, name, read, write};

/// Pushes that a slow listener may lag behind before it misses some (it then resyncs by reading the refs).
const EVENT_CAPACITY: usize = 1024;
/// Git processes served at once: each may take a core and some memory, the rest wait in line.
const PROCESS_LIMIT: usize = 32;
/// Ref changes of one repository between two looks at whether it wants packing.
const MAINTENANCE_INTERVAL: u32 = 256;

/// How URLs name the loopback interface, in the form they are kept in and in the other common one.
const LOOPBACK: &str = "://127.0.0.1:";
const LOCALHOST: &str = "://localhost:";

/// Refs by full name with the object each names.
pub(crate) type Refs = BTreeMap<String, String>;

/// A change of one ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefUpdate {
    /// Full name, such as `refs/heads/main`.
    pub reference: String,
    /// SHA before; `None` when the ref is new.
    pub old: Option<String>,
    /// SHA now; `None` when the ref is gone.
    pub new: Option<String>,
}

impl RefUpdate {
    /// The branch's name, when this is a branch.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.reference.strip_prefix("refs/heads/")
    }
}

/// Refs of a hosted repository changed. Sent before the push is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Name of the repository.
    pub repo: String,
    /// What changed, sorted by ref; never empty.
    pub updates: Vec<RefUpdate>,
    /// When the host saw the new refs.
    pub received_at: Timestamp,
}

/// How a [`GitHost`] runs.
#[derive(Clone)]
pub struct HostOptions {
    /// The `git` program; looked up on the PATH when it is a bare name.
    pub git: PathBuf,
    /// Tells the time of [`Push::received_at`].
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl HostOptions {
    /// `git` from the PATH, and the given clock.
    #[must_use]
    pub fn new(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { git: PathBuf::from("git"), clock: Arc::new(clock) }
    }
}

/// The embedded host. Cheap to clone.
#[derive(Clone)]
pub struct GitHost {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    program: Program,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pushes: broadcast::Sender<Push>,
    hosted: Mutex<BTreeMap<String, Arc<Hosted>>>,
    base_urls: Mutex<Vec<String>>,
    processes: Arc<Semaphore>,
}

/// One repository of the host.
pub(crate) struct Hosted {
    pub(crate) name: String,
    pub(crate) repository: gix::ThreadSafeRepository,
    /// The refs that listeners were told of. The lock also orders the events.
    known: Mutex<Refs>,
    /// Held while a commit is made here, so that two of them do not race for nothing.
    writing: Mutex<()>,
    changes: AtomicU32,
}

impl GitHost {
    /// Opens the repositories under `root`, which is made when it does not exist.
    ///
    /// # Errors
    /// When `git` is missing or too old (the message says what to install), or a repository cannot be read.
    pub async fn open(root: impl Into<PathBuf>, options: HostOptions) -> Result<Self> {
        let root = root.into();
        let program = Program::find(&options.git).await?;
        let (names, root) = blocking(move || Ok((scan(&root)?, root))).await?;
        let host = Self {
            inner: Arc::new(Inner {
                root,
                program,
                clock: options.clock,
                pushes: broadcast::channel(EVENT_CAPACITY).0,
                hosted: Mutex::default(),
                base_urls: Mutex::default(),
                processes: Arc::new(Semaphore::new(PROCESS_LIMIT)),
            }),
        };
        for name in names {
            host.hosted(&name).await?;
        }
        Ok(host)
    }

    /// Makes a repository with the default branch `main`; no error when it exists.
    ///
    /// # Errors
    /// When the name is not allowed, or the disk refuses.
    pub async fn create(&self, name: &str) -> Result<()> {
        name::check_repository(name)?;
        let (root, path, url) = (self.inner.root.clone(), self.path(name), name.to_owned());
        blocking(move || if path.exists() { Ok(()) } else { init(&root, &path, &url) }).await?;
        self.hosted(name).await?;
        Ok(())
    }

    /// Names of the repositories, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        lock(&self.inner.hosted).keys().cloned().collect()
    }

    /// Tells under which URL the router is reachable, such as `http://127.0.0.1:8080/git`, so that
    /// [`Repositories`](crate::Repositories) reads such repositories from disk. May be called more than once; the
    /// first is the one that [`GitHost::url`] gives out.
    pub fn add_base_url(&self, url: &str) {
        lock(&self.inner.base_urls).push(canonical(url));
    }

    /// The URL of a repository, once the host was told where it is reachable.
    #[must_use]
    pub fn url(&self, name: &str) -> Option<String> {
        lock(&self.inner.base_urls).first().map(|base| format!("{base}/{name}.git"))
    }

    /// All URLs of a repository that manifests may name it by.
    #[must_use]
    pub fn urls(&self, name: &str) -> Vec<String> {
        let bases = lock(&self.inner.base_urls);
        let loopback =
            bases.iter().filter(|base| base.contains(LOOPBACK)).map(|base| base.replace(LOOPBACK, LOCALHOST));
        let all = bases.iter().cloned().chain(loopback);
        all.map(|base| format!("{base}/{name}.git")).collect()
    }

    /// Listens to changes of refs from now on.
    #[must_use]
    pub fn pushes(&self) -> broadcast::Receiver<Push> {
        self.inner.pushes.subscribe()
    }

    /// The smart HTTP routes, to be nested where [`GitHost::add_base_url`] says, usually at `/git`.
    pub fn router(&self) -> axum::Router {
        crate::routes::router(self.clone())
    }

    /// Commits to a branch and gives the SHA. Nothing new to commit: the branch's present SHA, and no event.
    ///
    /// # Errors
    /// When the repository does not exist or a path or the branch name is not allowed.
    pub async fn commit_files(&self, name: &str, commit: NewCommit) -> Result<String> {
        let hosted = self.hosted(name).await?;
        let host = self.clone();
        blocking(move || {
            let _one_at_a_time = lock(&hosted.writing);
            let sha = write::commit(&hosted.repository.to_thread_local(), &hosted.name, &commit)?;
            host.observe(&hosted)?;
            Ok(sha)
        })
        .await
    }

    /// The name of the repository that a URL means, when it is one of this host's URLs.
    pub(crate) fn name_of(&self, url: &str) -> Option<String> {
        let url = canonical(url);
        let bases = lock(&self.inner.base_urls);
        let rest = bases.iter().find_map(|base| url.strip_prefix(base.as_str())?.strip_prefix('/'))?;
        Some(rest.strip_suffix(".git").unwrap_or(rest).to_owned())
    }

    /// A repository by name.
    pub(crate) async fn hosted(&self, name: &str) -> Result<Arc<Hosted>> {
        name::check_repository(name)?;
        if let Some(hosted) = lock(&self.inner.hosted).get(name) {
            return Ok(hosted.clone());
        }
        let (path, owned) = (self.path(name), name.to_owned());
        let opened = blocking(move || Hosted::open(owned, &path)).await?;
        Ok(lock(&self.inner.hosted).entry(name.to_owned()).or_insert_with(|| Arc::new(opened)).clone())
    }

    /// Tells listeners what changed since they were last told. Blocking.
    pub(crate) fn observe(&self, hosted: &Hosted) -> Result<()> {
        let mut known = lock(&hosted.known);
        let now = read::refs(&hosted.repository.to_thread_local(), &hosted.name)?;
        let updates = difference(&known, &now);
        if updates.is_empty() {
            return Ok(());
        }
        *known = now;
        tracing::debug!(repo = %hosted.name, refs = updates.len(), "refs changed");
        // An error only says that nobody listens.
        let _ = self.inner.pushes.send(Push { repo: hosted.name.clone(), updates, received_at: (self.inner.clock)() });
        drop(known);
        if (hosted.changes.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(MAINTENANCE_INTERVAL) {
            self.maintain(&hosted.name);
        }
        Ok(())
    }

    /// Lets git pack the repository if it finds that worth it.
    fn maintain(&self, name: &str) {
        let mut command = self.inner.program.command();
        command.arg("-C").arg(self.path(name)).args(["maintenance", "run", "--auto", "--quiet"]);
        command.env("GIT_DIR", ".").stdin(std::process::Stdio::null());
        match command.spawn() {
            Ok(mut child) => drop(tokio::runtime::Handle::current().spawn(async move { child.wait().await })),
            Err(error) => tracing::warn!(%error, repo = name, "failed to start git maintenance"),
        }
    }

    pub(crate) fn program(&self) -> &Program {
        &self.inner.program
    }

    pub(crate) fn processes(&self) -> &Arc<Semaphore> {
        &self.inner.processes
    }

    pub(crate) fn root(&self) -> &Path {
        &self.inner.root
    }

    fn path(&self, name: &str) -> PathBuf {
        self.inner.root.join(format!("{name}.git"))
    }
}

impl Hosted {
    fn open(name: String, path: &Path) -> Result<Self> {
        let repository = read::open(path, &name)?;
        let known = read::refs(&repository.to_thread_local(), &name)?;
        Ok(Self { name, repository, known: Mutex::new(known), writing: Mutex::default(), changes: AtomicU32::new(0) })
    }
}

/// The ref changes that lead from one state to another, sorted by name.
fn difference(old: &Refs, new: &Refs) -> Vec<RefUpdate> {
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| RefUpdate { reference: name.clone(), old: old.get(name).cloned(), new: new.get(name).cloned() })
        .collect()
}

/// Names of the repositories under the root.
fn scan(root: &Path) -> Result<Vec<String>> {
    let failed = |error| Error::on_disk(&root.display().to_string(), "list the repositories", error);
    std::fs::create_dir_all(root).map_err(failed)?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root).map_err(failed)? {
        let file_name = entry.map_err(failed)?.file_name();
        let name = file_name.to_str().and_then(|text| text.strip_suffix(".git"));
        names.extend(name.filter(|name| name::check_repository(name).is_ok()).map(str::to_owned));
    }
    Ok(names)
}

/// Makes an empty bare repository aside and moves it into place, so that a crash leaves none half made.
fn init(root: &Path, path: &Path, name: &str) -> Result<()> {
    let failed = |error| Error::on_disk(name, "create the repository", error);
    let aside = tempfile::Builder::new().prefix(".new-").tempdir_in(root).map_err(failed)?;
    let fresh = aside.path().join("repository");
    read::init_bare(&fresh, name)?;
    match std::fs::rename(&fresh, path) {
        Err(_) if path.exists() => Ok(()),
        renamed => renamed.map_err(failed),
    }
}

/// One spelling for the URLs that mean the same place on this machine.
fn canonical(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let url = url.replacen(LOCALHOST, LOOPBACK, 1);
    url.replacen("://[::1]:", LOOPBACK, 1)
}

/// Takes a lock. A panic while it was held cannot leave these maps half changed, so poison is ignored.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs work that waits for the disk or the network off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(Error::on_disk("the repository", "finish before shutdown", error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_names_what_changed() {
        let old = Refs::from([("a".into(), "1".into()), ("b".into(), "1".into()), ("c".into(), "1".into())]);
        let new = Refs::from([("b".into(), "2".into()), ("c".into(), "1".into()), ("d".into(), "1".into())]);
        let update = |name: &str, old: Option<&str>, new: Option<&str>| RefUpdate {
            reference: name.into(),
            old: old.map(Into::into),
            new: new.map(Into::into),
        };
        let expected =
            vec![update("a", Some("1"), None), update("b", Some("1"), Some("2")), update("d", None, Some("1"))];
        assert_eq!(difference(&old, &new), expected);
    }

    #[test]
    fn spellings_of_this_machine() {
        assert_eq!(canonical("http://localhost:80/git/"), "http://127.0.0.1:80/git");
    }
}
