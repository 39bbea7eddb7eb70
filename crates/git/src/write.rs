//! Making a commit out of files: blobs, trees and the commit in memory, then to disk, then the ref. Blocking.
//! It must not tell anybody; the host does.

use gix::objs::tree::EntryKind;
use gix::refs::Target;
use gix::refs::transaction::{LogChange, PreviousValue, RefEdit};

use crate::types::NewCommit;
use crate::{Error, Result, name, pack, read};

/// Races that are lost to other processes before giving up; commits of this process queue up instead.
const ATTEMPTS: u32 = 10;

/// Commits to a branch and gives the SHA; the branch's present SHA when nothing changes.
pub(crate) fn commit(repository: &gix::Repository, url: &str, new: &NewCommit) -> Result<String> {
    let branch = check(new)?;
    if read::is_checked_out(repository, &branch) {
        return Err(Error::CheckedOut { url: url.to_owned(), branch: new.branch.clone() });
    }
    for _ in 0..ATTEMPTS {
        let parent = tip(repository, url, &branch)?;
        let id = match build(repository, url, parent, new)? {
            Some(id) => id,
            None => return Ok(parent.map(|id| id.to_string()).unwrap_or_default()),
        };
        if move_branch(repository, url, &branch, parent, id)? {
            return Ok(id.to_string());
        }
    }
    Err(Error::Contended { url: url.to_owned(), branch: new.branch.clone(), attempts: ATTEMPTS })
}

/// Refuses bad names before anything is written; gives the branch's full name.
pub(crate) fn check(new: &NewCommit) -> Result<gix::refs::FullName> {
    for change in &new.changes {
        name::check_path(&change.path)?;
    }
    name::branch_ref(&new.branch)
}

/// Writes the commit's objects on a parent. `None` when the parent has the same files already.
pub(crate) fn build(
    repository: &gix::Repository,
    url: &str,
    parent: Option<gix::ObjectId>,
    new: &NewCommit,
) -> Result<Option<gix::ObjectId>> {
    let failed = |error| Error::on_disk(url, "write a commit", error);
    let mut memory = repository.clone().with_object_memory();
    let id = build_in_memory(&memory, parent, new).map_err(failed)?;
    if let Some(objects) = memory.objects.take_object_memory().filter(|_| id.is_some()) {
        pack::persist(repository, &objects).map_err(failed)?;
    }
    Ok(id)
}

fn build_in_memory(
    repository: &gix::Repository,
    parent: Option<gix::ObjectId>,
    new: &NewCommit,
) -> gix::Result<Option<gix::ObjectId>> {
    let base = match parent {
        Some(parent) => repository.find_commit(parent)?.tree()?,
        None => repository.empty_tree(),
    };
    let mut editor = base.edit()?;
    for change in &new.changes {
        match &change.content {
            Some(content) => {
                let blob = repository.write_blob(content)?;
                editor.upsert(&change.path, EntryKind::Blob, blob)?;
            }
            None => {
                editor.remove(&change.path)?;
            }
        }
    }
    let tree = editor.write()?.detach();
    if parent.is_some() && tree == base.id {
        return Ok(None);
    }
    let signature = signature(new);
    let commit = gix::objs::Commit {
        tree,
        parents: parent.into_iter().collect(),
        author: signature.clone(),
        committer: signature,
        encoding: None,
        message: new.message.as_str().into(),
        extra_headers: Vec::new(),
    };
    Ok(Some(repository.write_object(&commit)?.detach()))
}

fn signature(new: &NewCommit) -> gix::actor::Signature {
    gix::actor::Signature {
        name: identity(&new.author.name).into(),
        email: identity(&new.author.email).into(),
        time: gix::date::Time::new(new.time.as_second(), 0),
    }
}

/// Leaves out what would end the field early in a commit's header.
fn identity(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect::<String>().trim().to_owned()
}

/// Where the branch is now.
fn tip(repository: &gix::Repository, url: &str, branch: &gix::refs::FullName) -> Result<Option<gix::ObjectId>> {
    let failed = |error| Error::on_disk(url, "read a branch", error);
    let reference = repository.try_find_reference(branch.as_ref()).map_err(failed)?;
    reference.map(|mut reference| reference.peel_to_id().map(gix::Id::detach)).transpose().map_err(failed)
}

/// Moves the branch from one commit to the next; false when somebody else moved it in between.
fn move_branch(
    repository: &gix::Repository,
    url: &str,
    branch: &gix::refs::FullName,
    from: Option<gix::ObjectId>,
    to: gix::ObjectId,
) -> Result<bool> {
    let expected = match from {
        Some(id) => PreviousValue::MustExistAndMatch(Target::Object(id)),
        None => PreviousValue::MustNotExist,
    };
    let log = LogChange { message: "commit".into(), ..LogChange::default() };
    let edit = RefEdit::update_with_log(branch.clone(), to, expected, log);
    match repository.edit_references_as(Some(edit), None) {
        Ok(_) => Ok(true),
        Err(_) if tip(repository, url, branch)? != from => Ok(false),
        Err(error) => Err(Error::on_disk(url, "move a branch", error)),
    }
}
