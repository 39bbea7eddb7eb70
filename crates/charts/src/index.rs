//! `index.yaml`: which charts an HTTP repository has, and where their archives are.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use mainstay_apimachinery::yaml;
use reqwest::header::{ETAG, IF_NONE_MATCH};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::client::{Client, as_user};
use crate::error::Error;
use crate::{Credentials, Source};

/// The largest index and the largest archive that are read, in bytes.
const INDEX_LIMIT: usize = 100 << 20;
pub(crate) const ARCHIVE_LIMIT: usize = 50 << 20;

/// An index as it was last read.
pub(crate) struct Index {
    url: Url,
    etag: Option<String>,
    entries: HashMap<String, Vec<Entry>>,
}

#[derive(Deserialize)]
struct Parsed {
    #[serde(default)]
    entries: HashMap<String, Vec<Value>>,
}

#[derive(Deserialize)]
struct Entry {
    version: String,
    #[serde(default)]
    urls: Vec<String>,
    #[serde(default)]
    digest: Option<String>,
}

impl Index {
    /// Reads an index, unless it is as it was.
    pub(crate) async fn read(
        client: &Client,
        source: &Source<'_>,
        known: Option<Arc<Self>>,
    ) -> Result<Arc<Self>, Error> {
        let base = format!("{}/", source.repository.trim_end_matches('/'));
        let url = Url::parse(&base).and_then(|base| base.join("index.yaml"));
        let url = url.map_err(|error| Error::Url { url: source.repository.to_owned(), why: error.to_string() })?;
        let etag = known.as_ref().and_then(|known| known.etag.clone());
        let answer = client
            .get(url.as_str(), INDEX_LIMIT, |request| {
                let request = as_user(request, source.credentials);
                match &etag {
                    Some(etag) => request.header(IF_NONE_MATCH, etag),
                    None => request,
                }
            })
            .await?;
        if let Some(known) = known.filter(|_| answer.status == StatusCode::NOT_MODIFIED) {
            return Ok(known);
        }
        let answer = answer.check(url.as_str(), "index.yaml", source.repository)?;
        let malformed = |why: String| Error::Malformed { url: url.to_string(), why };
        let text = std::str::from_utf8(&answer.body).map_err(|error| malformed(error.to_string()))?;
        let (document, _) = yaml::parse_one_lenient(text).map_err(|error| malformed(error.to_string()))?;
        let parsed: Parsed = serde_json::from_value(document.value).map_err(|error| malformed(error.to_string()))?;
        let etag = answer.headers.get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        // One entry that is malformed must not hide the others.
        let sound =
            |entries: Vec<Value>| entries.into_iter().filter_map(|it| serde_json::from_value(it).ok()).collect();
        let entries = parsed.entries.into_iter().map(|(name, entries)| (name, sound(entries))).collect();
        Ok(Arc::new(Self { url, etag, entries }))
    }

    /// All versions of a chart.
    pub(crate) fn versions(&self, chart: &str) -> Vec<String> {
        self.entries.get(chart).into_iter().flatten().map(|entry| entry.version.clone()).collect()
    }

    /// The archive of a version, which must be what the index says.
    pub(crate) async fn archive(&self, client: &Client, source: &Source<'_>, version: &str) -> Result<Bytes, Error> {
        let missing = || Error::Missing {
            what: format!("version {version} of chart {}", source.chart),
            repository: source.repository.to_owned(),
        };
        let entries = self.entries.get(source.chart).into_iter().flatten();
        let entry = entries.into_iter().find(|entry| entry.version == version).ok_or_else(missing)?;
        let place = entry.urls.first().ok_or_else(missing)?;
        let url = self.url.join(place).map_err(|error| Error::Url { url: place.clone(), why: error.to_string() })?;
        let credentials = self.credentials(source, &url);
        let answer = client.get(url.as_str(), ARCHIVE_LIMIT, |request| as_user(request, credentials)).await?;
        let archive = answer.check(url.as_str(), place, source.repository)?.body;
        match &entry.digest {
            Some(digest) if !is_digest(&archive, digest) => Err(Error::Malformed {
                url: url.to_string(),
                why: format!("it does not have the digest {digest} that index.yaml says"),
            }),
            _ => Ok(archive),
        }
    }

    /// What is secret is told to no other host than the repository's.
    fn credentials<'a>(&self, source: &Source<'a>, url: &Url) -> Option<&'a Credentials> {
        let same =
            (url.host_str(), url.port_or_known_default()) == (self.url.host_str(), self.url.port_or_known_default());
        source.credentials.filter(|_| same && url.scheme() == self.url.scheme())
    }
}

/// Whether bytes have a SHA-256, with or without `sha256:` before it.
pub(crate) fn is_digest(bytes: &[u8], digest: &str) -> bool {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    digest.strip_prefix("sha256:").unwrap_or(digest).eq_ignore_ascii_case(&hex)
}
