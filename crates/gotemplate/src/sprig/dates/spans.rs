//! Go's `time.Duration`, in nanoseconds: `1h15m30.918s`.

pub(super) const SECOND: i64 = 1_000_000_000;

const UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
];

/// `-1.5h`, `300ms`, `2h45m`; `None` if it is none.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(rest.len());
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == &rest[..end])?;
        #[allow(clippy::cast_precision_loss, reason = "units are small")]
        {
            total += number * *unit as f64;
        }
        rest = &rest[end..];
    }
    #[allow(clippy::cast_possible_truncation, reason = "what is beyond the range is refused")]
    (total < 9.2e18).then_some((sign * total.round()) as i64)
}

/// As Go writes it.
pub(super) fn written(span: i64) -> String {
    let sign = if span < 0 { "-" } else { "" };
    let nanoseconds = span.unsigned_abs();
    let second = SECOND.unsigned_abs();
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    if nanoseconds < second {
        let (unit, size) = match nanoseconds {
            0..1_000 => ("ns", 1),
            1_000..1_000_000 => ("µs", 1_000),
            _ => ("ms", 1_000_000),
        };
        return format!("{sign}{}{unit}", decimal(nanoseconds, size));
    }
    let (hours, minutes) = (nanoseconds / second / 3600, nanoseconds / second / 60 % 60);
    let seconds = decimal(nanoseconds % (60 * second), second);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

fn decimal(number: u64, unit: u64) -> String {
    let (whole, fraction) = (number / unit, number % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{fraction:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// The largest unit alone: `2h`, `3mo`.
pub(super) fn rounded(span: i64) -> String {
    const ROUGH: [(&str, u64); 6] =
        [("y", 31_536_000), ("mo", 2_592_000), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let seconds = span.unsigned_abs() / SECOND.unsigned_abs();
    let sign = if span < 0 { "-" } else { "" };
    let found = ROUGH.iter().find(|(_, size)| seconds > *size || *size == 1 && seconds > 0);
    found.map_or_else(|| "0s".to_owned(), |(unit, size)| format!("{sign}{}{unit}", seconds / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_as_in_go() {
        for (text, expected) in
            [("1h15m30.918s", "1h15m30.918s"), ("-1.5h", "-1h30m0s"), ("300ms", "300ms"), ("1us", "1µs"), ("0", "0s")]
        {
            assert_eq!(written(parse(text).unwrap()), expected);
        }
        for text in ["", "1", "x", "1x", ".", "1h-2m"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(rounded(parse("2h10m5s").unwrap()), "2h");
        assert_eq!(rounded(parse("800h").unwrap()), "1mo");
    }
}
