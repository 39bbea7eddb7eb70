//! Schedules in cron syntax, and when they are due next. It must not know what is run.
//! Upstream: `robfig/cron/v3`, `ParseStandard`: five fields, names of months and days, macros and `@every`.

mod field;

use std::sync::LazyLock;

use jiff::civil::Time;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

pub use field::Error;
use field::{Bounds, STAR};

/// How many years ahead a time is looked for: a schedule such as 30 February has none.
const YEARS: i16 = 5;
/// The zones of the release, so that every machine computes the same times.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

const MINUTES: Bounds = Bounds { least: 0, most: 59, names: &[] };
const HOURS: Bounds = Bounds { least: 0, most: 23, names: &[] };
const DAYS: Bounds = Bounds { least: 1, most: 31, names: &[] };
const MONTHS: Bounds = Bounds {
    least: 1,
    most: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const WEEKDAYS: Bounds = Bounds { least: 0, most: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    rule: Rule,
    zone: Option<TimeZone>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Fields(Fields),
    Every(SignedDuration),
}

/// One bit per number that fits, and [`STAR`] where a field was `*` or `?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fields {
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
}

/// The zone of an IANA name such as `Europe/Berlin`; an empty name is UTC.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    if name.is_empty() {
        return Some(TimeZone::UTC);
    }
    ZONES.get(name).ok()
}

impl Schedule {
    /// Reads a schedule, with or without `TZ=<zone>` before it.
    ///
    /// # Errors
    /// When it is none, with upstream's text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::Empty);
        }
        let named = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ="));
        let Some(named) = named else { return Ok(Self { rule: rule(text)?, zone: None }) };
        let (name, rest) = named.split_once(' ').unwrap_or((named, ""));
        let zone = zone(name).ok_or_else(|| Error::Zone(name.to_owned()))?;
        Ok(Self { rule: rule(rest.trim())?, zone: Some(zone) })
    }

    /// The first time after `after` at which it is due, as the clocks of a zone go; `None` if there is none within
    /// five years. A zone within the schedule goes before the given one.
    #[must_use]
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match &self.rule {
            Rule::Every(pause) => whole_second(after).checked_add(*pause).ok(),
            Rule::Fields(fields) => {
                let start = whole_second(after).checked_add(SignedDuration::from_secs(1)).ok()?;
                let zone = self.zone.as_ref().unwrap_or(zone);
                fields.next(start.to_zoned(zone.clone())).map(|found| found.timestamp())
            }
        }
    }
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn rule(text: &str) -> Result<Rule, Error> {
    let text = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    };
    if let Some(pause) = text.strip_prefix("@every ") {
        let pause = field::duration(pause).ok_or_else(|| Error::Duration(text.to_owned(), pause.to_owned()))?;
        return Ok(Rule::Every(SignedDuration::from_secs(pause.as_secs().max(1))));
    }
    if text.starts_with('@') {
        return Err(Error::Descriptor(text.to_owned()));
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else {
        return Err(Error::Fields(fields.len(), fields.join(" ")));
    };
    Ok(Rule::Fields(Fields {
        minute: MINUTES.read(minute)?,
        hour: HOURS.read(hour)?,
        day: DAYS.read(day)?,
        month: MONTHS.read(month)?,
        weekday: WEEKDAYS.read(weekday)?,
    }))
}

fn has(bits: u64, number: i8) -> bool {
    u32::try_from(number).is_ok_and(|number| bits & (1 << number) != 0)
}

impl Fields {
    /// The first fitting time at or after `at`. Each step goes to the start of the next month, day, hour or minute.
    fn next(&self, mut at: Zoned) -> Option<Zoned> {
        let last_year = at.year() + YEARS;
        while at.year() <= last_year {
            at = if !has(self.month, at.month()) {
                at.first_of_month().ok()?.checked_add(1.month()).ok()?.start_of_day().ok()?
            } else if !self.day_fits(&at) {
                at.tomorrow().ok()?.start_of_day().ok()?
            } else if !has(self.hour, at.hour()) {
                at.with().time(Time::constant(at.hour(), 0, 0, 0)).build().ok()?.checked_add(1.hour()).ok()?
            } else if at.second() != 0 || !has(self.minute, at.minute()) {
                let minute = Time::constant(at.hour(), at.minute(), 0, 0);
                at.with().time(minute).build().ok()?.checked_add(1.minute()).ok()?
            } else {
                return Some(at);
            };
        }
        None
    }

