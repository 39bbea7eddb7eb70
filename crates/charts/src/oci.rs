//! Charts in OCI registries, by the distribution specification.

use bytes::Bytes;
use reqwest::header::{ACCEPT, LINK, WWW_AUTHENTICATE};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Source;
use crate::client::{Answer, Client, as_user};
use crate::error::Error;
use crate::index::{ARCHIVE_LIMIT, is_digest};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// The older name of the same.
const OLD_CHART: &str = "application/tar+gzip";
/// The largest list or manifest that is read, in bytes.
const DOCUMENT_LIMIT: usize = 4 << 20;
/// How many pages of tags are read.
const PAGES: usize = 100;

/// A chart in a registry.
pub(crate) struct Registry<'a> {
    /// `https://host`
    base: String,
    /// `path/chart`
    name: String,
    source: Source<'a>,
}

#[derive(Deserialize)]
struct Tags {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

impl<'a> Registry<'a> {
    /// The registry that a source means; `None` if it is an HTTP repository.
    pub(crate) fn of(source: &Source<'a>) -> Result<Option<Self>, Error> {
        let place = match source.repository.split_once("://") {
            Some(("oci", place)) => place,
            Some(_) => return Ok(None),
            None => source.repository,
        };
        let (host, path) = place.trim_end_matches('/').split_once('/').unwrap_or((place.trim_end_matches('/'), ""));
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "._-/".contains(letter);
        let name = [path, source.chart].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        if host.is_empty() || name.is_empty() || !name.chars().all(is_name) || name.contains("..") {
            let why = "write oci://registry/path, and the chart's name".to_owned();
            return Err(Error::Url { url: source.repository.to_owned(), why });
        }
        Ok(Some(Self { base: format!("{}://{host}", scheme(host)), name, source: *source }))
    }

    /// All versions: tags have `_` where versions have `+`.
    pub(crate) async fn versions(&self, client: &Client) -> Result<Vec<String>, Error> {
        let mut versions = Vec::new();
        let mut next = Some(format!("{}/v2/{}/tags/list?n=1000", self.base, self.name));
        for _ in 0..PAGES {
            let Some(url) = next else { break };
            let answer = self.get(client, &url, DOCUMENT_LIMIT, "application/json").await?;
            let answer = answer.check(&url, &format!("chart {}", self.name), self.source.repository)?;
            let tags: Tags = parsed(&url, &answer.body)?;
            versions.extend(tags.tags.unwrap_or_default().into_iter().map(|tag| tag.replace('_', "+")));
            next = following(&url, &answer);
        }
        Ok(versions)
    }

    /// The archive of a version, which must be what its manifest says.
    pub(crate) async fn archive(&self, client: &Client, version: &str) -> Result<Bytes, Error> {
        let what = format!("version {version} of chart {}", self.name);
        let url = format!("{}/v2/{}/manifests/{}", self.base, self.name, version.replace('+', "_"));
        let answer = self.get(client, &url, DOCUMENT_LIMIT, MANIFEST).await?;
        let manifest: Manifest = parsed(&url, &answer.check(&url, &what, self.source.repository)?.body)?;
        let layer = manifest.layers.iter().find(|layer| matches!(layer.media_type.as_str(), CHART | OLD_CHART));
        let layer =
            layer.ok_or_else(|| Error::Malformed { url: url.clone(), why: "it is no Helm chart".to_owned() })?;
        let url = format!("{}/v2/{}/blobs/{}", self.base, self.name, layer.digest);
        let answer = self.get(client, &url, ARCHIVE_LIMIT, "*/*").await?;
        let archive = answer.check(&url, &what, self.source.repository)?.body;
        if !is_digest(&archive, &layer.digest) {
            return Err(Error::Malformed {
                url,
                why: "it does not have the digest that it is asked for by".to_owned(),
            });
        }
        Ok(archive)
    }

    /// Asks the registry; if it wants a token, with one.
    async fn get(&self, client: &Client, url: &str, limit: usize, accept: &str) -> Result<Answer, Error> {
        let credentials = self.source.credentials;
        let answer = client.get(url, limit, |request| as_user(request.header(ACCEPT, accept), credentials)).await?;
        let challenge = answer.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let Some(challenge) = challenge.filter(|_| answer.status == StatusCode::UNAUTHORIZED) else {
            return Ok(answer);
        };
        let Some(asked) = self.token_url(challenge) else { return Ok(answer) };
        let token = client.get(asked.as_str(), DOCUMENT_LIMIT, |request| as_user(request, credentials)).await?;
        let token: Token = parsed(asked.as_str(), &token.check(asked.as_str(), "token", self.source.repository)?.body)?;
        let token = if token.token.is_empty() { token.access_token } else { token.token };
        client.get(url, limit, |request| request.header(ACCEPT, accept).bearer_auth(token)).await
    }

    /// Where the token is that a challenge asks for. Passwords go only where they would be safe.
    fn token_url(&self, challenge: &str) -> Option<Url> {
        let parameters = challenge.strip_prefix("Bearer ").or_else(|| challenge.strip_prefix("bearer "))?;
        let parameter = |name: &str| {
            let start = parameters.find(&format!("{name}=\""))? + name.len() + 2;
            let rest = &parameters[start..];
            Some(rest[..rest.find('"')?].to_owned())
        };
        let mut url = Url::parse(&parameter("realm")?).ok()?;
        if url.scheme() != "https" && self.base.starts_with("https:") {
            return None;
        }
        if let Some(service) = parameter("service") {
            url.query_pairs_mut().append_pair("service", &service);
        }
        let scope = parameter("scope").unwrap_or_else(|| format!("repository:{}:pull", self.name));
        url.query_pairs_mut().append_pair("scope", &scope);
        Some(url)
    }
}

/// Registries are asked over TLS, but for those on this machine.
fn scheme(host: &str) -> &'static str {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if matches!(name, "localhost" | "127.0.0.1" | "[::1]") { "http" } else { "https" }
}

fn parsed<T: DeserializeOwned>(url: &str, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Malformed { url: url.to_owned(), why: error.to_string() })
}

/// The next page of a list, on the same host.
fn following(url: &str, answer: &Answer) -> Option<String> {
    let link = answer.headers.get(LINK)?.to_str().ok()?;
    let (place, relation) = link.split_once('>')?;
    if !relation.contains("next") {
        return None;
    }
    let here = Url::parse(url).ok()?;
    let next = here.join(place.trim_start().strip_prefix('<')?).ok()?;
    (next.host_str() == here.host_str()).then(|| next.to_string())
}
