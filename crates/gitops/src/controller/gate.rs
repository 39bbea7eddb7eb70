//! Holds syncs that the sync windows of the project are in the way of, and looks again when those change.
//! It must not know what a window is.

use jiff::Timestamp;
use mainstay_api::argoproj::OperationState;
use mainstay_controller_runtime::Action;

use super::{Engine, Error, Look, RESYNC, refreshed};
use crate::observe::Subject;
use crate::plan::turn::Run;
use crate::plan::windows::{self, Hold, Request};
use crate::report::{self, Besides, Findings};

/// The condition of an application that may not sync now.
const CONDITION: &str = "SyncWindowWarning";
/// The message of an operation that is held, as upstream's.
const MESSAGE: &str = "Sync operation blocked by sync window";

/// Whether sync windows are in the way of an application.
pub(super) fn ask(subject: &Subject, manual: bool, began: Option<Timestamp>, now: Timestamp) -> Option<Hold> {
    let valid = &subject.valid;
    let (application, destination) = (valid.name.as_str(), &valid.spec.destination);
    windows::hold(&subject.project.sync_windows, &Request { application, destination, manual, began, now })
}

impl Engine {
    /// Reports an application that is held. An operation that was asked for or that runs stays `Running`, as upstream.
    pub(super) async fn hold(&self, look: &mut Look<'_>, run: Option<&Run>, hold: Hold) -> Result<Action, Error> {
        let condition = vec![(CONDITION, hold.reason)];
        let now = self.control.clock.now();
        let wake = hold.changes.and_then(|at| at.duration_since(now).try_into().ok());
        let mut delay = wake.map_or(RESYNC, |wake| RESYNC.min(wake));
        match run {
            Some(run) => self.report_held(look, run, condition).await?,
            None => delay = self.settle(look, condition).await?.map_or(delay, |later| delay.min(later)),
        }
        Ok(Action::resync_after(delay))
    }

    async fn report_held(
        &self,
        look: &mut Look<'_>,
        run: &Run,
        conditions: Vec<(&'static str, String)>,
    ) -> Result<(), Error> {
        let valid = &look.subject.valid;
        let taken = valid.operation.is_some();
        if taken && look.observed.hooks_run {
            look.end_hooks().await.map_err(|source| Error::Hooks(look.subject.key.name.clone(), source))?;
        }
        let now = self.control.clock.now_rfc3339();
        let new = || OperationState {
            operation: run.operation.clone(),
            phase: "Running".to_owned(),
            started_at: now.clone(),
            ..OperationState::default()
        };
        let state = valid.status.operation_state.clone().filter(|_| !taken).unwrap_or_else(new);
        let operation = Some(OperationState { message: MESSAGE.to_owned(), ..state });
        let status = report::build(&look.subject, &look.observed, Findings { operation, conditions, now });
        let besides = Besides { operation_taken: taken, finalizers: look.finalizers(), ..refreshed() };
        self.write(&look.subject.app, &status, besides, look.memory).await?;
        Ok(())
    }
}
