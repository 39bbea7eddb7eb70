//! Numbers and characters as Go writes them: `12`, `-0x1F`, `0b101`, `1_000`, `1e3`, `'a'`.

use crate::ast::WordKind;
use crate::lex::unquote;
use crate::number::integer;

/// Reads a number; an error is in words.
pub(super) fn parse(text: &str) -> Result<WordKind, String> {
    if let Some(quoted) = text.strip_prefix('\'') {
        return character(text, quoted.trim_end_matches('\''));
    }
    let plain = text.replace('_', "");
    if let Some(number) = integer(&plain).and_then(|number| i64::try_from(number).ok()) {
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

fn character(text: &str, quoted: &str) -> Result<WordKind, String> {
    let unquoted = unquote(quoted).unwrap_or_default();
    let mut letters = unquoted.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => Ok(WordKind::Int(i64::from(u32::from(letter)), text.to_owned())),
        _ => Err(format!("malformed character constant: {text}")),
    }
}
