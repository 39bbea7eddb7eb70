//! The `os` library that scripts get: `time` and `date`, as upstream's safe one, in UTC. The time is handed in.
//! It must not know why it is asked.

use std::rc::Rc;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};
use mlua::{Lua, Table, Value};

use super::budget::Budget;

/// What a byte of a format costs, in instructions: two may ask for a whole date.
const COST_PER_BYTE: usize = 8;

/// The library at a moment.
pub(super) fn library(lua: &Lua, now: Timestamp, budget: &Rc<Budget>) -> mlua::Result<Table> {
    let budget = Rc::clone(budget);
    let time = lua.create_function(move |_, table: Option<Table>| match table {
        None => Ok(now.as_second()),
        Some(table) => seconds_of(&table),
    })?;
    let date = lua.create_function(move |lua, (format, at): (Option<String>, Option<f64>)| {
        let at = match at {
            None => now,
            Some(seconds) => timestamp(seconds)?,
        };
        let format = format.unwrap_or_else(|| "%c".to_owned());
        budget.charge_values(format.len().saturating_mul(COST_PER_BYTE))?;
        // Everything is UTC, so that the mark of UTC says nothing new.
        let format = format.trim_start_matches('!');
        let at = at.to_zoned(TimeZone::UTC);
        if format.starts_with("*t") {
            return parts(lua, &at).map(Value::Table);
        }
        Ok(Value::String(lua.create_string(text(&at, format))?))
    })?;
    lua.create_table_from([("time", time), ("date", date)])
}

#[expect(clippy::cast_possible_truncation, reason = "a number out of range becomes one that jiff refuses")]
fn timestamp(seconds: f64) -> mlua::Result<Timestamp> {
    Timestamp::from_second(seconds as i64).map_err(out_of_range)
}

fn out_of_range(error: jiff::Error) -> mlua::Error {
    mlua::Error::runtime(format!("time out of range: {error}"))
}

/// The seconds since 1970 of a table as `os.date("*t")` gives it. Fields may overflow: month 13 is January of the next year.
fn seconds_of(table: &Table) -> mlua::Result<i64> {
    let field = |name: &str, default: Option<i64>| match table.raw_get::<Option<f64>>(name)? {
        #[expect(clippy::cast_possible_truncation, reason = "what is out of range is refused below")]
        Some(number) => Ok(number as i64),
        None => default.ok_or_else(|| mlua::Error::runtime(format!("field '{name}' missing in date table"))),
    };
    let (year, month, day) = (field("year", None)?, field("month", None)?, field("day", None)?);
    let (hour, minute, second) = (field("hour", Some(12))?, field("min", Some(0))?, field("sec", Some(0))?);
    let refuse = || mlua::Error::runtime("time out of range: a field of the date table is too large");
    let year = i16::try_from(year).map_err(|_| refuse())?;
    let start = Date::new(year, 1, 1).map_err(out_of_range)?;
    let small = |number: i64| i32::try_from(number).map(i64::from).map_err(|_| refuse());
    let in_month = Span::new().try_months(small(month)? - 1).map_err(out_of_range)?;
    let days = Span::new().try_days(small(day)? - 1).map_err(out_of_range)?;
    let seconds = small(hour)? * 3600 + small(minute)? * 60 + small(second)?;
    let start = DateTime::from_parts(start, Time::midnight());
    let at = start.checked_add(in_month).and_then(|at| at.checked_add(days)).map_err(out_of_range)?;
    let at = at.to_zoned(TimeZone::UTC).map_err(out_of_range)?;
    at.timestamp().as_second().checked_add(seconds).ok_or_else(refuse)
}

fn parts(lua: &Lua, at: &Zoned) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("year", at.year())?;
    table.raw_set("month", at.month())?;
    table.raw_set("day", at.day())?;
    table.raw_set("hour", at.hour())?;
    table.raw_set("min", at.minute())?;
    table.raw_set("sec", at.second())?;
    table.raw_set("wday", at.weekday().to_sunday_one_offset())?;
    table.raw_set("yday", at.day_of_year())?;
    table.raw_set("isdst", false)?;
    Ok(table)
}

/// A time in the conversions of C. Unknown ones stay as they are, as upstream leaves them.
fn text(at: &Zoned, format: &str) -> String {
    let mut out = String::with_capacity(format.len());
    let mut chars = format.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            out.push(char);
            continue;
        }
        match chars.next() {
            Some('%') => out.push('%'),
            Some(flag) => match conversion(flag) {
                Some(conversion) => out.push_str(&at.strftime(conversion).to_string()),
                None => out.extend(['%', flag]),
            },
            None => out.push('%'),
        }
    }
    out
}

fn conversion(flag: char) -> Option<&'static str> {
    Some(match flag {
        'a' => "%a",
        'A' => "%A",
        'b' => "%b",
        'B' => "%B",
        'c' => "%d %b %y %H:%M UTC",
        'd' => "%d",
        'F' => "%Y-%m-%d",
        'H' => "%H",
        'I' => "%I",
        'j' => "%j",
        'm' => "%m",
        'M' => "%M",
        'p' => "%p",
        'P' => "%P",
        'S' => "%S",
        'T' | 'X' => "%H:%M:%S",
        'w' => "%w",
        'x' => "%m/%d/%y",
        'y' => "%y",
        'Y' => "%Y",
        'z' => "+0000",
        'Z' => "UTC",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlua::MultiValue;

    fn eval(code: &str) -> String {
        let lua = Lua::new();
        let now: Timestamp = "2026-03-01T08:05:09Z".parse().unwrap();
        lua.globals()
            .raw_set("os", library(&lua, now, &Budget::new(crate::Limits::default()).into()).unwrap())
            .unwrap();
        let values: mlua::Result<MultiValue> = lua.load(code).eval();
        match values {
            Ok(values) => values.iter().map(|value| value.to_string().unwrap()).collect::<Vec<_>>().join(","),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn dates_are_written_as_in_c() {
        assert_eq!(eval("os.date('!%Y-%m-%dT%XZ')"), "2026-03-01T08:05:09Z");
        assert_eq!(eval("os.date('%Y%m%d%H%M%%%q %a', 0)"), "197001010000%%q Thu");
        assert_eq!(eval("os.date('*t').yday, os.date('!*t').wday"), "60,1");
        assert!(eval("os.date('%Y', 1e300)").contains("out of range"));
    }

    #[test]
    fn times_are_read_back() {
        assert_eq!(eval("os.time()"), "1772352309");
        assert_eq!(eval("os.time(os.date('*t'))"), "1772352309");
        assert_eq!(eval("os.date('%F %T', os.time({year=2025, month=13, day=0, hour=25}))"), "2026-01-01 01:00:00");
        assert!(eval("os.time({year=2025})").contains("field 'month' missing"));
        assert!(eval("os.time({year=1e9, month=1, day=1})").contains("too large"));
        assert!(eval("os.time({year=2025, month=1e18, day=1})").contains("too large"));
    }
}
