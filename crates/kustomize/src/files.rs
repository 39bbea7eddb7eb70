//! The files of a repository, and the paths that a build looks at. As kustomize's loader with its restriction to the
//! root.
//! It must not know what is in the files.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::Error;

/// The most bytes one build reads: far above any real one.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The files of a repository, by paths from its root without a slash in front.
pub trait Files {
    /// What is in a file; nothing if there is none.
    fn read(&self, path: &str) -> Option<Arc<[u8]>>;
}

impl Files for std::collections::BTreeMap<String, Arc<[u8]>> {
    fn read(&self, path: &str) -> Option<Arc<[u8]>> {
        self.get(path).cloned()
    }
}

/// Notes every path that is looked at.
pub(crate) struct Recorder<'a> {
    files: &'a dyn Files,
    reads: RefCell<BTreeSet<String>>,
    bytes: Cell<usize>,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(files: &'a dyn Files) -> Self {
        Self { files, reads: RefCell::default(), bytes: Cell::new(0) }
    }

    pub(crate) fn reads(&self) -> BTreeSet<String> {
        self.reads.borrow().clone()
    }

    /// What is in a file, if it is there.
    pub(crate) fn read(&self, path: &str) -> Result<Option<Arc<[u8]>>, Error> {
        self.reads.borrow_mut().insert(path.to_owned());
        let content = self.files.read(path);
        self.bytes.set(self.bytes.get() + content.as_ref().map_or(0, |content| content.len()));
        if self.bytes.get() > MAX_BYTES {
            return Err(Error::TooMuch { path: path.to_owned(), what: "bytes", limit: MAX_BYTES });
        }
        Ok(content)
    }

    /// The text of a file, if it is there.
    pub(crate) fn text(&self, path: &str) -> Result<Option<String>, Error> {
        let Some(content) = self.read(path)? else { return Ok(None) };
        let malformed =
            |error| Error::Malformed { path: path.to_owned(), message: format!("it is not UTF-8: {error}") };
        String::from_utf8(content.to_vec()).map(Some).map_err(malformed)
    }
}

/// A path that a kustomization in `directory` names, from the root of the repository.
pub(crate) fn normal(directory: &str, path: &str) -> Result<String, Error> {
    let outside =
        || Error::Outside { from: directory.to_owned(), path: path.to_owned(), boundary: "the repository".to_owned() };
    if path.starts_with('/') {
        return Err(outside());
    }
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or_else(outside)?),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// The same, of a file, which must be in the directory or below it.
pub(crate) fn below(directory: &str, path: &str) -> Result<String, Error> {
    let normal = normal(directory, path)?;
    let inside = directory.is_empty()
        || normal.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if inside {
        return Ok(normal);
    }
    let (from, path) = (directory.to_owned(), path.to_owned());
    Err(Error::Outside { from, path, boundary: format!("directory '{directory}'") })
}

/// Whether something that a kustomization names is to be fetched from elsewhere.
pub(crate) fn is_remote(path: &str) -> bool {
    let host = path.split('/').next().unwrap_or_default();
    path.contains("://") || path.starts_with("git@") || path.contains("?ref=") || host == "github.com"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_repository_and_files_below_their_kustomization() {
        assert_eq!(normal("overlays/dev", "../../base").unwrap(), "base");
        assert!(matches!(normal("a", "../../b"), Err(Error::Outside { .. })));
        assert_eq!(below("a", "./b/c.yaml").unwrap(), "a/b/c.yaml");
        assert!(
            below("a", "../ab/c.yaml").is_err() && below("a", "../b.yaml").is_err() && normal("a", "/etc").is_err()
        );
        assert!(is_remote("github.com/x/y?ref=v1") && is_remote("https://x/y.yaml") && !is_remote("../base"));
    }
}
