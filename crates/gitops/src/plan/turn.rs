//! Which operation to run now: one that is asked for, one that runs already, or an automated one.
//! It must not know how an operation is run.

use std::time::Duration;

use jiff::Timestamp;
use mainstay_api::argoproj::{Initiator, Operation, OperationState, Retry, SyncOperation};

use super::autosync::{self, Decision};
use super::compare::Sync;
use super::operation::{self, Results};
use super::windows::Hold;
use crate::validate::Validated;

/// How long after its start an operation's running hooks hold up a newer commit; those that take longer are ended.
const HOOK_GRACE: Duration = Duration::from_secs(300);

/// What to do about operations.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// Nothing.
    Nothing,
    /// Look again after a while.
    Wait(Duration),
    /// Nothing, and say why.
    Refuse(String),
    /// End the running operation as asked.
    Terminate,
    /// Run an operation.
    Run(Box<Run>),
    /// Not now: the project's sync windows are in the way of an operation that is asked for or runs already, or of one that
    /// automation would begin.
    Hold(Option<Box<Run>>, Hold),
}

/// An operation to run or go on with.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What is asked.
    pub operation: Operation,
    /// What became of resources in earlier steps.
    pub results: Results,
    /// When it began; empty for a new one.
    pub started_at: String,
    /// Retries so far.
    pub retries: i64,
}

impl Run {
    /// Whether it begins now.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.started_at.is_empty()
    }

    /// Whether automation asked for it.
    #[must_use]
    pub fn is_automated(&self) -> bool {
        self.operation.initiated_by.as_ref().is_some_and(|by| by.automated)
    }

    /// What is asked of the sync.
    #[must_use]
    pub fn sync(&self) -> SyncOperation {
        self.operation.sync.clone().unwrap_or_default()
    }

    /// Whether it runs hooks: it deploys everything, and does not ask for resources alone by the `apply` strategy.
    #[must_use]
    pub fn runs_hooks(&self) -> bool {
        let strategy = self.sync().sync_strategy.unwrap_or_default();
        self.is_recorded() && strategy.get("apply").is_none_or(serde_json::Value::is_null)
    }

    /// Whether what cannot be changed is to be made anew, whatever manifests say.
    #[must_use]
    pub fn forces(&self) -> bool {
        let strategy = self.sync().sync_strategy.unwrap_or_default();
        let force = ["/apply/force", "/hook/force"].iter().find_map(|pointer| strategy.pointer(pointer));
        force == Some(&serde_json::Value::Bool(true))
    }

    /// Whether it gets a history entry: it deploys a revision as a whole.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        let sync = self.sync();
        sync.resources.is_empty() && sync.auto_heal_attempts_count == 0 && !sync.dry_run
    }
}

/// The revisions that an asked-for or running operation wants, one for each source, if it wants any of its own.
#[must_use]
pub fn revisions(valid: &Validated) -> Option<Vec<String>> {
    let asked = match &valid.operation {
        Some(operation) => Some(operation),
        None => running(valid).map(|state| &state.operation).filter(|operation| !is_automated(operation)),
    };
    let asked = asked?.sync.as_ref()?.asked();
    (asked.len() == valid.sources.len()).then_some(asked)
}

fn is_automated(operation: &Operation) -> bool {
    operation.initiated_by.as_ref().is_some_and(|by| by.automated)
}

fn running(valid: &Validated) -> Option<&OperationState> {
    valid.status.operation_state.as_ref().filter(|state| state.phase == "Running")
}

/// Decides. `input` is what automated sync is decided from.
#[must_use]
pub fn next(valid: &Validated, input: &autosync::Input<'_>) -> Turn {
    if valid.status.operation_state.as_ref().is_some_and(|state| state.phase == "Terminating") {
        return Turn::Terminate;
    }
    if let Some(operation) = &valid.operation {
        return run(operation.clone());
    }
    match running(valid) {
        Some(state) if !input.supersedes || !superseded(state, input.revisions) => resume(valid, state, input.now),
        Some(state) if !hook_time_left(state, input).is_zero() => Turn::Wait(hook_time_left(state, input)),
        Some(state) => match automated(&autosync::Input { last: None, ..input.clone() }) {
            // The newer commit asks for nothing: what was begun is done, and has only to be said so.
            Turn::Nothing if input.comparison.sync == Sync::Synced => resume(valid, state, input.now),
            turn => turn,
        },
        None => automated(input),
    }
}

