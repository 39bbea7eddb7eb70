//! A bare copy of a remote repository in the cache directory, brought up to date by asking the remote for its refs
//! and fetching only what is new.
//! It must not know revisions or trees; `read` looks into the copy.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Once};

use gix::bstr::ByteSlice;
use gix::remote::{Direction, fetch::Tags};

use crate::host::{Refs, blocking};
use crate::location::without_password;
use crate::types::Account;
use crate::{Error, Result, read};

/// Branches, tags, and `HEAD` only to learn the default branch; pull requests' refs are not mirrored.
const REFSPECS: [&str; 3] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", "HEAD"];

/// What the remote said it has.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The commit of the default branch, if it has one.
    pub(crate) head: Option<String>,
    /// Branches and tags.
    pub(crate) refs: Refs,
}

/// The copy of one remote.
pub(crate) struct Mirror {
    url: String,
    directory: PathBuf,
    /// Orders arrivals and fetches, so that those who wait for a fetch that began after they came share its result.
    sequence: AtomicU64,
    latest: tokio::sync::Mutex<Option<Fetched>>,
}

struct Fetched {
    begun: u64,
    result: Result<Arc<Listing>>,
}

impl Mirror {
    pub(crate) fn new(url: &str, cache: &Path) -> Self {
        let key = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, url.as_bytes());
        let key = key.map_or_else(|_| "unhashable".to_owned(), |id| id.to_string());
        Self {
            url: url.to_owned(),
            directory: cache.join(format!("{key}.git")),
            sequence: AtomicU64::new(0),
            latest: tokio::sync::Mutex::new(None),
        }
    }

    /// The copy as it is, without asking the remote. Blocking.
    pub(crate) fn open(&self) -> Result<gix::ThreadSafeRepository> {
        open_or_init(&self.directory, &self.url)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Asks the remote for its refs and fetches what is missing here.
    pub(crate) async fn update(&self, account: Option<Account>) -> Result<Arc<Listing>> {
        let arrived = self.sequence.fetch_add(1, Ordering::SeqCst);
        let mut latest = self.latest.lock().await;
        if let Some(fetched) = latest.as_ref().filter(|fetched| fetched.begun > arrived) {
            return fetched.result.clone();
        }
        let begun = self.sequence.fetch_add(1, Ordering::SeqCst);
        let (url, directory) = (self.url.clone(), self.directory.clone());
        let result = blocking(move || synchronise(&url, &directory, account).map(Arc::new)).await;
        *latest = Some(Fetched { begun, result: result.clone() });
        result
    }
}

fn open_or_init(directory: &Path, url: &str) -> Result<gix::ThreadSafeRepository> {
    if directory.exists() {
        return read::open(directory, url);
    }
    let failed = |error| Error::on_disk(url, "make a mirror", error);
    let parent = directory.parent().unwrap_or(directory);
    std::fs::create_dir_all(parent).map_err(failed)?;
    // Made aside and moved, so that a crash leaves none half made.
    let aside = tempfile::Builder::new().prefix(".new-").tempdir_in(parent).map_err(failed)?;
    let fresh = aside.path().join("mirror");
    read::init_bare(&fresh, url)?;
    match std::fs::rename(&fresh, directory) {
        Err(_) if directory.exists() => {}
        renamed => renamed.map_err(failed)?,
    }
    read::open(directory, url)
}

fn synchronise(url: &str, directory: &Path, account: Option<Account>) -> Result<Listing> {
    install_tls_provider();
    let mut repository = open_or_init(directory, url)?.to_thread_local();
    authorize(&mut repository, account).and_then(|()| fetch(&repository, url)).map_err(|error| classify(url, error))
}

