//! Go's `fmt`: how values are printed, and `printf`.

mod float;
mod printf;

pub(crate) use float::shortest;
pub use printf::sprintf;

use std::fmt::Write;

use crate::value::{DEPTH_LIMIT, Value};

/// What Go's templates print for `nil`.
pub(crate) const NO_VALUE: &str = "<no value>";

/// `%v`.
#[must_use]
pub fn display(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value, 0);
    text
}

fn write_value(to: &mut String, value: &Value, depth: usize) {
    if depth > DEPTH_LIMIT {
        to.push_str("...");
        return;
    }
    match value {
        Value::Nil => to.push_str("<nil>"),
        Value::Bool(value) => to.push_str(if *value { "true" } else { "false" }),
        Value::Int(number) | Value::Int64(number) => to.push_str(&number.to_string()),
        Value::Float(number) => to.push_str(&shortest(*number)),
        Value::Str(text) => to.push_str(text),
        Value::Bytes(bytes) => to.push_str(&String::from_utf8_lossy(bytes)),
        Value::List(items) => {
            to.push('[');
            for (index, item) in items.iter().enumerate() {
                to.push_str(if index > 0 { " " } else { "" });
                write_value(to, item, depth + 1);
            }
            to.push(']');
        }
        Value::Map(dict) => {
            to.push_str("map[");
            for (index, (key, item)) in dict.entries().iter().enumerate() {
                to.push_str(if index > 0 { " " } else { "" });
                to.push_str(key);
                to.push(':');
                write_value(to, item, depth + 1);
            }
            to.push(']');
        }
        Value::Object(object) => to.push_str(&object.text()),
    }
}

/// `fmt.Sprint`: spaces stand between operands of which neither is a string.
pub(crate) fn sprint(values: &[Value]) -> String {
    let mut text = String::new();
    let mut before_is_string = true;
    for (index, value) in values.iter().enumerate() {
        let is_string = matches!(value, Value::Str(_) | Value::Bytes(_));
        if index > 0 && !is_string && !before_is_string {
            text.push(' ');
        }
        text.push_str(&display(value));
        before_is_string = is_string;
    }
    text
}

/// `fmt.Sprintln`.
pub(crate) fn sprintln(values: &[Value]) -> String {
    let texts: Vec<String> = values.iter().map(display).collect();
    format!("{}\n", texts.join(" "))
}

/// `strconv.Quote`.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            ' ' => quoted.push(' '),
            _ if is_printable(letter) => quoted.push(letter),
            _ if u32::from(letter) < 0x80 => drop(write!(quoted, "\\x{:02x}", u32::from(letter))),
            _ if u32::from(letter) < 0x1_0000 => drop(write!(quoted, "\\u{:04x}", u32::from(letter))),
            _ => drop(write!(quoted, "\\U{:08x}", u32::from(letter))),
        }
    }
    quoted.push('"');
    quoted
}

/// Go's `unicode.IsPrint`, as far as letters that text is made of go.
fn is_printable(letter: char) -> bool {
    !letter.is_control()
        && !letter.is_whitespace()
        && !matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}')
}
