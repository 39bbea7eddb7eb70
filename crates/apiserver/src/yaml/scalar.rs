//! Text in YAML: plain where it cannot be taken for something else, in quotes where it can, in a block where it has
//! several lines. Upstream writes it with `go-yaml` 2, whose rules these are.
//! It must not know maps and lists.

use std::fmt::Write;
use std::sync::LazyLock;

use regex::Regex;

/// Behind this column a line is broken at the next blank.
const WIDTH: usize = 80;

/// Where a text stands.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The column it begins at.
    pub(super) column: usize,
    /// The column that its further lines begin at.
    pub(super) indent: usize,
    /// A key stays on its line.
    pub(super) is_key: bool,
}

/// Words that YAML 1.1 reads as null, booleans, infinities or a merge.
const WORDS: &[&str] = &[
    "", "~", "null", "Null", "NULL", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO",
    "off", "Off", "OFF", "true", "True", "TRUE", "false", "False", "FALSE", ".nan", ".NaN", ".NAN", ".inf", ".Inf",
    ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", "<<",
];

/// Numbers, also those with underscores and those of base 60, and times.
static NUMBERS: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    [
        r"^[-+]?(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+)$",
        r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$",
        r"^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$",
        r"^\d{4}-\d\d?-\d\d?([Tt]\d\d?:\d\d?:\d\d?(\.\d+)?(Z|[-+]\d\d:\d\d)| \d\d?:\d\d?:\d\d?(\.\d+)?)?$",
    ]
    .map(|pattern| Regex::new(pattern).expect("the pattern is well formed"))
});

/// A text as it is written at a place.
pub(super) fn text(text: &str, place: Place) -> String {
    let marks = Marks::of(text);
    if text.contains('\n') && !place.is_key && marks.block {
        return block(text, place.indent);
    }
    let reads_as_other = WORDS.contains(&text) || is_number(text);
    if text.contains('\n') || reads_as_other || !marks.single {
        return double_quoted(text, place);
    }
    if marks.plain { folded(text, place) } else { single_quoted(text, place) }
}

fn is_number(text: &str) -> bool {
    let first = text.chars().next();
    if !first.is_some_and(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return false;
    }
    let [rest @ .., sexagesimal, time] = &*NUMBERS;
    let bare = text.replace('_', "");
    sexagesimal.is_match(text) || time.is_match(text) || rest.iter().any(|pattern| pattern.is_match(&bare))
}

/// The ways in which a text could be written.
struct Marks {
    plain: bool,
    single: bool,
    block: bool,
}

impl Marks {
    fn of(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let special = chars.iter().any(|c| !is_printable(*c) || is_other_break(*c));
        let edge = |c: Option<&char>| matches!(c, Some(' ' | '\n'));
        let has = |first: char, second: char| chars.windows(2).any(|pair| pair[0] == first && pair[1] == second);
        let (space_break, break_space) = (has(' ', '\n'), has('\n', ' '));
        let starts = text.starts_with("---") || text.starts_with("...");
        let indicated = (0..chars.len()).any(|at| is_indicator(&chars, at));
        Self {
            plain: !(special || starts || indicated || edge(chars.first()) || edge(chars.last())),
            single: !(special || space_break || break_space),
            block: !(special || space_break || chars.last() == Some(&' ')),
        }
    }
}

/// Whether a character means something to YAML outside of `[]` and `{}`.
fn is_indicator(chars: &[char], at: usize) -> bool {
    let blank = |c: Option<&char>| c.is_none_or(|c| matches!(c, ' ' | '\n' | '\t'));
    match chars[at] {
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' if at == 0 => {
            true
        }
        '?' | '-' if at == 0 => blank(chars.get(1)),
        ':' => blank(chars.get(at + 1)),
        '#' => blank(chars.get(at.wrapping_sub(1))),
        _ => false,
    }
}

/// What the library takes for printable: nothing beyond the first plane.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{fffd}') && c != '\u{feff}'
}

fn is_other_break(c: char) -> bool {
    matches!(c, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Lines of their own, with a mark for what stands at the end.
fn block(text: &str, indent: usize) -> String {
    let lead = if text.starts_with([' ', '\n']) { "2" } else { "" };
    let end = match text.strip_suffix('\n') {
        None => "-",
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => "+",
        Some(_) => "",
    };
    let mut written = format!("|{lead}{end}\n");
    let body = text.strip_suffix('\n').unwrap_or(text);
    for (index, line) in body.split('\n').enumerate() {
        written.push_str(if index == 0 { "" } else { "\n" });
        if !line.is_empty() {
            let _ = write!(written, "{:indent$}{line}", "");
        }
    }
    if end == "+" { written + "\n" } else { written }
}

fn single_quoted(text: &str, place: Place) -> String {
    let inner = folded(&text.replace('\'', "''"), Place { column: place.column + 1, ..place });
    format!("'{inner}'")
}

/// The text with a break in place of the first single blank behind the column.
fn folded(text: &str, place: Place) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut written, mut column) = (String::new(), place.column);
    for (at, c) in chars.iter().enumerate() {
        let single = at > 0 && chars[at - 1] != ' ' && chars.get(at + 1).is_some_and(|next| *next != ' ');
        if *c == ' ' && single && column > WIDTH && !place.is_key {
            let _ = write!(written, "\n{:1$}", "", place.indent);
            column = place.indent;
        } else {
            written.push(*c);
            column += 1;
        }
    }
    written
}

fn double_quoted(text: &str, place: Place) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut written, mut column) = ("\"".to_owned(), place.column + 1);
    for (at, c) in chars.iter().enumerate() {
        let within = at > 0 && at + 1 < chars.len() && chars[at - 1] != ' ';
        if *c == ' ' && within && column > WIDTH && !place.is_key {
            let _ = write!(written, "\n{:1$}", "", place.indent);
            column = place.indent;
            if chars[at + 1] == ' ' {
                written.push('\\');
                column += 1;
            }
            continue;
        }
        let shown = escaped(*c);
        column += shown.chars().count();
        written.push_str(&shown);
    }
    written + "\""
}

fn escaped(c: char) -> String {
    let letter = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' | '\\' => c,
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ if is_printable(c) => return c.to_string(),
        _ => {
            let code = u32::from(c);
            return match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{letter}")
}
