//! Whole numbers as Go reads them with base 0: `12`, `-0x1F`, `0b101`, `0o17`, `017`.
//! It must not know what they are for.

/// A whole number with its sign; what has underscores, spaces or a second sign is none.
pub(crate) fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_told_by_how_a_number_begins() {
        for (text, expected) in
            [("12", 12), ("-0x1F", -31), ("0b101", 5), ("0o17", 15), ("017", 15), ("0", 0), ("+3", 3)]
        {
            assert_eq!(integer(text), Some(expected), "{text}");
        }
        for text in ["", "-", "08", "0x", "--1", "0x-1", "1_000", " 1", "1.0"] {
            assert_eq!(integer(text), None, "{text}");
        }
    }
}
