//! Numbers and characters as Go writes them: `12`, `-0x1F`, `0b101`, `1_000`, `1e3`, `'a'`.

use crate::ast::WordKind;
use crate::lex::unquote;

/// Reads a number; an error is in words.
pub(super) fn parse(text: &str) -> Result<WordKind, String> {
    if let Some(quoted) = text.strip_prefix('\'') {
        return character(text, quoted.trim_end_matches('\''));
    }
    let plain = text.replace('_', "");
    if let Some(number) = integer(&plain) {
        return Ok(WordKind::Int(number, text.to_owned()));
    }
    let unsigned = plain.trim_start_matches(['+', '-']);
    let is_decimal = unsigned.starts_with(|digit: char| digit.is_ascii_digit() || digit == '.');
    match plain.parse::<f64>() {
        Ok(number) if is_decimal && number.is_finite() && plain.contains(['.', 'e', 'E']) => {
            Ok(WordKind::Float(number, text.to_owned()))
        }
        Ok(_) if is_decimal => Err(format!("integer overflow: {text:?}")),
        _ => Err(format!("bad number syntax: {text:?}")),
    }
}

fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(hex) = lower.strip_prefix("0x") {
        (16, hex)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        (2, binary)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        (8, octal)
    } else if lower.len() > 1 && lower.starts_with('0') && lower.bytes().all(|digit| digit.is_ascii_digit()) {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    i64::try_from(if negative { -number } else { number }).ok()
}

fn character(text: &str, quoted: &str) -> Result<WordKind, String> {
    let unquoted = unquote(quoted).unwrap_or_default();
    let mut letters = unquoted.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => Ok(WordKind::Int(i64::from(u32::from(letter)), text.to_owned())),
        _ => Err(format!("malformed character constant: {text}")),
    }
}
