//! Which time of a schedule is to be run now, and when to look again. It must not know Jobs.
//! Upstream: `pkg/controller/cronjob/utils.go`.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::cron::{self, Schedule};
use serde_json::Value;

use crate::note::Note;
use crate::read;

/// How late the controller looks, so that a time is surely past when it does; upstream's `nextScheduleDelta`.
const DELTA: SignedDuration = SignedDuration::from_millis(100);
/// After so many missed times a person is told.
const MANY: i64 = 100;

/// The schedule of a CronJob and the zone it goes by.
pub(super) struct Timetable {
    schedule: Schedule,
    /// The zone.
    pub zone: TimeZone,
}

/// The last time that is due, and how many were missed about.
#[derive(Debug, Default, PartialEq, Eq)]
struct Due {
    earliest: Timestamp,
    latest: Option<Timestamp>,
    missed: i64,
}

/// Why nothing can be computed, to be told to a person.
type Fault = Note;

impl Timetable {
    /// Reads it from the CronJob's spec.
    pub(super) fn of(cron_job: &Value) -> Result<Self, Fault> {
        let name = read::text(cron_job, "/spec/timeZone").unwrap_or_default();
        let zone = cron::zone(name).ok_or_else(|| {
            Note::warning("UnknownTimeZone", format!("invalid timeZone: \"{name}\": unknown time zone {name}"))
        })?;
        let text = read::text(cron_job, "/spec/schedule").unwrap_or_default();
        let schedule = Schedule::parse(text).map_err(|error| {
            Note::warning("UnparseableSchedule", format!("unparseable schedule: \"{text}\" : {error}"))
        })?;
        Ok(Self { schedule, zone })
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.schedule.next(after, &self.zone)
    }

    /// Upstream: `mostRecentScheduleTime`.
    fn due(&self, cron_job: &Value, now: Timestamp, by_deadline: bool) -> Due {
        let last = read::time(cron_job, "/status/lastScheduleTime");
        let created = read::time(cron_job, "/metadata/creationTimestamp");
        let mut earliest = last.or(created).unwrap_or(now);
        if by_deadline && let Some(seconds) = read::int(cron_job, "/spec/startingDeadlineSeconds") {
            let opened = now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MIN);
            earliest = earliest.max(opened);
        }
        let Some(first) = self.next(earliest).filter(|first| *first <= now) else {
            return Due { earliest, ..Due::default() };
        };
        let Some(second) = self.next(first).filter(|second| *second <= now) else {
            return Due { earliest, latest: Some(first), missed: 0 };
        };
        let pause = second.duration_since(first).as_secs().max(1);
        let missed = now.duration_since(first).as_secs() / pause + 1;
        // Start near the end: only the last of the missed times is run.
        let near = first + SignedDuration::from_secs((missed - 2) * pause);
        let latest = std::iter::successors(self.next(near), |at| self.next(*at)).take_while(|at| *at <= now).last();
        Due { earliest, latest, missed }
    }

    /// The time to run now, if any, and what to say of those that were missed. Upstream: `nextScheduleTime`.
    pub(super) fn to_run(&self, cron_job: &Value, now: Timestamp) -> (Option<Timestamp>, Option<Note>) {
        let due = self.due(cron_job, now, true);
        let many = due.latest.is_some() && due.missed > MANY;
        let note = many.then(|| {
            let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock \
                           skew";
            Note::warning("TooManyMissedTimes", message)
        });
        (due.latest, note)
    }

    /// How long until the next time. Upstream: `nextScheduleTimeDuration`.
    pub(super) fn until_next(&self, cron_job: &Value, now: Timestamp) -> Option<Duration> {
        let due = self.due(cron_job, now, false);
        let from = due.latest.unwrap_or(if due.missed == 0 { due.earliest } else { now });
        let left = self.next(from)?.duration_since(now) + DELTA;
        Duration::try_from(left.max(SignedDuration::from_millis(1))).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn hourly(last: Option<&str>, deadline: Option<i64>) -> Value {
        json!({"metadata": {"creationTimestamp": "2030-01-01T00:30:00Z"},
               "spec": {"schedule": "0 * * * *", "startingDeadlineSeconds": deadline},
               "status": {"lastScheduleTime": last}})
    }

    fn to_run(cron_job: &Value, now: &str) -> Option<String> {
        let timetable = Timetable::of(cron_job).unwrap();
        timetable.to_run(cron_job, at(now)).0.map(|time| time.to_string())
    }

    #[test]
    fn nothing_is_run_before_the_first_time_and_the_last_missed_one_after_it() {
        assert_eq!(to_run(&hourly(None, None), "2030-01-01T00:59:59Z"), None);
        assert_eq!(to_run(&hourly(None, None), "2030-01-01T01:00:00Z").as_deref(), Some("2030-01-01T01:00:00Z"));
        assert_eq!(to_run(&hourly(None, None), "2030-01-01T05:10:00Z").as_deref(), Some("2030-01-01T05:00:00Z"));
        assert_eq!(to_run(&hourly(Some("2030-01-01T05:00:00Z"), None), "2030-01-01T05:10:00Z"), None);
    }

    #[test]
    fn what_is_past_its_deadline_is_not_run() {
        assert_eq!(to_run(&hourly(None, Some(300)), "2030-01-01T05:10:00Z"), None);
        let in_time = to_run(&hourly(None, Some(900)), "2030-01-01T05:10:00Z");
        assert_eq!(in_time.as_deref(), Some("2030-01-01T05:00:00Z"));
    }

    #[test]
    fn more_than_a_hundred_missed_times_are_told() {
        let cron_job = hourly(None, None);
        let timetable = Timetable::of(&cron_job).unwrap();
        let (time, note) = timetable.to_run(&cron_job, at("2030-01-06T00:10:00Z"));
        assert_eq!((time, note.unwrap().reason), (Some(at("2030-01-06T00:00:00Z")), "TooManyMissedTimes"));
        assert!(timetable.to_run(&cron_job, at("2030-01-03T00:10:00Z")).1.is_none());
    }

    #[test]
    fn the_controller_looks_again_just_after_the_next_time() {
        let cron_job = hourly(None, None);
        let timetable = Timetable::of(&cron_job).unwrap();
        let until = |now| timetable.until_next(&cron_job, at(now)).unwrap();
        assert_eq!(until("2030-01-01T00:59:00Z"), Duration::from_millis(60_100));
        assert_eq!(until("2030-01-01T01:10:00Z"), Duration::from_millis(3_000_100));
        let never = json!({"metadata": {"creationTimestamp": "2030-01-01T00:30:00Z"},
                           "spec": {"schedule": "0 0 31 2 *"}});
        let timetable = Timetable::of(&never).unwrap();
        assert_eq!(timetable.until_next(&never, at("2030-01-01T00:59:00Z")), None);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let fault = |spec: Value| Timetable::of(&json!({ "spec": spec })).err().unwrap();
        let zone = fault(json!({"schedule": "* * * * *", "timeZone": "Moon/Crater"}));
        assert_eq!(zone.message, "invalid timeZone: \"Moon/Crater\": unknown time zone Moon/Crater");
        let schedule = fault(json!({"schedule": "61 * * * *"}));
        let expected = "unparseable schedule: \"61 * * * *\" : end of range (61) above maximum (59): 61";
        assert_eq!((schedule.reason, schedule.message.as_str()), ("UnparseableSchedule", expected));
    }
}
