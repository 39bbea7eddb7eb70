//! Go's `strconv.FormatFloat`.

/// `%v`, which is `%g` with as many digits as are needed.
pub(crate) fn shortest(number: f64) -> String {
    match special(number) {
        Some(text) => text.to_owned(),
        None => general(number, None),
    }
}

/// `%e`, `%f` and `%g` with a number of digits, if one is given.
pub(super) fn formatted(number: f64, verb: char, precision: Option<usize>) -> String {
    if let Some(text) = special(number) {
        return text.to_owned();
    }
    match verb {
        'e' | 'E' => cased(exponential(number, precision), verb),
        'g' | 'G' => cased(general(number, precision), verb),
        _ => precision.map_or_else(|| number.to_string(), |digits| format!("{number:.digits$}")),
    }
}

fn special(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        Some("NaN")
    } else if number.is_infinite() {
        Some(if number > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        None
    }
}

fn cased(text: String, verb: char) -> String {
    if verb.is_uppercase() { text.to_uppercase() } else { text }
}

/// `1.5e+07`: the exponent has a sign and two digits at least.
fn exponential(number: f64, precision: Option<usize>) -> String {
    let text = precision.map_or_else(|| format!("{number:e}"), |digits| format!("{number:.digits$e}"));
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

fn general(number: f64, precision: Option<usize>) -> String {
    // A precision counts all digits, of which `%e` has one before the point.
    let significant = precision.map(|digits| digits.max(1));
    let exponential = exponential(number, significant.map(|digits| digits - 1));
    let (digits, exponent) = exponential.split_once('e').unwrap_or((&exponential, "+00"));
    let power: i64 = exponent.parse().unwrap_or(0);
    // With the shortest form, Go decides as if it were six digits.
    let limit = i64::try_from(significant.unwrap_or(6)).unwrap_or(i64::MAX);
    if power < -4 || power >= limit {
        return format!("{}e{exponent}", trimmed(digits));
    }
    if significant.is_none() {
        return number.to_string();
    }
    let decimals = usize::try_from(limit - 1 - power).unwrap_or(0);
    trimmed(&format!("{number:.decimals$}")).to_owned()
}

/// Without zeros after the point that say nothing.
fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}
