//! Go's layouts of points in time: how 2006-01-02 15:04:05 would be written.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

/// A piece of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(&'static str),
    /// `.000` or `,999`: a fraction with so many digits, of which zeros at the end may be left out.
    Fraction {
        mark: char,
        digits: usize,
        trimmed: bool,
    },
}

/// What fields there are; longer ones stand before those they begin with.
const FIELDS: [&str; 33] = [
    "January",
    "Jan",
    "Monday",
    "Mon",
    "MST",
    "2006",
    "Z07:00:00",
    "Z07:00",
    "Z070000",
    "Z0700",
    "Z07",
    "-07:00:00",
    "-07:00",
    "-070000",
    "-0700",
    "-07",
    "002",
    "__2",
    "_2",
    "PM",
    "pm",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "1",
    "2",
    "3",
    "4",
    "5",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

fn pieces(layout: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = layout;
    while let Some(letter) = rest.chars().next() {
        let after_digit = text.ends_with(|digit: char| digit.is_ascii_digit())
            || text.is_empty() && matches!(pieces.last(), Some(Piece::Field("05" | "5")));
        let found = fraction(rest).filter(|_| after_digit).or_else(|| {
            let field = FIELDS.iter().find(|field| starts(rest, field))?;
            Some((Piece::Field(field), field.len()))
        });
        match found {
            Some((piece, length)) => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(piece);
                rest = &rest[length..];
            }
            None => {
                text.push(letter);
                rest = &rest[letter.len_utf8()..];
            }
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

/// `Jan` and `Mon` are none if a small letter follows, as in `Monthly`.
fn starts(text: &str, field: &str) -> bool {
    let Some(after) = text.strip_prefix(field) else { return false };
    !matches!(field, "Jan" | "Mon") || !after.starts_with(|letter: char| letter.is_ascii_lowercase())
}

fn fraction(text: &str) -> Option<(Piece, usize)> {
    let mark = text.chars().next().filter(|mark| matches!(mark, '.' | ','))?;
    let digit = text[1..].chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
    let digits = text[1..].chars().take_while(|other| *other == digit).count();
    let ends = !text[1 + digits..].starts_with(|digit: char| digit.is_ascii_digit());
    ends.then_some((Piece::Fraction { mark, digits, trimmed: digit == '9' }, 1 + digits))
}

/// A point in time as a layout says.
pub(super) fn format(time: &Zoned, layout: &str) -> String {
    pieces(layout).iter().map(|piece| written(time, piece)).collect()
}

fn written(time: &Zoned, piece: &Piece) -> String {
    match piece {
        Piece::Text(text) => text.clone(),
        Piece::Fraction { mark, digits, trimmed } => {
            let nanoseconds = format!("{:09}", time.subsec_nanosecond());
            let shown = &nanoseconds[..(*digits).min(9)];
            let shown = if *trimmed { shown.trim_end_matches('0') } else { shown };
            if shown.is_empty() { String::new() } else { format!("{mark}{shown}") }
        }
        Piece::Field(field) => written_field(time, field),
    }
}

fn written_field(time: &Zoned, field: &str) -> String {
    let hour12 = (time.hour() + 11) % 12 + 1;
    let month = MONTHS[usize::try_from(time.month() - 1).unwrap_or(0)];
    let day = DAYS[usize::try_from(time.weekday().to_monday_zero_offset()).unwrap_or(0)];
    match field {
        "January" => month.to_owned(),
        "Jan" => month[..3].to_owned(),
        "1" => time.month().to_string(),
        "01" => format!("{:02}", time.month()),
        "Monday" => day.to_owned(),
        "Mon" => day[..3].to_owned(),
        "2" => time.day().to_string(),
        "_2" => format!("{:>2}", time.day()),
        "02" => format!("{:02}", time.day()),
        "__2" => format!("{:>3}", time.day_of_year()),
        "002" => format!("{:03}", time.day_of_year()),
        "15" => format!("{:02}", time.hour()),
        "3" => hour12.to_string(),
        "03" => format!("{hour12:02}"),
        "4" => time.minute().to_string(),
        "04" => format!("{:02}", time.minute()),
        "5" => time.second().to_string(),
        "05" => format!("{:02}", time.second()),
        "2006" => format!("{:04}", time.year()),
        "06" => format!("{:02}", time.year().rem_euclid(100)),
        "PM" => (if time.hour() < 12 { "AM" } else { "PM" }).to_owned(),
        "pm" => (if time.hour() < 12 { "am" } else { "pm" }).to_owned(),
        "MST" => abbreviation(time),
        zone => offset(time.offset(), zone),
    }
}

fn abbreviation(time: &Zoned) -> String {
    time.time_zone().to_offset_info(time.timestamp()).abbreviation().to_owned()
}

fn offset(offset: Offset, field: &str) -> String {
    if field.starts_with('Z') && offset.seconds() == 0 {
        return "Z".to_owned();
    }
    let seconds = offset.seconds().abs();
    let sign = if offset.seconds() < 0 { '-' } else { '+' };
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match &field[1..] {
        "07" => format!("{sign}{hours:02}"),
        "0700" => format!("{sign}{hours:02}{minutes:02}"),
        "07:00" => format!("{sign}{hours:02}:{minutes:02}"),
        "070000" => format!("{sign}{hours:02}{minutes:02}{rest:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{rest:02}"),
    }
}

/// What was read so far.
#[derive(Default)]
struct Read {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    day_of_year: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    afternoon: Option<bool>,
    offset: Option<i32>,
}

/// Reads a time by its layout; without a zone in it, it is of the given one. The error is Go's.
pub(super) fn parse(layout: &str, text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let wrong =
        |rest: &str, field: &str| format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {field:?}");
    let mut read = Read::default();
    let mut rest = text;
    for piece in pieces(layout) {
        rest = match &piece {
            Piece::Text(literal) => {
                let wanted = literal.trim_start_matches(' ');
                let spaced = if wanted.len() < literal.len() { rest.trim_start_matches(' ') } else { rest };
                spaced.strip_prefix(wanted).ok_or_else(|| wrong(rest, literal))?
            }
            Piece::Fraction { .. } => read_fraction(&mut read, rest),
            Piece::Field(field) => {
                let after = read_field(&mut read, rest, field).ok_or_else(|| wrong(rest, field))?;
                // Seconds may have a fraction that the layout does not tell of.
                if matches!(*field, "05" | "5") { read_fraction(&mut read, after) } else { after }
            }
        };
    }
    if !rest.is_empty() {
        return Err(format!("parsing time {text:?}: extra text: {rest:?}"));
    }
    read.time(zone).ok_or_else(|| format!("parsing time {text:?}: day out of range"))
}

fn read_fraction<'t>(read: &mut Read, text: &'t str) -> &'t str {
    let digits = text.get(1..).map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    if !text.starts_with(['.', ',']) || digits == 0 {
        return text;
    }
    let nanoseconds = format!("{:0<9}", &text[1..1 + digits.min(9)]);
    read.nanosecond = nanoseconds.parse().unwrap_or(0);
    &text[1 + digits..]
}

fn number<T: std::str::FromStr>(text: &str, least: usize, most: usize) -> Option<(T, &str)> {
    let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    (digits >= least).then(|| Some((text[..digits].parse().ok()?, &text[digits..])))?
}

fn named<'t>(text: &'t str, names: &[&str], length: Option<usize>) -> Option<(i8, &'t str)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = length.map_or(*name, |length| &name[..length]);
        let start = text.get(..name.len())?;
        start.eq_ignore_ascii_case(name).then(|| (i8::try_from(index).unwrap_or(0), &text[name.len()..]))
    })
}

