//! What an application's timeline is told of its syncs: Events, with the time when each thing happened.
//! It must not decide anything.

use jiff::Timestamp;
use mainstay_api::argoproj::SyncStatus;
use mainstay_telemetry::Thread;

use super::{Engine, Look};
use crate::plan::turn::Run;
use crate::report::{self, Notice};
use crate::sync::Outcome;

/// A commit that was not seen on this application before.
pub(super) fn arrival(look: &Look<'_>, time: Timestamp) -> Option<Notice> {
    let Look { subject, aim, observed, .. } = look;
    let known = subject.valid.status.sync.as_ref().map(SyncStatus::all_revisions).unwrap_or_default();
    let is_new = |at: &usize| known.get(*at) != Some(&observed.revisions[*at].as_str());
    let arrived = (0..observed.revisions.len()).find(is_new).filter(|_| aim.own)?;
    let commit = aim.commits.get(arrived)?;
    let message = format!("{} by {}: {}", commit.short_sha(), commit.author.name, commit.subject());
    Some(Notice { reason: "CommitReceived", message, warning: false, time })
}

/// An operation that begins.
pub(super) fn started(look: &Look<'_>, run: &Run, time: Timestamp) -> Option<Notice> {
    let by = if run.is_automated() { "automated sync" } else { "sync" };
    let message = || format!("{by} to {}", short(&look.observed.revisions));
    run.is_new().then(|| Notice { reason: "SyncStarted", message: message(), warning: false, time })
}

/// An operation that has ended.
pub(super) fn ended(look: &Look<'_>, outcome: &Outcome, time: Timestamp) -> Option<Notice> {
    let synced = || format!("synced to {}", short(&look.observed.revisions));
    Some(if outcome.finished? {
        Notice { reason: "SyncSucceeded", message: synced(), warning: false, time }
    } else {
        Notice { reason: "SyncFailed", message: outcome.state.message.clone(), warning: true, time }
    })
}

impl Engine {
    /// Records Events in the background, after those that are on their way.
    pub(super) fn record(&self, look: &mut Look<'_>, notices: Vec<Notice>) {
        if notices.is_empty() {
            return;
        }
        let Look { subject, observed, recording, .. } = look;
        let cause = Thread::of_commit(&subject.valid.first().repo_url, observed.revision());
        let with = (&self.control, &self.recorder);
        *recording = Some(report::record(with, &subject.app, cause, notices, recording.take()));
    }
}

fn short(revisions: &[String]) -> String {
    let short: Vec<&str> = revisions.iter().map(|revision| revision.get(..7).unwrap_or(revision)).collect();
    short.join(", ")
}
