//! Where a repository URL leads: the embedded host, a directory, or another machine.
//! It must not touch the disk or the network.

use std::path::PathBuf;

use crate::{Error, GitHost, Result};

/// A place to read a repository from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A repository of the embedded host, by name.
    Hosted(String),
    /// A directory of this machine.
    Local(PathBuf),
    /// A server, by URL.
    Remote(String),
}

/// Finds out what a URL means.
pub(crate) fn locate(url: &str, host: Option<&GitHost>) -> Result<Location> {
    let unsupported = |reason| Err(Error::UnsupportedUrl { url: without_password(url), reason });
    if url.chars().any(char::is_control) || url.is_empty() {
        return unsupported("it is empty or has control characters");
    }
    if let Some(name) = host.and_then(|host| host.name_of(url)) {
        return Ok(Location::Hosted(name));
    }
    if let Some(path) = url.strip_prefix("file://") {
        return Ok(Location::Local(PathBuf::from(path)));
    }
    match url.split_once("://") {
        Some(("http" | "https", _)) => Ok(Location::Remote(url.trim_end_matches('/').to_owned())),
        Some(("ssh" | "git+ssh", _)) => unsupported("ssh is not supported yet; use the https URL of the repository"),
        Some(_) => unsupported("use an http, https or file URL, or a path"),
        None if is_scp_like(url) => unsupported("ssh is not supported yet; use the https URL of the repository"),
        None => Ok(Location::Local(PathBuf::from(url))),
    }
}

/// `git@github.com:org/repo`, as git reads it: a colon before the first slash.
fn is_scp_like(url: &str) -> bool {
    url.split('/').next().is_some_and(|first| first.contains(':'))
}

/// The URL for messages and logs: credentials in it are nobody else's business.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}{path}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_urls() {
        assert_eq!(locate("file:///srv/x.git", None).unwrap(), Location::Local("/srv/x.git".into()));
        assert_eq!(locate("/srv/x.git", None).unwrap(), Location::Local("/srv/x.git".into()));
        assert_eq!(locate("https://h/x.git/", None).unwrap(), Location::Remote("https://h/x.git".into()));
        for bad in ["git@github.com:a/b", "ssh://git@h/x", "ftp://h/x", "", "http://h\n/x"] {
            assert!(locate(bad, None).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn passwords_stay_inside() {
        assert_eq!(without_password("https://user:secret@h/x@y"), "https://h/x@y");
        assert_eq!(without_password("https://h/x"), "https://h/x");
        assert_eq!(without_password("/srv/x"), "/srv/x");
    }
}
