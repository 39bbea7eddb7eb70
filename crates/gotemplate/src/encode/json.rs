//! Go's `encoding/json`.

use std::fmt::Write;

use serde_json::{Number, Value as Json};

/// Writes JSON; with an indentation, one entry a line.
pub(crate) fn write(value: &Json, escape_html: bool, indent: Option<&str>) -> String {
    let mut writer = Writer { text: String::new(), escape_html, indent };
    writer.value(value, 0);
    writer.text
}

struct Writer<'a> {
    text: String,
    escape_html: bool,
    indent: Option<&'a str>,
}

impl Writer<'_> {
    fn value(&mut self, value: &Json, depth: usize) {
        match value {
            Json::Null => self.text.push_str("null"),
            Json::Bool(value) => self.text.push_str(if *value { "true" } else { "false" }),
            Json::Number(value) => self.text.push_str(&number(value)),
            Json::String(value) => self.string(value),
            Json::Array(items) => {
                self.all(['[', ']'], items.iter(), depth, Self::value);
            }
            Json::Object(entries) => {
                self.all(['{', '}'], entries.iter(), depth, |writer, (key, value), depth| {
                    writer.string(key);
                    writer.text.push_str(if writer.indent.is_some() { ": " } else { ":" });
                    writer.value(value, depth);
                });
            }
        }
    }

    fn all<T>(
        &mut self,
        [open, close]: [char; 2],
        items: impl ExactSizeIterator<Item = T>,
        depth: usize,
        item: impl Fn(&mut Self, T, usize),
    ) {
        self.text.push(open);
        let is_empty = items.len() == 0;
        for (index, value) in items.enumerate() {
            self.text.push_str(if index > 0 { "," } else { "" });
            self.line(depth + 1);
            item(self, value, depth + 1);
        }
        if !is_empty {
            self.line(depth);
        }
        self.text.push(close);
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.text.push('\n');
            (0..depth).for_each(|_| self.text.push_str(indent));
        }
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for letter in text.chars() {
            match letter {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                '<' | '>' | '&' if self.escape_html => drop(write!(self.text, "\\u{:04x}", u32::from(letter))),
                '\u{2028}' | '\u{2029}' => drop(write!(self.text, "\\u{:04x}", u32::from(letter))),
                _ if u32::from(letter) < 0x20 => drop(write!(self.text, "\\u{:04x}", u32::from(letter))),
                other => self.text.push(other),
            }
        }
        self.text.push('"');
    }
}

/// A number: without an exponent where it is neither tiny nor huge.
pub(super) fn number(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else { return number.to_string() };
    let size = float.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{float:e}");
        return if text.contains("e-") { text } else { text.replace('e', "e+") };
    }
    float.to_string()
}