fn read_field<'t>(read: &mut Read, text: &'t str, field: &str) -> Option<&'t str> {
    let rest = match field {
        "2006" => set(number(text, 4, 4)?, |year: i16| read.year = Some(year)),
        "06" => {
            set(number(text, 2, 2)?, |year: i16| read.year = Some(if year >= 69 { 1900 + year } else { 2000 + year }))
        }
        "January" => set(named(text, &MONTHS, None)?, |month| read.month = Some(month + 1)),
        "Jan" => set(named(text, &MONTHS, Some(3))?, |month| read.month = Some(month + 1)),
        "01" => set(number(text, 2, 2)?, |month| read.month = Some(month)),
        "1" => set(number(text, 1, 2)?, |month| read.month = Some(month)),
        "Monday" => named(text, &DAYS, None)?.1,
        "Mon" => named(text, &DAYS, Some(3))?.1,
        "02" => set(number(text, 2, 2)?, |day| read.day = Some(day)),
        "2" => set(number(text, 1, 2)?, |day| read.day = Some(day)),
        "_2" => set(number(text.trim_start_matches(' '), 1, 2)?, |day| read.day = Some(day)),
        "002" => set(number(text, 3, 3)?, |day| read.day_of_year = Some(day)),
        "__2" => set(number(text.trim_start_matches(' '), 1, 3)?, |day| read.day_of_year = Some(day)),
        "15" | "3" => set(number(text, 1, 2)?, |hour| read.hour = hour),
        "03" => set(number(text, 2, 2)?, |hour| read.hour = hour),
        "04" => set(number(text, 2, 2)?, |minute| read.minute = minute),
        "4" => set(number(text, 1, 2)?, |minute| read.minute = minute),
        "05" => set(number(text, 2, 2)?, |second| read.second = second),
        "5" => set(number(text, 1, 2)?, |second| read.second = second),
        "PM" | "pm" => {
            let mark = text.get(..2)?;
            let (am, pm) = if field == "PM" { ("AM", "PM") } else { ("am", "pm") };
            read.afternoon = Some(if mark == pm {
                true
            } else if mark == am {
                false
            } else {
                return None;
            });
            &text[2..]
        }
        "MST" => {
            let length = text.bytes().take_while(u8::is_ascii_uppercase).count();
            if length < 3 {
                return None;
            }
            if matches!(&text[..length], "UTC" | "GMT") {
                read.offset = Some(0);
            }
            &text[length..]
        }
        zone => return read_offset(read, text, zone),
    };
    Some(rest)
}

