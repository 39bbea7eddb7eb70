//! What GitHub, GitLab and Gitea have in common: tokens, pages, filters.
//! It must not know whether repositories or pull requests are asked for.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::text;
use crate::plan::sources::{Request, Response};
use crate::plan::{Engine, Error, SourceError};

/// Unreserved characters of RFC 3986 stay as they are.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// As many pages are read at most: far more items than any template makes sense for.
const MAX_PAGES: usize = 200;
/// The largest expression that a filter may hold, compiled.
const MAX_EXPRESSION: usize = 1 << 20;
/// Kinds of hosts that upstream knows and Mainstay does not.
const UNSUPPORTED: [&str; 6] =
    ["azureDevOps", "azuredevops", "bitbucket", "bitbucketServer", "bitbucketCloud", "awsCodeCommit"];
/// Options of hosts that Mainstay does not know.
const UNSUPPORTED_OPTIONS: [&str; 4] = ["appSecretName", "caRef", "insecure", "allBranches"];

/// A kind of host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Github,
    Gitlab,
    Gitea,
}

/// A host with everything that a call needs.
pub(super) struct Client<'a> {
    engine: &'a Engine<'a>,
    pub(super) host: Host,
    /// Options of the generator for this host.
    pub(super) options: &'a Value,
    base: String,
    headers: Vec<(String, String)>,
}

impl<'a> Client<'a> {
    /// The host that a generator names.
    pub(super) async fn new(engine: &'a Engine<'a>, body: &'a Value) -> Result<Self, Error> {
        let hosts = [("github", Host::Github), ("gitlab", Host::Gitlab), ("gitea", Host::Gitea)];
        let found = hosts.into_iter().find_map(|(name, host)| Some((name, host, body.get(name)?)));
        let Some((name, host, options)) = found else {
            let named = UNSUPPORTED.into_iter().find(|name| body.get(*name).is_some()).unwrap_or("none");
            return Err(Error::invalid(format!(
                "host {named} of a generator is not supported by Mainstay; write github, gitlab or gitea, or use a \
                 plugin generator"
            )));
        };
        let is_set = |value: &Value| !matches!(value, Value::Null | Value::Bool(false)) && value.as_str() != Some("");
        if let Some(option) = UNSUPPORTED_OPTIONS.into_iter().find(|name| options.get(*name).is_some_and(is_set)) {
            return Err(Error::invalid(format!(
                "{name}.{option} of a generator is not supported by Mainstay; remove it"
            )));
        }
        let base = base(host, text(options, "api").trim_end_matches('/'))?;
        let headers = headers(engine, host, options).await?;
        Ok(Self { engine, host, options, base, headers })
    }

    /// What a path below the API answers, whatever its status.
    pub(super) async fn get(&self, path: &str) -> Result<Response, Error> {
        let request = Request { url: format!("{}{path}", self.base), headers: self.headers.clone(), body: None };
        Ok(self.engine.sources.http(request).await?)
    }

    /// The error of an answer that was not expected.
    pub(super) fn unexpected(&self, path: &str, response: &Response) -> Error {
        let message = response.body.get("message").and_then(Value::as_str).unwrap_or_default();
        let why = format!("it answered {} {message}", response.status).trim_end().to_owned();
        let transient = response.status >= 500 || response.status == 429;
        SourceError { what: format!("{}{path}", self.base), why, transient }.into()
    }

    /// All items of a list, page by page; `None` where there is no such list.
    pub(super) async fn list(&self, path: &str) -> Result<Option<Vec<Value>>, Error> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let size = if self.host == Host::Gitea { "limit=50" } else { "per_page=100" };
        let mut items = Vec::new();
        for page in 1..=MAX_PAGES {
            let path = format!("{path}{mark}{size}&page={page}");
            let response = self.get(&path).await?;
            if response.status == 404 && page == 1 {
                return Ok(None);
            }
            let Some(list) = response.body.as_array().filter(|_| response.status == 200) else {
                return Err(self.unexpected(&path, &response));
            };
            items.extend(list.iter().cloned());
            if !has_next(&response) {
                return Ok(Some(items));
            }
        }
        Err(Error::invalid(format!("{}{path} has more than {MAX_PAGES} pages; narrow the generator", self.base)))
    }
}

