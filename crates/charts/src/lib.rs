//! Gets Helm charts from where they are published: HTTP repositories with an `index.yaml`, and OCI registries.
//!
//! It must not know what is in a chart, or who wants it. Start at [`ChartRepositories`].

mod client;
mod error;
mod index;
mod oci;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mainstay_apimachinery::version::{Range, Version};

use client::Client;
pub use error::Error;
use index::Index;
use oci::Registry;

/// How many archives are kept in memory.
const KEPT: usize = 32;

/// Who asks.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// Name of the account.
    pub username: String,
    /// Its password or token.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.username)
    }
}

/// A chart at a repository.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// `https://…`, or a registry with or without `oci://`.
    pub repository: &'a str,
    /// Name of the chart, for a registry below the repository's path.
    pub chart: &'a str,
    /// Who asks; nobody in particular without.
    pub credentials: Option<&'a Credentials>,
}

/// Where charts are published. Cheap to clone; what was read once is kept.
#[derive(Clone)]
pub struct ChartRepositories {
    client: Client,
    indexes: Arc<tokio::sync::Mutex<HashMap<String, Arc<Index>>>>,
    archives: Arc<Mutex<Vec<(String, Bytes)>>>,
}

impl ChartRepositories {
    /// Nothing is asked before it is needed.
    #[must_use]
    pub fn new() -> Self {
        Self { client: Client::new(), indexes: Arc::default(), archives: Arc::default() }
    }

    /// The version that is meant by a version or a range of versions; empty and `*` mean the newest release.
    ///
    /// # Errors
    /// When the repository does not answer or has no such version.
    pub async fn resolve(&self, source: &Source<'_>, wanted: &str) -> Result<String, Error> {
        let versions = match Registry::of(source)? {
            Some(registry) => {
                // A tag need not be listed to be there.
                if Version::parse(wanted).is_some() {
                    return Ok(wanted.to_owned());
                }
                registry.versions(&self.client).await?
            }
            None => self.index(source).await?.versions(source.chart),
        };
        choose(&versions, wanted).ok_or_else(|| Error::Missing {
            what: format!("version {wanted:?} of chart {}", source.chart),
            repository: source.repository.to_owned(),
        })
    }

    /// The archive of a version.
    ///
    /// # Errors
    /// When the repository does not answer, has no such version, or gives something else than it says.
    pub async fn archive(&self, source: &Source<'_>, version: &str) -> Result<Bytes, Error> {
        let key = format!("{}\n{}\n{version}", source.repository, source.chart);
        if let Some(kept) = self.kept(&key) {
            return Ok(kept);
        }
        let archive = match Registry::of(source)? {
            Some(registry) => registry.archive(&self.client, version).await?,
            None => {
                let index = self.index(source).await?;
                index.archive(&self.client, source, version).await?
            }
        };
        let mut archives = self.archives.lock().unwrap_or_else(PoisonError::into_inner);
        archives.retain(|(other, _)| *other != key);
        archives.push((key, archive.clone()));
        let excess = archives.len().saturating_sub(KEPT);
        archives.drain(..excess);
        Ok(archive)
    }

    fn kept(&self, key: &str) -> Option<Bytes> {
        let archives = self.archives.lock().unwrap_or_else(PoisonError::into_inner);
        archives.iter().find(|(other, _)| other == key).map(|(_, archive)| archive.clone())
    }

    /// A repository's index, read anew only if it changed. Who asks at the same time shares the answer.
    async fn index(&self, source: &Source<'_>) -> Result<Arc<Index>, Error> {
        let mut indexes = self.indexes.lock().await;
        let known = indexes.get(source.repository).cloned();
        let index = Index::read(&self.client, source, known).await?;
        indexes.insert(source.repository.to_owned(), Arc::clone(&index));
        Ok(index)
    }
}

impl Default for ChartRepositories {
    fn default() -> Self {
        Self::new()
    }
}

/// The version that is meant: exactly that one, or else the highest in the range.
fn choose(versions: &[String], wanted: &str) -> Option<String> {
    if let Some(exact) = versions.iter().find(|version| *version == wanted) {
        return Some(exact.clone());
    }
    let wanted = if wanted.is_empty() { "*" } else { wanted };
    let range = Range::parse(wanted).ok()?;
    range.highest(versions.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_chosen_as_helm_does() {
        let versions = ["1.0.0", "1.2.0", "2.0.0-rc.1", "v1.1.0"].map(str::to_owned);
        assert_eq!(choose(&versions, "1.0.0").as_deref(), Some("1.0.0"));
        assert_eq!(choose(&versions, "^1").as_deref(), Some("1.2.0"));
        assert_eq!(choose(&versions, "").as_deref(), Some("1.2.0"));
        assert_eq!(choose(&versions, "v1.1.0").as_deref(), Some("v1.1.0"));
        assert_eq!(choose(&versions, ">=2.0.0-0").as_deref(), Some("2.0.0-rc.1"));
        assert_eq!(choose(&versions, "3.x"), None);
        assert_eq!(choose(&versions, "nonsense"), None);
    }
}
