//! Which names a repository, a branch and a path in a commit may have.
//! It must not touch the disk: a refused name never gets that far.

use crate::{Error, Result};

/// Long enough for any name a person types, short enough for every file system.
const NAME_LIMIT: usize = 100;

/// Refuses a repository name that could leave the host's directory or collide with git's own files.
pub(crate) fn check_repository(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_');
    let valid = !name.is_empty()
        && name.len() <= NAME_LIMIT
        && name.chars().all(allowed)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.contains("..")
        && !name.ends_with('.')
        && !name.ends_with(".git")
        && !name.ends_with(".lock");
    if valid { Ok(()) } else { Err(Error::InvalidName { name: name.to_owned() }) }
}

/// Refuses what `git check-ref-format --branch` refuses; gives the full ref name.
pub(crate) fn branch_ref(branch: &str) -> Result<gix::refs::FullName> {
    let invalid = || Error::InvalidBranch { branch: branch.to_owned() };
    if branch.is_empty() || branch.starts_with('-') || branch.starts_with("refs/") || branch == "HEAD" {
        return Err(invalid());
    }
    format!("refs/heads/{branch}").try_into().map_err(|_| invalid())
}

/// Refuses a path that may not be written into a tree.
pub(crate) fn check_path(path: &str) -> Result<()> {
    let refuse = |reason| Err(Error::InvalidPath { path: path.to_owned(), reason });
    if path.is_empty() {
        return refuse("it is empty");
    }
    if path.starts_with('/') {
        return refuse("it must be relative to the root of the repository");
    }
    if path.chars().any(|c| c.is_control() || c == '\\') {
        return refuse("control characters and backslashes are not allowed, separate directories by /");
    }
    for component in path.split('/') {
        match component {
            "" => return refuse("it has an empty directory name"),
            "." | ".." => return refuse("\".\" and \"..\" are not allowed"),
            _ if component.eq_ignore_ascii_case(".git") => return refuse("\".git\" is git's own"),
            _ => {}
        }
    }
    Ok(())
}

/// Brings a path that is to be read to the form without `./`, trailing `/` and the like; the root is empty.
pub(crate) fn normalise_path(path: &str) -> Result<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err(Error::InvalidPath { path: path.to_owned(), reason: "\"..\" is not allowed" });
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names() {
        for good in ["apps", "a", "my-repo_1.x", "0"] {
            check_repository(good).unwrap();
        }
        let long = "a".repeat(101);
        for bad in ["", ".", "..", "../x", "a/b", "A", ".hidden", "-x", "x.git", "x.lock", "a..b", "x.", "a b", &long] {
            assert!(check_repository(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn branch_names() {
        assert_eq!(branch_ref("feature/x").unwrap().as_bstr(), "refs/heads/feature/x");
        for bad in ["", "-x", "a..b", "refs/heads/x", "HEAD", "x y", "x~1", "x.lock"] {
            assert!(branch_ref(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn paths_that_escape_are_refused() {
        check_path("a/b.yaml").unwrap();
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".git/config", "x/.GIT/y", "a\\b", "a\nb"] {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
        assert_eq!(normalise_path("./a//b/").unwrap(), "a/b");
        assert_eq!(normalise_path(".").unwrap(), "");
        assert!(normalise_path("a/../../b").is_err());
    }
}