/// Where the API of a host is.
fn base(host: Host, api: &str) -> Result<String, Error> {
    const GITHUB: &str = "https://api.github.com";
    Ok(match (host, api) {
        (Host::Github, "") => GITHUB.to_owned(),
        // GitHub Enterprise serves its API below a path that its users leave out, as upstream.
        (Host::Github, api) if api != GITHUB && !api.ends_with("/api/v3") => format!("{api}/api/v3"),
        (Host::Github, api) => api.to_owned(),
        (Host::Gitlab, "") => "https://gitlab.com/api/v4".to_owned(),
        (Host::Gitlab, api) => format!("{api}/api/v4"),
        (Host::Gitea, "") => {
            return Err(Error::invalid("gitea.api of a generator is empty; write the URL of the host"));
        }
        (Host::Gitea, api) => format!("{api}/api/v1"),
    })
}

async fn headers(engine: &Engine<'_>, host: Host, options: &Value) -> Result<Vec<(String, String)>, Error> {
    let mut headers =
        vec![("accept".to_owned(), "application/json".to_owned()), ("user-agent".to_owned(), "mainstay".to_owned())];
    let Some(reference) = options.get("tokenRef").filter(|reference| !reference.is_null()) else {
        return Ok(headers);
    };
    let token = engine.sources.secret(text(reference, "secretName"), text(reference, "key")).await?;
    let token = token.trim();
    headers.push(match host {
        Host::Github => ("authorization".to_owned(), format!("Bearer {token}")),
        Host::Gitlab => ("private-token".to_owned(), token.to_owned()),
        Host::Gitea => ("authorization".to_owned(), format!("token {token}")),
    });
    Ok(headers)
}

/// Whether a page is followed by another: GitLab says its number, the others in `Link`.
fn has_next(response: &Response) -> bool {
    let header = |name: &str| response.headers.get(name).map(String::as_str).unwrap_or_default();
    !header("x-next-page").is_empty() || header("link").contains("rel=\"next\"")
}

/// A text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A text within an item, by JSON pointer.
pub(super) fn at<'a>(item: &'a Value, pointer: &str) -> &'a str {
    item.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The labels of an item: texts, or objects with a name.
pub(super) fn labels(item: &Value, field: &str) -> Vec<String> {
    let labels = item.get(field).and_then(Value::as_array).into_iter().flatten();
    labels.filter_map(|label| label.as_str().or_else(|| label.get("name")?.as_str())).map(str::to_owned).collect()
}

/// The filters of a generator: an item passes if it matches all of one of them, or if there are none.
pub(super) struct Filters(Vec<Vec<(String, Regex)>>);

impl Filters {
    /// Reads filters that may have these fields.
    pub(super) fn read(body: &Value, fields: &[&str]) -> Result<Self, Error> {
        let filters = body.get("filters").and_then(Value::as_array).into_iter().flatten();
        let filter = |filter: &Value| {
            let given = filter.as_object().into_iter().flatten();
            given.map(|(field, value)| Ok((field.clone(), expression(field, value, fields)?))).collect()
        };
        Ok(Self(filters.map(filter).collect::<Result<_, Error>>()?))
    }

    /// Whether an item passes, by the texts that a field may match.
    pub(super) fn pass(&self, texts: impl Fn(&str) -> Vec<String>) -> bool {
        let matches = |(field, regex): &(String, Regex)| texts(field).iter().any(|text| regex.is_match(text));
        self.0.is_empty() || self.0.iter().any(|filter| filter.iter().all(matches))
    }
}

fn expression(field: &str, value: &Value, fields: &[&str]) -> Result<Regex, Error> {
    let text = value.as_str().filter(|_| fields.contains(&field)).ok_or_else(|| {
        Error::invalid(format!(
            "filter {field} of a generator is not supported by Mainstay; write one of {}",
            fields.join(", ")
        ))
    })?;
    RegexBuilder::new(text)
        .size_limit(MAX_EXPRESSION)
        .build()
        .map_err(|error| Error::invalid(format!("failed to read filter {field} {text:?}: {error}")))
}
