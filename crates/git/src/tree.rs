//! The files of a commit, read from the object database without a checkout. Blocking.
//! It must not follow symlinks or submodules: both can lead out of the repository.

use bytes::Bytes;
use gix::bstr::ByteSlice;
use gix::objs::tree::EntryKind;

use crate::{Error, Result, name, read};

/// A file of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Path from the root of the repository.
    pub path: String,
    /// SHA of the content.
    pub oid: String,
    /// The content.
    pub bytes: Bytes,
    /// Whether git's executable bit is set.
    pub executable: bool,
}

/// Why something under the path is not among the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// A symlink, which is not followed.
    Symlink {
        /// What it points at.
        target: String,
    },
    /// A submodule, which is not fetched.
    Submodule {
        /// The commit it is pinned to.
        commit: String,
    },
    /// Larger than the limit.
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The path is not UTF-8.
    PathNotUtf8,
}

/// Something under the path that was not read. The reader of the tree says so to its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Path from the root of the repository.
    pub path: String,
    /// Why.
    pub reason: SkipReason,
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = &self.path;
        match &self.reason {
            SkipReason::Symlink { target } => write!(f, "{path} is a symlink to {target} and was not followed"),
            SkipReason::Submodule { commit } => write!(f, "{path} is a submodule at {commit} and was not fetched"),
            SkipReason::TooLarge { size, limit } => {
                write!(f, "{path} has {size} bytes and was not read, the limit is {limit}")
            }
            SkipReason::PathNotUtf8 => write!(f, "{path} is not a UTF-8 path and was not read"),
        }
    }
}

/// The files under a path of a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// The files, sorted by path.
    pub files: Vec<File>,
    /// What was left out, sorted by path.
    pub skipped: Vec<Skipped>,
}

/// What of a tree to read.
pub(crate) struct Query<'a> {
    /// Directory or file; the root when empty.
    pub(crate) path: &'a str,
    /// Whether the file at a path (from the root) is wanted.
    pub(crate) wanted: &'a dyn Fn(&str) -> bool,
    /// Files larger than this are skipped.
    pub(crate) blob_limit: u64,
}

/// Reads the files under a path of a commit.
pub(crate) fn read(repository: &gix::Repository, url: &str, sha: &str, query: &Query<'_>) -> Result<Tree> {
    let path = name::normalise_path(query.path)?;
    let failed = |error| Error::on_disk(url, "read a tree", error);
    let root = read::commit_of_sha(repository, url, sha)?.tree().map_err(failed)?;
    let mut walk = Walk { repository, query, out: Tree::default() };
    if path.is_empty() {
        walk.directory(root.id, "").map_err(failed)?;
    } else {
        let entry = root.lookup_entry(path.split('/')).map_err(failed)?.ok_or_else(|| Error::PathNotFound {
            url: url.to_owned(),
            revision: sha.to_owned(),
            path: path.clone(),
        })?;
        walk.entry(entry.mode().kind(), entry.object_id(), path).map_err(failed)?;
    }
    walk.out.files.sort_by(|a, b| a.path.cmp(&b.path));
    walk.out.skipped.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(walk.out)
}

/// The files of a commit, read one by one as they are asked for.
pub struct Files<'r> {
    repository: &'r gix::Repository,
    root: gix::Tree<'r>,
    url: &'r str,
    blob_limit: u64,
    failed: std::cell::RefCell<Option<Error>>,
}

impl<'r> Files<'r> {
    pub(crate) fn open(repository: &'r gix::Repository, url: &'r str, sha: &str, blob_limit: u64) -> Result<Self> {
        let root = read::commit_of_sha(repository, url, sha)?.tree();
        let root = root.map_err(|error| Error::on_disk(url, "read a tree", error))?;
        Ok(Self { repository, root, url, blob_limit, failed: std::cell::RefCell::default() })
    }

    /// What is in a file, by its path from the root. Nothing if there is none; nor of what is no file, such as a symlink,
    /// which is not followed.
    pub fn read(&self, path: &str) -> Option<Bytes> {
        let found = self.find(path);
        found.unwrap_or_else(|error| {
            self.failed.borrow_mut().get_or_insert(error);
            None
        })
    }

    /// Why something that is there could not be read: the first reason since the files were opened.
    ///
    /// # Errors
    /// That reason.
    pub fn check(&self) -> Result<()> {
        self.failed.borrow_mut().take().map_or(Ok(()), Err)
    }

    fn find(&self, path: &str) -> Result<Option<Bytes>> {
        let failed = |error| Error::on_disk(self.url, "read a file", error);
        let path = name::normalise_path(path)?;
        if path.is_empty() {
            return Ok(None);
        }
        let Some(entry) = self.root.lookup_entry(path.split('/')).map_err(failed)? else { return Ok(None) };
        if !matches!(entry.mode().kind(), EntryKind::Blob | EntryKind::BlobExecutable) {
            return Ok(None);
        }
        let id = entry.object_id();
        let size = self.repository.find_header(id).map_err(failed)?.size();
        if size > self.blob_limit {
            let limit = self.blob_limit;
            return Err(Error::FileTooLarge { url: self.url.to_owned(), path, size, limit });
        }
        Ok(Some(Bytes::from(self.repository.find_blob(id).map_err(failed)?.take_data())))
    }
}

struct Walk<'a> {
    repository: &'a gix::Repository,
    query: &'a Query<'a>,
    out: Tree,
}

impl Walk<'_> {
    fn directory(&mut self, id: gix::ObjectId, path: &str) -> gix::Result<()> {
        let tree = self.repository.find_tree(id)?;
        for entry in tree.iter() {
            let entry = entry?;
            let Ok(file_name) = entry.filename().to_str() else {
                self.skip(join(path, &entry.filename().to_str_lossy()), SkipReason::PathNotUtf8);
                continue;
            };
            self.entry(entry.kind(), entry.object_id(), join(path, file_name))?;
        }
        Ok(())
    }

    fn entry(&mut self, kind: EntryKind, id: gix::ObjectId, path: String) -> gix::Result<()> {
        match kind {
            EntryKind::Tree => self.directory(id, &path)?,
            EntryKind::Blob => self.file(id, path, false)?,
            EntryKind::BlobExecutable => self.file(id, path, true)?,
            EntryKind::Link => {
                let target = self.repository.find_blob(id)?.data.to_str_lossy().into_owned();
                self.skip(path, SkipReason::Symlink { target });
            }
            EntryKind::Commit => self.skip(path, SkipReason::Submodule { commit: id.to_string() }),
        }
        Ok(())
    }

    fn file(&mut self, id: gix::ObjectId, path: String, executable: bool) -> gix::Result<()> {
        if !(self.query.wanted)(&path) {
            return Ok(());
        }
        let (size, limit) = (self.repository.find_header(id)?.size(), self.query.blob_limit);
        if size > limit {
            self.skip(path, SkipReason::TooLarge { size, limit });
            return Ok(());
        }
        let bytes = Bytes::from(self.repository.find_blob(id)?.take_data());
        self.out.files.push(File { path, oid: id.to_string(), bytes, executable });
        Ok(())
    }

    fn skip(&mut self, path: String, reason: SkipReason) {
        if (self.query.wanted)(&path) {
            self.out.skipped.push(Skipped { path, reason });
        }
    }
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}
