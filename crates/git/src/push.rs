//! Committing to a remote repository: the commit is made in the mirror and pushed with the `git` program.
//! It must not overwrite what others pushed in between: only fast-forwards are asked for.

use std::process::Stdio;

use crate::host::blocking;
use crate::location::without_password;
use crate::mirror::{Listing, Mirror};
use crate::program::Program;
use crate::types::{Account, NewCommit};
use crate::{Error, Result, write};

/// Each lost race costs a fetch and a push.
const ATTEMPTS: u32 = 5;

/// Commits to a branch of a remote repository and gives the SHA; the present one when nothing changes.
pub(crate) async fn commit(
    mirror: std::sync::Arc<Mirror>,
    program: &Program,
    (url, account): (&str, Option<Account>),
    new: NewCommit,
) -> Result<String> {
    let branch = write::check(&new)?.to_string();
    for _ in 0..ATTEMPTS {
        let listing = mirror.update(account.clone()).await?;
        let parent = parent_of(&listing, &branch);
        let Some(id) = build(mirror.clone(), url.to_owned(), parent, new.clone()).await? else {
            return Ok(parent.map(|id| id.to_string()).unwrap_or_default());
        };
        match push(program, &mirror, (url, account.as_ref()), &format!("{id}:{branch}")).await? {
            Pushed::Done => return Ok(id.to_string()),
            Pushed::Raced => {}
        }
    }
    Err(Error::Contended { url: without_password(url), branch: new.branch, attempts: ATTEMPTS })
}

fn parent_of(listing: &Listing, branch: &str) -> Option<gix::ObjectId> {
    gix::ObjectId::from_hex(listing.refs.get(branch)?.as_bytes()).ok()
}

async fn build(
    mirror: std::sync::Arc<Mirror>,
    url: String,
    parent: Option<gix::ObjectId>,
    new: NewCommit,
) -> Result<Option<gix::ObjectId>> {
    blocking(move || write::build(&mirror.open()?.to_thread_local(), &url, parent, &new)).await
}

enum Pushed {
    Done,
    Raced,
}

async fn push(
    program: &Program,
    mirror: &Mirror,
    (url, account): (&str, Option<&Account>),
    refspec: &str,
) -> Result<Pushed> {
    let refused = |message: String| Error::PushRefused { url: without_password(url), message };
    let mut command = program.command();
    command.env("GIT_DIR", mirror.directory()).args(["push", "--porcelain", "--quiet", "--", url, refspec]);
    if let Some(account) = account {
        // In the environment, where other users of the machine do not see it.
        command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "http.extraHeader");
        command.env("GIT_CONFIG_VALUE_0", account.header());
    }
    let output = command.stdin(Stdio::null()).output().await;
    let output = output.map_err(|error| refused(format!("the git program could not be started ({error})")))?;
    if output.status.success() {
        return Ok(Pushed::Done);
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).replace(url, &without_password(url));
    if is_race(&said) { Ok(Pushed::Raced) } else { Err(refused(said.trim().to_owned())) }
}

/// Git's words for "the branch is no longer where you think".
fn is_race(said: &str) -> bool {
    ["(fetch first)", "(non-fast-forward)", "failed to update ref", "cannot lock ref"]
        .iter()
        .any(|mark| said.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_race_from_a_refusal() {
        assert!(is_race("!\tabc:refs/heads/main\t[rejected] (fetch first)"));
        assert!(!is_race("fatal: unable to access: The requested URL returned error: 403"));
    }
}
