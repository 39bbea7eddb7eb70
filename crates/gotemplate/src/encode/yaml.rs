//! YAML as `go-yaml` writes it: block style, keys in natural order, long texts folded.

use std::cmp::Ordering;
use std::fmt::Write;

use serde_json::{Map, Number, Value as Json};

use super::scalar::{Analysis, analyse, is_printable};
use super::{json, resolve};
use crate::format::shortest;

/// Where lines are folded.
const WIDTH: usize = 80;
/// The longest text that may stand before `:`.
const SIMPLE_KEY: usize = 128;

/// Which of Go's libraries is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `go-yaml` v2: lists in maps are not indented, long lines are folded.
    V2,
    /// `go-yaml` v3 with an indentation of two: lists in maps are indented, lines are as long as they are.
    V3,
}

pub(super) fn write(value: &Json, style: Style) -> String {
    let mut emitter =
        Emitter { text: String::new(), column: 0, indent: None, whitespace: true, indention: true, style };
    emitter.node(value, false);
    if emitter.column > 0 {
        emitter.newline();
    }
    emitter.text
}

struct Emitter {
    text: String,
    column: usize,
    /// The indentation of the present block, once there is one.
    indent: Option<usize>,
    /// Whether the last thing written was space.
    whitespace: bool,
    /// Whether the line holds nothing yet but indentation and indicators.
    indention: bool,
    style: Style,
}

impl Emitter {
    fn put(&mut self, letter: char) {
        self.text.push(letter);
        self.column += 1;
    }

    fn newline(&mut self) {
        self.text.push('\n');
        self.column = 0;
    }

    fn start_line(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || self.column == indent && !self.whitespace {
            self.newline();
        }
        while self.column < indent {
            self.put(' ');
        }
        (self.whitespace, self.indention) = (true, true);
    }

    fn indicator(&mut self, text: &str, spaced: bool, indention: bool) {
        if spaced && !self.whitespace {
            self.put(' ');
        }
        text.chars().for_each(|letter| self.put(letter));
        self.whitespace = false;
        self.indention &= indention;
    }

    fn deeper(&mut self, inner: impl FnOnce(&mut Self), indent: usize) {
        let outer = self.indent.replace(indent);
        inner(self);
        self.indent = outer;
    }

    fn node(&mut self, value: &Json, in_map: bool) {
        match value {
            Json::Array(items) if items.is_empty() => self.indicator("[]", true, false),
            Json::Object(entries) if entries.is_empty() => self.indicator("{}", true, false),
            Json::Array(items) => self.list(items, in_map),
            Json::Object(entries) => self.map(entries),
            Json::Null => self.scalar("null", true, false),
            Json::Bool(value) => self.scalar(if *value { "true" } else { "false" }, true, false),
            Json::Number(value) => self.scalar(&number(value), true, false),
            Json::String(text) => self.scalar(text, is_plain(text), false),
        }
    }

    fn list(&mut self, items: &[Json], in_map: bool) {
        let flush = in_map && !self.indention && self.style == Style::V2;
        let indent = self.indent.map_or(0, |indent| if flush { indent } else { indent + 2 });
        self.deeper(
            |emitter| {
                for item in items {
                    emitter.start_line();
                    emitter.indicator("-", true, true);
                    emitter.node(item, false);
                }
            },
            indent,
        );
    }

    fn map(&mut self, entries: &Map<String, Json>) {
        let mut entries: Vec<(&String, &Json)> = entries.iter().collect();
        entries.sort_by(|(a, _), (b, _)| natural(a, b));
        let indent = self.indent.map_or(0, |indent| indent + 2);
        self.deeper(
            |emitter| {
                for (key, value) in entries {
                    emitter.start_line();
                    emitter.key(key);
                    emitter.node(value, true);
                }
            },
            indent,
        );
    }

    fn key(&mut self, key: &str) {
        if key.len() <= SIMPLE_KEY && !key.contains('\n') {
            self.scalar(key, is_plain(key), true);
            self.indicator(":", false, false);
        } else {
            self.indicator("?", true, true);
            self.scalar(key, is_plain(key), false);
            self.start_line();
            self.indicator(":", true, true);
        }
    }

    fn scalar(&mut self, text: &str, plain: bool, is_key: bool) {
        let analysis = analyse(text);
        let indent = self.indent.map_or(2, |indent| indent + 2);
        self.deeper(|emitter| emitter.styled(text, plain, is_key, analysis), indent);
    }

    fn styled(&mut self, text: &str, plain: bool, is_key: bool, analysis: Analysis) {
        if text.contains('\n') && !is_key && analysis.block {
            self.literal(text);
        } else if text.contains('\n') || !plain {
            self.double_quoted(text, !is_key);
        } else if analysis.plain {
            self.plain(text, !is_key);
        } else if analysis.single_quoted {
            self.single_quoted(text, !is_key);
        } else {
            self.double_quoted(text, !is_key);
        }
    }

    /// Whether a line may be broken at a space.
    fn folds(&self, may_break: bool) -> bool {
        may_break && self.column > WIDTH && self.style == Style::V2
    }

    fn plain(&mut self, text: &str, may_break: bool) {
        if !self.whitespace && !text.is_empty() {
            self.put(' ');
        }
        self.words(text, may_break, false);
        (self.whitespace, self.indention) = (false, false);
    }

