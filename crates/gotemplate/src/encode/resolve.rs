//! Which texts YAML 1.1 would read as something else than a string, by the rules of `go-yaml`.

use crate::number::integer;

/// Whether a plain text is read as a string.
pub(super) fn is_string(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    if is_word(text) {
        return false;
    }
    match first {
        '+' | '-' | '0'..='9' => !is_number(text) && !is_time(text) && !is_base_60(text),
        '.' => !is_float(text),
        _ => true,
    }
}

fn is_word(text: &str) -> bool {
    const WORDS: [&str; 22] = [
        "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF", "~", ".nan",
        ".NaN", ".NAN", "true", "false",
    ];
    const CASED: [&str; 7] = ["True", "TRUE", "False", "FALSE", "null", "Null", "NULL"];
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    WORDS.contains(&text) || CASED.contains(&text) || matches!(unsigned, ".inf" | ".Inf" | ".INF")
}

fn is_number(text: &str) -> bool {
    let plain = text.replace('_', "");
    is_integer(&plain) || is_float(&plain)
}

/// `strconv.ParseInt` with base 0, or `ParseUint`.
fn is_integer(text: &str) -> bool {
    integer(text).is_some_and(|number| i64::try_from(number).is_ok() || u64::try_from(number).is_ok())
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    mantissa && exponent.is_none_or(digits)
}

/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`, what YAML 1.1 counts in sixties.
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let sixty = |part: &str| match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [ten, digit] => (b'0'..=b'5').contains(ten) && digit.is_ascii_digit(),
        _ => false,
    };
    let loose = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let rest: Vec<&str> = parts.collect();
    first.starts_with(|digit: char| digit.is_ascii_digit())
        && loose(first)
        && loose(fraction)
        && !rest.is_empty()
        && rest.into_iter().all(sixty)
}

/// A number of at most so many digits, and what follows it.
fn number(text: &str, most: usize) -> Option<(u32, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).take(most).count();
    (length > 0).then(|| (text[..length].parse().unwrap_or(0), &text[length..]))
}

/// `2006-1-2`, or with a time after `T`, `t` or a space.
fn is_time(text: &str) -> bool {
    let date = || {
        let (_, rest) = number(text, 4).filter(|(_, rest)| text.len() - rest.len() == 4)?;
        let (month, rest) = number(rest.strip_prefix('-')?, 2)?;
        let (day, rest) = number(rest.strip_prefix('-')?, 2)?;
        ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some(rest)
    };
    let time = |rest: &str| {
        let (hour, rest) = number(rest, 2)?;
        let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
        let (second, rest) = number(rest.strip_prefix(':')?, 2)?;
        let rest =
            rest.strip_prefix('.').map_or(rest, |rest| rest.trim_start_matches(|digit: char| digit.is_ascii_digit()));
        (hour < 24 && minute < 60 && second < 60).then(|| rest.to_owned())
    };
    let zone = |rest: &str| match rest.strip_prefix(['+', '-']) {
        None => rest == "Z",
        Some(zone) => zone.split_once(':').is_some_and(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2),
    };
    match date() {
        None => false,
        Some("") => true,
        Some(rest) => match (rest.strip_prefix(['T', 't']), rest.strip_prefix(' ')) {
            (Some(rest), _) => time(rest).is_some_and(|rest| zone(&rest)),
            (_, Some(rest)) => time(rest).is_some_and(|rest| rest.is_empty()),
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_1_1_reads_as_something_else_is_no_string() {
        for text in ["", "y", "No", "~", "1", "-1", "0x1f", "08", "1_000", "1e3", ".5", "1.", "-.inf", "12:30:45"] {
            assert!(!is_string(text), "{text}");
        }
        for text in ["2024-01-02", "2001-1-1 1:1:1", "2001-12-14t21:59:43.10-05:00", "18446744073709551615"] {
            assert!(!is_string(text), "{text}");
        }
        for text in ["yep", "1.2.3", "1e", "0x", "+", "-", "v1", "1:99", "2024-13-01", "2024-01", "<<", "a"] {
            assert!(is_string(text), "{text}");
        }
    }
}
