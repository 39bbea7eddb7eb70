//! When two URLs mean the same repository, by the rules of Argo CD's `GetWebURLRegex` and some more, without a pattern to be
//! compiled for each question.
//! It must not know payloads, and asks no host.

use percent_encoding::percent_decode_str;

/// What all URLs of a repository have in common. To find who may be concerned, not to give anybody access: ports, users
/// and schemes are left out of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryIdentity {
    host: String,
    path: String,
}

impl RepositoryIdentity {
    /// The host in lower case, without the subdomains `ssh` and `altssh`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path on the host in lower case, percent-decoded, without slashes around it and without `.git`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Which repository a URL means. `None` for what is no URL of a repository on a host: files, other schemes, hosts alone.
///
/// Taken are `http`, `https` and `ssh` with users and ports, `user@host:path`, and `host/path`. All forms that Azure DevOps
/// has come to one: `dev.azure.com` with a path `organisation/project/repository`.
///
/// ```
/// # use mainstay_webhook::identity;
/// let page = identity("https://github.com/Org/App");
/// assert!(page.is_some());
/// assert_eq!(page, identity("git@github.com:org/app.git"));
/// assert_eq!(page, identity("ssh://git@ssh.github.com:443/org/app.git"));
/// ```
#[must_use]
pub fn identity(url: &str) -> Option<RepositoryIdentity> {
    readings(url).next()
}

/// Every repository that a `repoURL` may mean, the likeliest first. Behind a scheme `host:22/path` has a port, else git takes
/// it for a directory; Argo CD's pattern matches both ways.
pub(crate) fn readings(url: &str) -> impl Iterator<Item = RepositoryIdentity> {
    let parts = Parts::of(url);
    let paths = parts.as_ref().map(Parts::paths).into_iter().flatten();
    let host = parts.as_ref().map(|parts| parts.host.clone());
    let found: Vec<_> = paths.flatten().filter_map(|path| normal(host.as_deref()?, path)).collect();
    found.into_iter()
}

/// The host of a URL as it is compared; of an API, whose URL needs no path.
pub(crate) fn host(url: &str) -> Option<String> {
    Parts::of(url).map(|parts| parts.host)
}

/// A URL, taken apart.
struct Parts<'a> {
    /// In lower case.
    host: String,
    /// What follows the host, with the colon or slash that it begins with.
    rest: &'a str,
    has_scheme: bool,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let url = url.trim();
        let (after_user, has_scheme) = match url.split_once("://") {
            Some((scheme, rest)) => (after_user(until(rest, &['?', '#']), user_ends(scheme)?), true),
            None => (after_user(url, &['/', ':']), false),
        };
        let (host, rest) = match after_user.strip_prefix('[') {
            Some(address) => address.split_once(']')?,
            None => after_user.split_at(after_user.find(['/', ':']).unwrap_or(after_user.len())),
        };
        let host = host.trim_end_matches('.').to_lowercase();
        (!host.is_empty()).then_some(Self { host, rest, has_scheme })
    }

    /// The paths that the rest may be, with and without a port in front.
    fn paths(&self) -> [Option<&'a str>; 2] {
        let Some(rest) = self.rest.strip_prefix(':') else { return [Some(self.rest), None] };
        let after_digits = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let without_port = after_digits.starts_with(['/', ':']).then(|| &after_digits[1..]);
        // An empty port is none.
        let without_port = without_port.filter(|_| after_digits.len() < rest.len() || rest.starts_with('/'));
        match without_port {
            // A port, and no path.
            _ if self.has_scheme && after_digits.trim_end_matches('/').is_empty() => [None, None],
            Some(path) if self.has_scheme => [Some(path), Some(rest)],
            Some(path) => [Some(rest), Some(path)],
            None => [Some(rest), None],
        }
    }
}

/// What ends the part of an authority that may hold a user, behind a scheme that is known: a password may hold a colon.
fn user_ends(scheme: &str) -> Option<&'static [char]> {
    let known = ["https", "http", "ssh"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    known.then_some(&['/'])
}

/// The text without `user@` in front. A user ends before any of `ends`.
fn after_user<'a>(text: &'a str, ends: &[char]) -> &'a str {
    match until(text, ends).rfind('@') {
        Some(at) => &text[at + 1..],
        None => text,
    }
}

fn until<'a>(text: &'a str, ends: &[char]) -> &'a str {
    &text[..text.find(ends).unwrap_or(text.len())]
}

fn normal(host: &str, path: &str) -> Option<RepositoryIdentity> {
    let path = percent_decode_str(path).decode_utf8().map_or_else(|_| path.to_owned(), |path| path.into_owned());
    let path = path.to_lowercase();
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
    if path.is_empty() {
        return None;
    }
    let host = host.strip_prefix("alt").filter(|host| host.starts_with("ssh.")).unwrap_or(host);
    let host = host.strip_prefix("ssh.").unwrap_or(host);
    let (host, path) = azure(host, path).unwrap_or_else(|| (host.to_owned(), path.to_owned()));
    Some(RepositoryIdentity { host, path })
}

/// The one form of a repository of Azure DevOps in the cloud, out of `organisation/project/_git/repository` on
/// `dev.azure.com`, `project/_git/repository` on `organisation.visualstudio.com`, and `v3/organisation/project/repository`
/// on the SSH hosts of both. A project may be left out where the repository has its name.
fn azure(host: &str, path: &str) -> Option<(String, String)> {
    let organisation = match host.strip_suffix(".visualstudio.com") {
        Some("vs-ssh") => None,
        Some(organisation) => Some(organisation),
        None if host == "dev.azure.com" => None,
        None => return None,
    };
    let noise = ["defaultcollection", "_full", "_optimized"];
    let parts = organisation.into_iter().chain(path.split('/'));
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty() && !noise.contains(part)).collect();
    let [organisation, project, repository] = match *parts.as_slice() {
        ["v3", organisation, project, repository] | [organisation, project, "_git", repository] => {
            [organisation, project, repository]
        }
        [organisation, "_git", repository] => [organisation, repository, repository],
        _ => return None,
    };
    Some(("dev.azure.com".to_owned(), format!("{organisation}/{project}/{repository}")))
}

#[cfg(test)]
#[path = "identity/tests.rs"]
mod tests;
