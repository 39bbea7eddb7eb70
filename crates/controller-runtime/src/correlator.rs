//! Decides which Events are written, which are gathered into one, and which are held back.
//! It must not know how an Event is written. Upstream: client-go, `tools/record/events_cache.go`.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// From so many different messages on, Events about one object with one reason are one; `defaultAggregateMaxEvents`.
const MOST_SIMILAR: usize = 10;
/// After so long without one the counting begins anew; `defaultAggregateIntervalInSeconds`.
const INTERVAL: SignedDuration = SignedDuration::from_secs(600);
/// So many Events about one object may come at once; `defaultSpamBurst`.
const BURST: i64 = 25;
/// One more may come each time this has passed; `defaultSpamQPS`.
const REFILL: SignedDuration = SignedDuration::from_secs(300);
/// How many objects are remembered; `maxLruCacheEntries`.
const REMEMBERED: usize = 4096;

/// What makes Events similar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Similar<'a> {
    /// Who says it.
    pub component: &'a str,
    /// The object's uid.
    pub uid: &'a str,
    /// The reason.
    pub reason: &'a str,
    /// The message.
    pub message: &'a str,
}

/// What becomes of an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is written, or counted where it is there already.
    Write,
    /// It is counted in the one that stands for all similar ones.
    Combine,
    /// It is dropped.
    HoldBack,
}

#[derive(Debug, Default)]
struct State {
    messages: HashMap<(String, String, String), (Timestamp, BTreeSet<String>)>,
    tokens: HashMap<(String, String), (Timestamp, i64)>,
}

/// Remembers what was said lately.
#[derive(Debug, Default)]
pub(crate) struct Correlator {
    state: Mutex<State>,
}

impl Correlator {
    /// Judges an Event, and remembers it.
    pub(crate) fn judge(&self, event: &Similar<'_>, now: Timestamp) -> Verdict {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let combine = state.is_one_of_many(event, now);
        if !state.takes_token(event, now) {
            return Verdict::HoldBack;
        }
        if combine { Verdict::Combine } else { Verdict::Write }
    }
}

impl State {
    fn is_one_of_many(&mut self, event: &Similar<'_>, now: Timestamp) -> bool {
        forget(&mut self.messages, |(last, _)| now.duration_since(*last) > INTERVAL);
        let key = (event.component.to_owned(), event.uid.to_owned(), event.reason.to_owned());
        let (last, messages) = self.messages.entry(key).or_insert_with(|| (now, BTreeSet::new()));
        if now.duration_since(*last) > INTERVAL {
            messages.clear();
        }
        *last = now;
        messages.insert(event.message.to_owned());
        let many = messages.len() >= MOST_SIMILAR;
        if many {
            messages.pop_first();
        }
        many
    }

    fn takes_token(&mut self, event: &Similar<'_>, now: Timestamp) -> bool {
        forget(&mut self.tokens, |(last, _)| now.duration_since(*last) > REFILL * 25);
        let key = (event.component.to_owned(), event.uid.to_owned());
        let (last, left) = self.tokens.entry(key).or_insert((now, BURST));
        let gained = now.duration_since(*last).as_secs() / REFILL.as_secs();
        if gained > 0 {
            *left = (*left + gained).min(BURST);
            *last = now;
        }
        *left -= 1;
        let takes = *left >= 0;
        *left = (*left).max(0);
        takes
    }
}

/// Forgets what is old once there is much; if all of it is fresh, all is forgotten rather than kept for ever.
fn forget<K: Eq + Hash, V>(map: &mut HashMap<K, V>, is_old: impl Fn(&V) -> bool) {
    if map.len() < REMEMBERED {
        return;
    }
    map.retain(|_, value| !is_old(value));
    if map.len() >= REMEMBERED {
        map.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(correlator: &Correlator, uid: &str, message: &str, second: i64) -> Verdict {
        let event = Similar { component: "c", uid, reason: "Created", message };
        correlator.judge(&event, Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn the_tenth_different_message_and_those_after_it_are_one_until_there_was_silence() {
        let correlator = Correlator::default();
        for number in 1..=9 {
            assert_eq!(judge(&correlator, "a", &format!("pod {number}"), 0), Verdict::Write);
        }
        assert_eq!(judge(&correlator, "a", "pod 10", 1), Verdict::Combine);
        assert_eq!(judge(&correlator, "a", "pod 11", 2), Verdict::Combine);
        assert_eq!(judge(&correlator, "b", "pod 12", 2), Verdict::Write);
        assert_eq!(judge(&correlator, "a", "pod 13", 700), Verdict::Write);
    }

    #[test]
    fn a_flood_is_held_back_and_let_in_drop_by_drop() {
        let correlator = Correlator::default();
        let written = (0..100).filter(|_| judge(&correlator, "a", "same", 0) == Verdict::Write).count();
        assert_eq!(written, 25);
        assert_eq!(judge(&correlator, "a", "same", 299), Verdict::HoldBack);
        assert_eq!(judge(&correlator, "a", "same", 300), Verdict::Write);
        assert_eq!(judge(&correlator, "a", "same", 301), Verdict::HoldBack);
    }
}
