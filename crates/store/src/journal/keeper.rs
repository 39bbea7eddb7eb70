//! The thread that brings what is in the journal into the database, while the journal is written on.
//! It must not know records or segments.

use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;

use crate::{Backend, BackendError, Batch, Snapshot};

/// A batch on its way, and the state of everything after it.
struct Job {
    batch: Batch,
    now: Option<Snapshot>,
}

/// What became of a batch; after an error it comes back.
pub(super) type Outcome = Result<(), (Batch, BackendError)>;

/// Owns the database. Takes one batch at a time.
pub(super) struct Keeper {
    /// `None` once it shall end.
    jobs: Option<Sender<Job>>,
    outcomes: Receiver<Outcome>,
    thread: Option<JoinHandle<()>>,
    busy: bool,
}

impl Keeper {
    pub(super) fn start(backend: Box<dyn Backend>) -> io::Result<Self> {
        let (jobs, incoming) = channel();
        let (answers, outcomes) = channel();
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || run(backend, &incoming, &answers))?;
        Ok(Self { jobs: Some(jobs), outcomes, thread: Some(thread), busy: false })
    }

    /// Hands over a batch; the one before must have been answered.
    pub(super) fn begin(&mut self, batch: Batch, now: Option<Snapshot>) {
        debug_assert!(!self.busy);
        // A thread that has ended does not take it; then the wait for the outcome says so.
        if let Some(jobs) = &self.jobs {
            drop(jobs.send(Job { batch, now }));
        }
        self.busy = true;
    }

    /// What became of the last batch, if that is known by now; without a batch, nothing.
    pub(super) fn poll(&mut self) -> Option<Outcome> {
        let received = self.busy.then(|| self.outcomes.try_recv())?;
        match received {
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(self.lost()),
            Ok(outcome) => Some(self.answered(outcome)),
        }
    }

    /// Waits for what becomes of the last batch.
    pub(super) fn wait(&mut self) -> Option<Outcome> {
        let received = self.busy.then(|| self.outcomes.recv())?;
        Some(match received {
            Ok(outcome) => self.answered(outcome),
            Err(_) => self.lost(),
        })
    }

    /// Hands over a batch and waits for what becomes of it.
    pub(super) fn finish(&mut self, batch: Batch) -> Outcome {
        self.begin(batch, None);
        self.wait().unwrap_or_else(|| self.lost())
    }

    fn answered(&mut self, outcome: Outcome) -> Outcome {
        self.busy = false;
        outcome
    }

    /// The thread has ended, which only a panic makes it do; nothing goes on from here.
    fn lost(&mut self) -> Outcome {
        self.busy = false;
        Err((Batch::default(), BackendError::Failed("the thread that writes the database has ended".to_owned())))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(mut backend: Box<dyn Backend>, jobs: &Receiver<Job>, outcomes: &Sender<Outcome>) {
    while let Ok(Job { batch, now }) = jobs.recv() {
        let outcome = match backend.commit(&batch) {
            Ok(()) => Ok(()),
            Err(error) => Err((batch, error)),
        };
        let done = outcome.is_ok();
        if outcomes.send(outcome).is_err() {
            return;
        }
        if let Some(now) = now.filter(|_| done) {
            backend.tidy(&now);
        }
    }
}