    /// Letters of which a space may become a new line; quotes are doubled if it is asked for.
    fn words(&mut self, text: &str, may_break: bool, quoted: bool) {
        let letters: Vec<char> = text.chars().collect();
        let mut after_space = false;
        for (at, &letter) in letters.iter().enumerate() {
            let inner = !quoted || at > 0 && at + 1 < letters.len();
            let alone = !after_space && letters.get(at + 1) != Some(&' ');
            if letter == ' ' && alone && inner && self.folds(may_break) {
                self.start_line();
            } else {
                if quoted && letter == '\'' {
                    self.put(letter);
                }
                self.put(letter);
            }
            after_space = letter == ' ';
            self.indention &= after_space;
        }
    }

    fn single_quoted(&mut self, text: &str, may_break: bool) {
        self.indicator("'", true, false);
        self.words(text, may_break, true);
        self.indicator("'", false, false);
    }

    fn double_quoted(&mut self, text: &str, may_break: bool) {
        self.indicator("\"", true, false);
        let letters: Vec<char> = text.chars().collect();
        let mut after_space = false;
        for (at, &letter) in letters.iter().enumerate() {
            let inner = at > 0 && at + 1 < letters.len();
            if letter == ' ' && !after_space && inner && self.folds(may_break) {
                self.start_line();
                if letters[at + 1] == ' ' {
                    self.put('\\');
                }
            } else {
                escaped(letter).chars().for_each(|letter| self.put(letter));
            }
            after_space = letter == ' ';
        }
        self.indicator("\"", false, false);
    }

    fn literal(&mut self, text: &str) {
        self.indicator("|", true, false);
        if text.starts_with([' ', '\n']) {
            self.put('2');
        }
        if !text.ends_with('\n') {
            self.put('-');
        } else if text.ends_with("\n\n") || text == "\n" {
            self.put('+');
        }
        self.newline();
        (self.whitespace, self.indention) = (true, true);
        let mut fresh = true;
        for letter in text.chars() {
            if letter == '\n' {
                self.newline();
                (self.indention, fresh) = (true, true);
                continue;
            }
            if fresh {
                self.start_line();
            }
            self.put(letter);
            (self.indention, fresh) = (false, false);
        }
    }
}

fn is_plain(text: &str) -> bool {
    resolve::is_string(text)
}

fn number(number: &Number) -> String {
    let text = json::number(number);
    if let Ok(whole) = text.parse::<i64>() {
        return whole.to_string();
    }
    match number.as_f64() {
        Some(float) if text.parse::<u64>().is_err() => shortest(float),
        _ => text,
    }
}

fn escaped(letter: char) -> String {
    match letter {
        '\0' => "\\0".to_owned(),
        '\u{7}' => "\\a".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\t' => "\\t".to_owned(),
        '\n' => "\\n".to_owned(),
        '\u{b}' => "\\v".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\r' => "\\r".to_owned(),
        '\u{1b}' => "\\e".to_owned(),
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\u{85}' => "\\N".to_owned(),
        '\u{2028}' => "\\L".to_owned(),
        '\u{2029}' => "\\P".to_owned(),
        _ if is_printable(letter) => letter.to_string(),
        _ => {
            let code = u32::from(letter);
            let mut text = String::new();
            let _ = match code {
                0..=0xff => write!(text, "\\x{code:02X}"),
                0x100..=0xffff => write!(text, "\\u{code:04X}"),
                _ => write!(text, "\\U{code:08X}"),
            };
            text
        }
    }
}

/// The order of keys: numbers within them count as numbers, and letters stand after all else.
fn natural(a: &str, b: &str) -> Ordering {
    let (left, right): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut digits = false;
    let mut at = 0;
    while at < left.len() && at < right.len() {
        if left[at] == right[at] {
            digits = left[at].is_numeric();
            at += 1;
            continue;
        }
        return differing(&left, &right, at, digits);
    }
    left.len().cmp(&right.len())
}

fn differing(left: &[char], right: &[char], at: usize, digits: bool) -> Ordering {
    let (a, b) = (left[at], right[at]);
    if a.is_alphabetic() && b.is_alphabetic() {
        return a.cmp(&b);
    }
    if a.is_alphabetic() || b.is_alphabetic() {
        // In the middle of a number, a letter ends it and so comes first.
        let letter_is_less = digits;
        return if a.is_alphabetic() == letter_is_less { Ordering::Less } else { Ordering::Greater };
    }
    // With a zero at one side, a number that has begun before counts, or `10` and `1` would be equal here.
    let begun = (0..at).rev().map(|at| left[at]).take_while(|letter| letter.is_numeric()).any(|letter| letter != '0');
    let start = u128::from(begun && (a == '0' || b == '0'));
    let (count, number) = run(&left[at..], start);
    let (other_count, other) = run(&right[at..], start);
    number.cmp(&other).then(count.cmp(&other_count)).then(a.cmp(&b))
}

/// How many digits follow, and the number they make after what was before.
fn run(text: &[char], start: u128) -> (usize, u128) {
    let digits: Vec<u32> = text.iter().map_while(|letter| letter.to_digit(10)).collect();
    let number =
        digits.iter().fold(start, |number, digit| number.saturating_mul(10).saturating_add(u128::from(*digit)));
    (digits.len(), number)
}