fn fetch(repository: &gix::Repository, url: &str) -> gix::Result<Listing> {
    let remote = repository
        .remote_at_without_url_rewrite(url)?
        .with_fetch_tags(Tags::None)
        .with_refspecs(REFSPECS, Direction::Fetch)?;
    // There is nobody to prompt.
    let credentials = credentials(url);
    let connection =
        remote.connect(Direction::Fetch)?.with_credentials(move |action| answer(action, credentials.as_ref()));
    let prepared = connection.prepare_fetch(gix::progress::Discard, gix::remote::ref_map::Options::default())?;
    let listing = listing(prepared.ref_map());
    if listing.head.iter().chain(listing.refs.values()).any(|sha| !has(repository, sha)) {
        forget_deleted(repository, &listing)?;
        prepared.receive(gix::progress::Discard, &AtomicBool::new(false))?;
    }
    Ok(listing)
}

fn has(repository: &gix::Repository, sha: &str) -> bool {
    gix::ObjectId::from_hex(sha.as_bytes()).is_ok_and(|id| repository.has_object(id))
}

fn listing(map: &gix::remote::fetch::RefMap) -> Listing {
    let mut listing = Listing::default();
    for reference in &map.remote_refs {
        let (name, target, _) = reference.unpack();
        let Some(target) = target else { continue };
        match name.to_str_lossy().as_ref() {
            "HEAD" => listing.head = Some(target.to_string()),
            name if name.starts_with("refs/heads/") || name.starts_with("refs/tags/") => {
                listing.refs.insert(name.to_owned(), target.to_string());
            }
            _ => {}
        }
    }
    listing
}

/// Drops refs that the remote no longer has: a branch `a` that is gone must not be in the way of a branch `a/b`.
/// The listing is complete, or reading it would have failed.
fn forget_deleted(repository: &gix::Repository, listing: &Listing) -> gix::Result<()> {
    for reference in repository.references()?.all()? {
        let reference = reference?;
        if !listing.refs.contains_key(reference.name().as_bstr().to_str_lossy().as_ref()) {
            reference.delete()?;
        }
    }
    Ok(())
}

fn credentials(url: &str) -> Option<gix::sec::identity::Account> {
    let parsed = gix::Url::try_from(url).ok()?;
    Some(gix::sec::identity::Account {
        username: parsed.user()?.to_owned(),
        password: parsed.password().unwrap_or_default().to_owned(),
        oauth_refresh_token: None,
    })
}

/// Has an account told with each request. It is told over http too, as git does it: whoever wrote such a URL into a
/// Secret has a network where that may be.
fn authorize(repository: &mut gix::Repository, account: Option<Account>) -> gix::Result<()> {
    let Some(account) = account else { return Ok(()) };
    let mut configuration = repository.config_snapshot_mut();
    configuration.set_raw_value("http.extraHeader", account.header().as_str())?;
    configuration.commit()?;
    Ok(())
}

fn answer(
    action: gix::credentials::helper::Action,
    account: Option<&gix::sec::identity::Account>,
) -> gix::Result<Option<gix::credentials::protocol::Outcome>> {
    use gix::credentials::helper::Action;
    match action {
        Action::Get(context) => Ok(account
            .map(|account| gix::credentials::protocol::Outcome { identity: account.clone(), next: context.into() })),
        Action::Store(_) | Action::Erase(_) => Ok(None),
    }
}

/// Tells a repository that is not there from a server that is not there.
fn classify(url: &str, error: gix::Error) -> Error {
    let url = without_password(url);
    if error.is_unauthenticated() || error.is_permission_denied() {
        return Error::AccessDenied { url };
    }
    match http_status(&error) {
        Some(404 | 410) => Error::RepositoryNotFound { url },
        Some(401 | 403) => Error::AccessDenied { url },
        _ => Error::Unreachable { url, source: Arc::new(error) },
    }
}

/// The HTTP status in an error's chain, of which the transport keeps only the text.
fn http_status(error: &gix::Error) -> Option<u16> {
    const MARK: &str = "HTTP status ";
    error.iter_errors().find_map(|error| {
        let text = error.to_string();
        let (_, rest) = text.split_once(MARK)?;
        rest.get(..3)?.parse().ok()
    })
}

/// gix's HTTP client is built without a TLS provider of its own, so that only one is in the binary.
fn install_tls_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that the process has one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
