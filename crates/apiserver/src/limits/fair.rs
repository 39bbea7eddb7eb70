//! Seats that are given to users in turn: whoever asks for much waits behind their own requests, not before those of
//! others, as queues of API Priority and Fairness. It must not know what is done on a seat.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

/// So many seats, and who waits for one.
pub(crate) struct Gate {
    /// Requests of one user that may wait.
    waiting: usize,
    state: Mutex<State>,
}

/// While a seat is free nobody waits.
struct State {
    free: usize,
    queues: HashMap<Arc<str>, VecDeque<oneshot::Sender<Seat>>>,
    /// Users who wait, in the order of their turns.
    turns: VecDeque<Arc<str>>,
}

/// A seat that is taken; dropping it gives it to the next user.
pub(crate) struct Seat(Option<Arc<Gate>>);

impl Gate {
    pub(crate) fn new(seats: usize, waiting: usize) -> Self {
        let state = State { free: seats, queues: HashMap::new(), turns: VecDeque::new() };
        Self { waiting, state: Mutex::new(state) }
    }

    /// Takes a seat, or waits for one; `None` when too many of the user's requests wait already, or it takes too long.
    pub(crate) async fn enter(self: &Arc<Self>, user: &str, patience: Duration) -> Option<Seat> {
        let turn = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Some(Seat(Some(self.clone())));
            }
            state.wait(user, self.waiting)?
        };
        timeout(patience, turn).await.ok()?.ok()
    }

    /// Gives a seat to whoever is next.
    fn leave(self: Arc<Self>) {
        let mut state = self.state();
        let mut seat = Seat(Some(self.clone()));
        while let Some(next) = state.next() {
            match next.send(seat) {
                Ok(()) => return,
                // It gave up meanwhile.
                Err(back) => seat = back,
            }
        }
        state.free += 1;
        // It is free already: its end must not free it again.
        seat.0 = None;
    }

    /// The state, locked. Nothing panics while it is held.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, user: &str, limit: usize) -> Option<oneshot::Receiver<Seat>> {
        let user: Arc<str> = user.into();
        let queue = self.queues.entry(user.clone()).or_default();
        if queue.len() >= limit {
            // Those who gave up are still in line.
            queue.retain(|waiter| !waiter.is_closed());
        }
        let (sender, receiver) = oneshot::channel();
        let accepted = queue.len() < limit;
        let first = queue.is_empty();
        if accepted {
            queue.push_back(sender);
        }
        match (accepted, first) {
            // A user has one turn, whatever the length of the queue.
            (true, true) if !self.turns.contains(&user) => self.turns.push_back(user),
            (false, true) => drop(self.queues.remove(&user)),
            _ => {}
        }
        accepted.then_some(receiver)
    }

    /// Who comes next.
    fn next(&mut self) -> Option<oneshot::Sender<Seat>> {
        while let Some(user) = self.turns.pop_front() {
            let Some(queue) = self.queues.get_mut(&user) else { continue };
            let next = queue.pop_front();
            if queue.is_empty() {
                self.queues.remove(&user);
            } else {
                self.turns.push_back(user);
            }
            if next.is_some() {
                return next;
            }
        }
        None
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Gate::leave);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    const PATIENCE: Duration = Duration::from_secs(15);

    fn gate(seats: usize, waiting: usize) -> Arc<Gate> {
        Arc::new(Gate::new(seats, waiting))
    }

    #[tokio::test(start_paused = true)]
    async fn users_take_turns() {
        let gate = gate(1, 50);
        let seat = gate.enter("busy", PATIENCE).await.unwrap();
        let mut busy: Vec<_> = (0..10).map(|_| Box::pin(gate.enter("busy", PATIENCE))).collect();
        for waiting in &mut busy {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        let mut modest = Box::pin(gate.enter("modest", PATIENCE));
        assert!(modest.as_mut().now_or_never().is_none());

        drop(seat);
        let first = busy.remove(0).now_or_never().flatten().expect("the longest wait is over first");
        assert!(modest.as_mut().now_or_never().is_none());
        drop(first);
        assert!(modest.now_or_never().flatten().is_some(), "one of nine others is not before it");
        assert!(busy.remove(0).now_or_never().flatten().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_has_an_end() {
        let gate = gate(1, 50);
        let held = gate.enter("a", PATIENCE).await;
        assert!(gate.enter("b", PATIENCE).await.is_none());
        drop(held);
        assert!(gate.enter("b", PATIENCE).await.is_some());
        assert_eq!(gate.state().free, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_is_bounded_by_user() {
        let gate = gate(1, 1);
        let held = gate.enter("a", PATIENCE).await;
        let mut waiting = Box::pin(gate.enter("a", PATIENCE));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(gate.enter("a", PATIENCE).now_or_never().flatten().is_none(), "refused at once");
        let mut other = Box::pin(gate.enter("b", PATIENCE));
        assert!(other.as_mut().now_or_never().is_none(), "others may still wait");
        // Whoever gives up makes room, and gets no seat.
        drop(waiting);
        let mut again = Box::pin(gate.enter("a", PATIENCE));
        assert!(again.as_mut().now_or_never().is_none());
        drop(held);
        let seats: Vec<_> = [again.now_or_never().flatten(), other.now_or_never().flatten()].into();
        assert_eq!(seats.iter().flatten().count(), 1);
        drop(seats);
        assert_eq!(gate.state().free, 1);
        assert!(gate.state().queues.is_empty() && gate.state().turns.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn no_wait_is_allowed_where_none_is() {
        let gate = gate(1, 0);
        let _held = gate.enter("a", PATIENCE).await;
        assert!(gate.enter("b", PATIENCE).now_or_never().flatten().is_none());
        assert!(gate.state().queues.is_empty());
    }
}