fn set<T>((value, rest): (T, &str), put: impl FnOnce(T)) -> &str {
    put(value);
    rest
}

fn read_offset<'t>(read: &mut Read, text: &'t str, field: &str) -> Option<&'t str> {
    if field.starts_with('Z')
        && let Some(rest) = text.strip_prefix('Z')
    {
        read.offset = Some(0);
        return Some(rest);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut rest = text.strip_prefix(['+', '-'])?;
    let mut seconds = 0;
    let colons = field.contains(':');
    let count = field.bytes().filter(u8::is_ascii_digit).count() / 2;
    for (index, unit) in [3600, 60, 1].into_iter().take(count).enumerate() {
        if index > 0 && colons {
            rest = rest.strip_prefix(':')?;
        }
        let (value, after) = number::<i32>(rest, 2, 2)?;
        seconds += value * unit;
        rest = after;
    }
    read.offset = Some(sign * seconds);
    Some(rest)
}

impl Read {
    fn time(&self, zone: &TimeZone) -> Option<Timestamp> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let year = self.year.unwrap_or(0);
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        let mut date = jiff::civil::Date::new(year, month, day).ok()?;
        if let Some(day) = self.day_of_year {
            date = date.first_of_year().checked_add(jiff::Span::new().try_days(i64::from(day) - 1).ok()?).ok()?;
        }
        let time = jiff::civil::Time::new(hour, self.minute, self.second, self.nanosecond).ok()?;
        let moment = DateTime::from_parts(date, time);
        let zone = match self.offset {
            Some(seconds) => TimeZone::fixed(Offset::from_seconds(seconds).ok()?),
            None => zone.clone(),
        };
        Some(moment.to_zoned(zone).ok()?.timestamp())
    }
}
