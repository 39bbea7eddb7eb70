//! Work on the store of a data directory whose server does not run: verify, snapshot, restore, compact.
//! It must not know how a store is laid out.

use std::io::Write;
use std::path::{Path, PathBuf};

use mainstay_apiserver::verify::check;
use mainstay_store::{Snapshot, offline};

pub use mainstay_store::offline::{Restored, Verified};
pub use mainstay_store::{Finding, REMEDY};

use crate::Error;
use crate::data_dir::DataDir;

/// The path that a running server answers a snapshot at, to administrators.
pub const SNAPSHOT_PATH: &str = "/mainstay/v1/snapshot";

/// The store's file in a data directory.
#[must_use]
pub fn file(data_dir: &Path) -> PathBuf {
    DataDir::store_of(data_dir)
}

/// Checks a store's file, or a snapshot's, without changing it.
///
/// # Errors
/// When there is none, or a server runs on it. Damage is no error but a finding.
pub fn verify(path: &Path) -> Result<Verified, Error> {
    if !offline::is_snapshot(path).map_err(Error::Store)? {
        return offline::verify(path, &check).map_err(Error::Store);
    }
    let file_bytes = std::fs::metadata(path).map_or(0, |file| file.len());
    let mut verified = Verified { file_bytes, ..Verified::default() };
    match offline::open_snapshot(path) {
        Ok(snapshot) => {
            verified.revision = snapshot.revision();
            verified.objects = snapshot.records().count();
            verified.kinds = snapshot.kinds().count();
            verified.findings = findings(&snapshot);
        }
        Err(mainstay_store::Error::Damaged { damage, .. }) => verified.findings = damage.findings,
        Err(error) => return Err(Error::Store(error)),
    }
    Ok(verified)
}

fn findings(snapshot: &Snapshot) -> Vec<Finding> {
    let all = snapshot.records();
    all.flat_map(|record| check(snapshot, record).into_iter().map(|what| Finding::new(&record.key, what))).collect()
}

/// Whether a server runs on a data directory.
#[must_use]
pub fn is_running(data_dir: &Path) -> bool {
    matches!(offline::read_lock(&file(data_dir)), Err(mainstay_store::Error::Locked { .. }))
}

/// Writes a snapshot of a data directory whose server does not run.
///
/// # Errors
/// When the store cannot be read, or the snapshot cannot be written.
pub fn save(data_dir: &Path, to: &Path) -> Result<Verified, Error> {
    let snapshot = offline::read(&file(data_dir)).map_err(Error::Store)?;
    save_with(to, |mut writer| snapshot.write_to(&mut writer))
}

/// Writes a snapshot from elsewhere.
///
/// # Errors
/// When it cannot be written, or what was written is no whole snapshot; what was there before stays then.
pub fn save_with(to: &Path, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<Verified, Error> {
    let failed = |source| Error::Snapshot { path: to.to_owned(), source };
    offline::save(to, write).map_err(failed)?;
    verify(to)
}

/// Puts a snapshot in a data directory, which may be new. `replace` lets it take the place of what is there, which is
/// kept beside.
///
/// # Errors
/// When the snapshot is not whole, there is a store and `replace` is not set, or a server runs on it.
pub fn restore(data_dir: &Path, from: &Path, replace: bool) -> Result<Restored, Error> {
    let failed = |source| Error::Snapshot { path: from.to_owned(), source };
    let snapshot = offline::open_snapshot(from).map_err(failed)?;
    let findings: Vec<String> =
        findings(&snapshot).iter().map(|finding| format!("\n  {}: {}", finding.place, finding.what)).collect();
    if !findings.is_empty() {
        return Err(Error::StrangeSnapshot { path: from.to_owned(), findings: findings.concat() });
    }
    DataDir::open(data_dir)?;
    offline::restore(&file(data_dir), &snapshot, replace).map_err(Error::Store)
}

/// Makes the store's file as small as what is in it; answers its size before and after.
///
/// # Errors
/// When a server runs on it, or it cannot be read or written.
pub fn compact(data_dir: &Path) -> Result<(u64, u64), Error> {
    offline::compact_file(&file(data_dir)).map_err(Error::Store)
}
