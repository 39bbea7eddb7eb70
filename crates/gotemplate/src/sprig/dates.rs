//! Points in time and spans between them.

mod spans;

use std::any::Any;
use std::rc::Rc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::layout;
use crate::arguments::Arguments;
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::{Object, Value};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("now", Function::fixed(0, |machine, _| Ok(time(machine.environment.now, TimeZone::UTC)))),
    ("date", Function::fixed(2, |machine, all| dated(machine, all, "UTC"))),
    ("dateInZone", Function::fixed(3, |machine, all| dated(machine, all, &Arguments(all).text(2)?))),
    ("date_in_zone", Function::fixed(3, |machine, all| dated(machine, all, &Arguments(all).text(2)?))),
    ("htmlDate", Function::fixed(1, |machine, all| html(machine, &all[0], "UTC"))),
    ("htmlDateInZone", Function::fixed(2, |machine, all| html(machine, &all[0], &Arguments(all).text(1)?))),
    ("dateModify", Function::fixed(2, |_, all| Ok(modified(all).unwrap_or_else(|_| all[1].clone())))),
    ("date_modify", Function::fixed(2, |_, all| Ok(modified(all).unwrap_or_else(|_| all[1].clone())))),
    ("mustDateModify", Function::fixed(2, |_, all| modified(all))),
    ("must_date_modify", Function::fixed(2, |_, all| modified(all))),
    ("toDate", Function::fixed(2, |_, all| Ok(read(all).unwrap_or_else(|_| time(zero(), TimeZone::UTC))))),
    ("mustToDate", Function::fixed(2, |_, all| read(all))),
    ("unixEpoch", Function::fixed(1, unix_epoch)),
    ("ago", Function::fixed(1, ago)),
    ("duration", Function::fixed(1, |_, all| Ok(spans::written(span(&all[0])).into()))),
    ("durationRound", Function::fixed(1, duration_round)),
];

/// A point in time, as it is seen in a zone.
struct Time(Zoned);

/// Go's zero time.
fn zero() -> Timestamp {
    Timestamp::from_second(-62_135_596_800).unwrap_or(Timestamp::MIN)
}

fn time(at: Timestamp, zone: TimeZone) -> Value {
    Value::Object(Rc::new(Time(at.to_zoned(zone))))
}

impl Object for Time {
    fn type_name(&self) -> &str {
        "time.Time"
    }

    fn text(&self) -> String {
        layout::format(&self.0, "2006-01-02 15:04:05.999999999 -0700 MST")
    }

    fn get(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Fault>> {
        let int = |number: i64| Ok(Value::Int(number));
        let at = self.0.timestamp();
        Some(match name {
            "Format" => Arguments(arguments).text(0).map(|layout| layout::format(&self.0, &layout).into()),
            "String" => Ok(self.text().into()),
            "Unix" => Ok(Value::Int64(at.as_second())),
            "UnixMilli" => Ok(Value::Int64(at.as_millisecond())),
            "UnixNano" => Ok(Value::Int64(i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX))),
            "Year" => int(i64::from(self.0.year())),
            "Month" => Ok(layout::format(&self.0, "January").into()),
            "Weekday" => Ok(layout::format(&self.0, "Monday").into()),
            "Day" => int(i64::from(self.0.day())),
            "YearDay" => int(i64::from(self.0.day_of_year())),
            "Hour" => int(i64::from(self.0.hour())),
            "Minute" => int(i64::from(self.0.minute())),
            "Second" => int(i64::from(self.0.second())),
            "Nanosecond" => int(i64::from(self.0.subsec_nanosecond())),
            "IsZero" => Ok((at == zero()).into()),
            "UTC" => Ok(time(at, TimeZone::UTC)),
            _ => return None,
        })
    }

    fn json(&self) -> serde_json::Value {
        layout::format(&self.0, "2006-01-02T15:04:05.999999999Z07:00").into()
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

fn as_time(value: &Value) -> Option<&Time> {
    if let Value::Object(object) = value { object.any().downcast_ref() } else { None }
}

/// A time, or seconds since 1970; anything else is now.
fn moment(machine: &Machine<'_>, value: &Value) -> Timestamp {
    match value {
        Value::Int(seconds) | Value::Int64(seconds) => Timestamp::from_second(*seconds).unwrap_or_default(),
        other => as_time(other).map_or(machine.environment.now, |time| time.0.timestamp()),
    }
}

/// A zone by its name; one that is not known is UTC, as in Sprig.
fn zone(name: &str) -> TimeZone {
    match name {
        "" | "Local" => TimeZone::UTC,
        name => TimeZone::get(name).unwrap_or(TimeZone::UTC),
    }
}

fn dated(machine: &mut Machine<'_>, all: &[Value], name: &str) -> Result<Value, Fault> {
    let at = moment(machine, &all[1]).to_zoned(zone(name));
    Ok(layout::format(&at, &Arguments(all).text(0)?).into())
}

fn html(machine: &mut Machine<'_>, value: &Value, name: &str) -> Result<Value, Fault> {
    Ok(layout::format(&moment(machine, value).to_zoned(zone(name)), "2006-01-02").into())
}

fn modified(all: &[Value]) -> Result<Value, Fault> {
    let time_of = as_time(&all[1])
        .ok_or_else(|| Fault::new(format!("wrong type for value; expected time.Time; got {}", all[1].type_name())))?;
    let text = Arguments(all).text(0)?;
    let span = spans::parse(&text).ok_or_else(|| Fault::new(format!("time: invalid duration {text:?}")))?;
    let moved = time_of.0.timestamp().checked_add(SignedDuration::from_nanos(span));
    let moved = moved.map_err(|error| Fault::new(error.to_string()))?;
    Ok(time(moved, time_of.0.time_zone().clone()))
}

fn read(all: &[Value]) -> Result<Value, Fault> {
    let (layout, text) = (Arguments(all).text(0)?, Arguments(all).text(1)?);
    let at = layout::parse(&layout, &text, &TimeZone::UTC).map_err(Fault::Message)?;
    Ok(time(at, TimeZone::UTC))
}

fn unix_epoch(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    Ok(moment(machine, &all[0]).as_second().to_string().into())
}

fn ago(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let span = machine.environment.now.duration_since(moment(machine, &all[0]));
    Ok(spans::written(span.as_secs().saturating_mul(spans::SECOND)).into())
}

/// Seconds, as a string or `int64`; anything else is none.
fn span(value: &Value) -> i64 {
    let seconds = match value {
        Value::Str(text) => text.parse().unwrap_or(0),
        Value::Int64(seconds) => *seconds,
        _ => 0,
    };
    seconds.saturating_mul(spans::SECOND)
}

fn duration_round(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let span = match &all[0] {
        Value::Str(text) => spans::parse(text).unwrap_or(0),
        Value::Int64(nanoseconds) => *nanoseconds,
        other => as_time(other).map_or(0, |time| {
            let since = machine.environment.now.duration_since(time.0.timestamp());
            since.as_secs().saturating_mul(spans::SECOND)
        }),
    };
    Ok(spans::rounded(span).into())
}