/// Gives way to the project's sync windows. `hold` tells whether they are in the way of a person (or else of automation)
/// whose operation began at a time.
#[must_use]
pub fn within(turn: Turn, hold: impl Fn(bool, Option<Timestamp>) -> Option<Hold>) -> Turn {
    let Turn::Run(run) = turn else { return turn };
    match hold(!run.is_automated(), run.started_at.parse().ok()) {
        None => Turn::Run(run),
        // Automation that has not begun leaves no operation behind.
        Some(hold) => Turn::Hold(Some(run).filter(|run| !run.is_automated() || !run.is_new()), hold),
    }
}

fn run(operation: Operation) -> Turn {
    Turn::Run(Box::new(Run { operation, results: Results::new(), started_at: String::new(), retries: 0 }))
}

fn automated(input: &autosync::Input<'_>) -> Turn {
    let several = input.revisions.len() > 1;
    match autosync::decide(input) {
        Decision::Nothing => Turn::Nothing,
        Decision::Wait(delay) => Turn::Wait(delay),
        Decision::Refuse(message) => Turn::Refuse(message),
        Decision::Start { prune, heal_attempt } => run(Operation {
            sync: Some(SyncOperation {
                revision: if several { String::new() } else { input.revisions.concat() },
                revisions: if several { input.revisions.to_vec() } else { Vec::new() },
                prune,
                auto_heal_attempts_count: heal_attempt,
                ..SyncOperation::default()
            }),
            initiated_by: Some(Initiator { automated: true, ..Initiator::default() }),
            ..Operation::default()
        }),
    }
}

/// An automated operation gives way to a newer commit, instead of holding it up until it is done.
fn superseded(state: &OperationState, revisions: &[String]) -> bool {
    let own = state.operation.sync.as_ref().map(SyncOperation::asked).unwrap_or_default();
    is_automated(&state.operation) && own != revisions
}

/// How long a newer commit waits for the hooks of a running operation: they are not cut short lightly.
fn hook_time_left(state: &OperationState, input: &autosync::Input<'_>) -> Duration {
    let age = autosync::since(&state.started_at, input.now);
    if input.hooks_run { HOOK_GRACE.saturating_sub(age) } else { Duration::ZERO }
}

/// Goes on with a running operation. With a finish time it waits to be tried again.
fn resume(valid: &Validated, state: &OperationState, now: Timestamp) -> Turn {
    let resources = state.sync_result.as_ref().map(|result| result.resources.as_slice()).unwrap_or_default();
    let mut results = operation::results(resources);
    if !state.finished_at.is_empty() {
        let retry = retry(valid, &state.operation);
        let delay = autosync::retry_after(retry, is_automated(&state.operation), state.retry_count - 1);
        let left = delay.unwrap_or_default().saturating_sub(autosync::since(&state.finished_at, now));
        if !left.is_zero() {
            return Turn::Wait(left);
        }
        // What failed is tried again, and hooks run for each attempt.
        results.retain(|_, result| result.status != operation::SYNC_FAILED && !operation::is_hook(result));
    }
    Turn::Run(Box::new(Run {
        operation: state.operation.clone(),
        results,
        // One that was held from the start has not begun.
        started_at: if state.sync_result.is_some() { state.started_at.clone() } else { String::new() },
        retries: state.retry_count,
    }))
}

/// How an operation is tried again: as it says, or as the application says if automation asked for it.
#[must_use]
pub fn retry<'a>(valid: &'a Validated, operation: &'a Operation) -> Option<&'a Retry> {
    let own = operation.retry.as_ref();
    own.or_else(|| valid.policy().filter(|_| is_automated(operation)).and_then(|policy| policy.retry.as_ref()))
}