    /// Where both days are restricted either may fit, otherwise both must. Upstream: `dayMatches`.
    fn day_fits(&self, at: &Zoned) -> bool {
        let (day, weekday) = (has(self.day, at.day()), has(self.weekday, at.weekday().to_sunday_zero_offset()));
        if self.day & STAR != 0 || self.weekday & STAR != 0 { day && weekday } else { day || weekday }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(schedule: &str, after: &str, zone_name: &str) -> String {
        let schedule = Schedule::parse(schedule).unwrap();
        let after = after.parse().unwrap();
        schedule.next(after, &zone(zone_name).unwrap()).map(|at| at.to_string()).unwrap_or_default()
    }

    #[test]
    fn fields_ranges_steps_and_names() {
        let cases = [
            ("* * * * *", "2030-01-01T00:00:00Z", "2030-01-01T00:01:00Z"),
            ("* * * * *", "2030-01-01T00:00:59.9Z", "2030-01-01T00:01:00Z"),
            ("*/15 * * * *", "2030-01-01T00:46:00Z", "2030-01-01T01:00:00Z"),
            ("5/20 * * * *", "2030-01-01T00:26:00Z", "2030-01-01T00:45:00Z"),
            ("30 6-16/4 * * 1-5", "2030-01-04T14:30:00Z", "2030-01-07T06:30:00Z"),
            ("0 9 * FEB,mar Mon", "2030-01-01T00:00:00Z", "2030-02-04T09:00:00Z"),
            ("0 0 29 2 ?", "2030-01-01T00:00:00Z", "2032-02-29T00:00:00Z"),
            ("0 0 13 * 5", "2030-01-01T00:00:00Z", "2030-01-04T00:00:00Z"),
            ("0 0 */2 * 5", "2030-01-01T00:00:00Z", "2030-01-03T00:00:00Z"),
            ("0 0 31 2 *", "2030-01-01T00:00:00Z", ""),
        ];
        for (schedule, after, due) in cases {
            assert_eq!(next(schedule, after, ""), due, "{schedule}");
        }
    }

    #[test]
    fn macros_and_pauses() {
        let cases = [
            ("@yearly", "2031-01-01T00:00:00Z"),
            ("@monthly", "2030-06-01T00:00:00Z"),
            ("@weekly", "2030-05-12T00:00:00Z"),
            ("@daily", "2030-05-07T00:00:00Z"),
            ("@hourly", "2030-05-06T08:00:00Z"),
            ("@every 1h30m", "2030-05-06T08:37:08Z"),
            ("@every 10ms", "2030-05-06T07:07:09Z"),
        ];
        for (schedule, due) in cases {
            assert_eq!(next(schedule, "2030-05-06T07:07:08.5Z", ""), due, "{schedule}");
        }
    }

    #[test]
    fn clocks_are_those_of_the_zone() {
        assert_eq!(next("0 9 * * *", "2030-07-01T00:00:00Z", "Europe/Berlin"), "2030-07-01T07:00:00Z");
        assert_eq!(next("TZ=Asia/Tokyo 0 9 * * *", "2030-07-01T00:00:01Z", "Europe/Berlin"), "2030-07-02T00:00:00Z");
        // At 2:00 the clocks go to 3:00: there is no 2:30 on this day.
        assert_eq!(next("30 2 * * *", "2030-03-31T00:00:00Z", "Europe/Berlin"), "2030-04-01T00:30:00Z");
        // At 3:00 they go back to 2:00: there are two 2:30.
        let first = next("30 2 * * *", "2030-10-26T22:00:00Z", "Europe/Berlin");
        assert_eq!(first, "2030-10-27T00:30:00Z");
        assert_eq!(next("30 2 * * *", &first, "Europe/Berlin"), "2030-10-27T01:30:00Z");
        assert!(zone("Moon/Crater").is_none());
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_upstreams_words() {
        let cases = [
            ("", "empty spec string"),
            ("* * *", "expected exactly 5 fields, found 3: [* * *]"),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
            ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
            ("*/2/3 * * * *", "too many slashes: */2/3"),
            ("x * * * *", "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax"),
            ("@fortnightly", "unrecognized descriptor: @fortnightly"),
            ("@every x", "failed to parse duration @every x: time: invalid duration \"x\""),
            ("TZ=Moon/Crater * * * * *", "provided bad location Moon/Crater: unknown time zone Moon/Crater"),
        ];
        for (text, message) in cases {
            assert_eq!(Schedule::parse(text).unwrap_err().to_string(), message);
        }
    }
}
