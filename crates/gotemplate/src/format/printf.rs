//! Go's `fmt.Sprintf`.

use super::{display, float, quote};
use crate::value::{DEPTH_LIMIT, Value};

/// How wide a field may be made: as in Go, more is an error in the text.
const WIDTH_LIMIT: usize = 1_000_000;

#[derive(Clone, Default)]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

struct Printer<'a> {
    arguments: &'a [Value],
    next: usize,
    reordered: bool,
    text: String,
}

/// Formats values as Go does, mistakes included: `%!d(string=hello)`.
#[must_use]
pub fn sprintf(format: &str, arguments: &[Value]) -> String {
    let mut printer = Printer { arguments, next: 0, reordered: false, text: String::with_capacity(format.len()) };
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        printer.text.push_str(&rest[..at]);
        rest = printer.verb(&rest[at + 1..]);
    }
    printer.text.push_str(rest);
    printer.extra();
    printer.text
}

impl Printer<'_> {
    fn extra(&mut self) {
        if self.reordered || self.next >= self.arguments.len() {
            return;
        }
        let told = |value: &Value| match value {
            Value::Nil => "<nil>".to_owned(),
            other => format!("{}={}", other.type_name(), display(other)),
        };
        let extra: Vec<String> = self.arguments[self.next..].iter().map(told).collect();
        self.text.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }

    fn take(&mut self) -> Option<Value> {
        let value = self.arguments.get(self.next).cloned();
        self.next += usize::from(value.is_some());
        value
    }

    /// One verb after its `%`; gives what follows it.
    fn verb<'t>(&mut self, text: &'t str) -> &'t str {
        let mut flags = Flags::default();
        let mut rest = text;
        while let Some(flag) = rest.chars().next().filter(|flag| "+-# 0".contains(*flag)) {
            match flag {
                '+' => flags.plus = true,
                '-' => flags.minus = true,
                '#' => flags.sharp = true,
                ' ' => flags.space = true,
                _ => flags.zero = true,
            }
            rest = &rest[1..];
        }
        rest = self.index(rest);
        rest = self.width(rest, &mut flags);
        if let Some(after) = rest.strip_prefix('.') {
            rest = self.index(after);
            let (precision, after) = self.size(rest);
            flags.precision = Some(precision.unwrap_or(0));
            rest = after;
        }
        rest = self.index(rest);
        flags.zero &= !flags.minus;
        let Some(verb) = rest.chars().next() else {
            self.text.push_str("%!(NOVERB)");
            return "";
        };
        self.put(verb, &flags);
        &rest[verb.len_utf8()..]
    }

    fn put(&mut self, verb: char, flags: &Flags) {
        if verb == '%' {
            return self.text.push('%');
        }
        match self.take() {
            None => self.text.push_str(&format!("%!{verb}({})", self.lack())),
            Some(value) => self.text.push_str(&formatted(&value, verb, flags, 0)),
        }
    }

    fn lack(&self) -> &'static str {
        if self.reordered { "BADINDEX" } else { "MISSING" }
    }

    /// `[2]`: the argument that is meant.
    fn index<'t>(&mut self, text: &'t str) -> &'t str {
        let Some((number, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) else { return text };
        self.reordered = true;
        self.next = number.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1)).unwrap_or(usize::MAX);
        rest
    }

    fn width<'t>(&mut self, text: &'t str, flags: &mut Flags) -> &'t str {
        let starred = text.starts_with('*');
        let negative = starred
            && matches!(self.arguments.get(self.next), Some(Value::Int(number) | Value::Int64(number)) if *number < 0);
        let (width, rest) = self.size(text);
        flags.width = width;
        flags.minus |= negative;
        rest
    }

    /// A number, or `*` for the next argument.
    fn size<'t>(&mut self, text: &'t str) -> (Option<usize>, &'t str) {
        if let Some(rest) = text.strip_prefix('*') {
            let size = match self.take() {
                Some(Value::Int(number) | Value::Int64(number)) => usize::try_from(number.unsigned_abs()).ok(),
                _ => None,
            };
            let size = size.filter(|size| *size <= WIDTH_LIMIT);
            if size.is_none() {
                self.text.push_str("%!(BADWIDTH)");
            }
            return (size, rest);
        }
        let end = text.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(text.len());
        (text[..end].parse().ok().map(|size: usize| size.min(WIDTH_LIMIT)), &text[end..])
    }
}

fn formatted(value: &Value, verb: char, flags: &Flags, depth: usize) -> String {
    if depth > DEPTH_LIMIT {
        return "...".to_owned();
    }
    match (verb, value) {
        ('T', value) => padded(value.type_name(), flags),
        ('v', Value::Nil) => padded("<nil>".to_owned(), flags),
        (_, Value::Nil) => format!("%!{verb}(<nil>)"),
        (_, Value::List(items)) => {
            let items: Vec<String> = items.iter().map(|item| formatted(item, verb, flags, depth + 1)).collect();
            format!("[{}]", items.join(" "))
        }
        (_, Value::Map(dict)) => {
            let key = |key: &str| formatted(&Value::from(key), verb, flags, depth + 1);
            let entries = dict.entries().into_iter();
            let entries: Vec<String> = entries
                .map(|(name, item)| format!("{}:{}", key(&name), formatted(&item, verb, flags, depth + 1)))
                .collect();
            format!("map[{}]", entries.join(" "))
        }
        (_, Value::Bool(truth)) if matches!(verb, 'v' | 't') => padded(truth.to_string(), flags),
        (_, Value::Int(number) | Value::Int64(number)) => {
            integer(*number, verb, flags).unwrap_or_else(|| wrong(value, verb))
        }
        (_, Value::Float(number)) => real(*number, verb, flags).unwrap_or_else(|| wrong(value, verb)),
        (_, Value::Str(text)) => string(text, verb, flags).unwrap_or_else(|| wrong(value, verb)),
        (_, Value::Bytes(bytes)) => {
            string(&String::from_utf8_lossy(bytes), verb, flags).unwrap_or_else(|| wrong(value, verb))
        }
        ('v' | 's', Value::Object(_)) => padded(display(value), flags),
        _ => wrong(value, verb),
    }
}

fn wrong(value: &Value, verb: char) -> String {
    format!("%!{verb}({}={})", value.type_name(), display(value))
}

fn padded(text: String, flags: &Flags) -> String {
    let lack = flags.width.unwrap_or(0).saturating_sub(text.chars().count());
    if lack == 0 {
        return text;
    }
    if flags.minus {
        return text + &" ".repeat(lack);
    }
    if flags.zero { "0".repeat(lack) + &text } else { " ".repeat(lack) + &text }
}

fn integer(number: i64, verb: char, flags: &Flags) -> Option<String> {
    let (magnitude, negative) = (number.unsigned_abs(), number < 0);
    let digits = match verb {
        'd' | 'v' => magnitude.to_string(),
        'b' => format!("{}{magnitude:b}", if flags.sharp { "0b" } else { "" }),
        'o' => format!("{}{magnitude:o}", if flags.sharp { "0" } else { "" }),
        'O' => format!("0o{magnitude:o}"),
        'x' => format!("{}{magnitude:x}", if flags.sharp { "0x" } else { "" }),
        'X' => format!("{}{magnitude:X}", if flags.sharp { "0X" } else { "" }),
        'c' => return letter(number).map(|letter| padded(letter.to_string(), flags)),
        'q' => return letter(number).map(|letter| padded(quoted_letter(letter), flags)),
        'U' => return Some(padded(format!("U+{magnitude:04X}"), flags)),
        _ => return None,
    };
    let digits = flags.precision.map_or(digits.clone(), |precision| format!("{digits:0>precision$}"));
    Some(signed(digits, negative, &Flags { zero: flags.zero && flags.precision.is_none(), ..flags.clone() }))
}

/// A number with its sign; zeros to fill it up stand after the sign.
fn signed(digits: String, negative: bool, flags: &Flags) -> String {
    let sign = if negative {
        "-"
    } else if flags.plus {
        "+"
    } else if flags.space {
        " "
    } else {
        ""
    };
    if !flags.zero {
        return padded(format!("{sign}{digits}"), flags);
    }
    let width = flags.width.map(|width| width.saturating_sub(sign.len()));
    format!("{sign}{}", padded(digits, &Flags { width, ..flags.clone() }))
}

fn letter(number: i64) -> Option<char> {
    Some(u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn quoted_letter(letter: char) -> String {
    let quoted = quote(&letter.to_string());
    let inner = &quoted[1..quoted.len() - 1];
    match letter {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        _ => format!("'{inner}'"),
    }
}

fn real(number: f64, verb: char, flags: &Flags) -> Option<String> {
    let precision = match verb {
        'e' | 'E' | 'f' | 'F' => Some(flags.precision.unwrap_or(6)),
        'g' | 'G' | 'v' => flags.precision,
        _ => return None,
    };
    let verb = if verb == 'v' { 'g' } else { verb };
    let text = float::formatted(number.abs(), verb, precision);
    let zero = flags.zero && number.is_finite();
    Some(signed(
        text.trim_start_matches('+').to_owned(),
        number.is_sign_negative() && !number.is_nan(),
        &Flags { zero, ..flags.clone() },
    ))
}

fn string(text: &str, verb: char, flags: &Flags) -> Option<String> {
    let cut = |text: &str| flags.precision.map_or(text.to_owned(), |length| text.chars().take(length).collect());
    let text = match verb {
        's' | 'v' if flags.sharp && verb == 'v' => quote(text),
        's' | 'v' => cut(text),
        'q' if flags.sharp && !text.contains('`') && !text.contains(char::is_control) => format!("`{}`", cut(text)),
        'q' => quote(&cut(text)),
        'x' => cut(text).bytes().map(|byte| format!("{byte:02x}")).collect(),
        'X' => cut(text).bytes().map(|byte| format!("{byte:02X}")).collect(),
        _ => return None,
    };
    Some(padded(text, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected texts are what Go prints.
    #[test]
    fn prints_as_go_does() {
        let list: Value = vec![Value::Float(1.0), Value::from("two")].into();
        let cases: [(&str, &[Value], &str); 20] = [
            ("%d|%5d|%-5d|%05d|%+d|%x", &[7, 7, 7, -7, 7, 255].map(Value::Int), "7|    7|7    |-0007|+7|ff"),
            ("%s|%q|%10s|%-6s|%.2s", &["a\"b"; 5].map(Value::from), "a\"b|\"a\\\"b\"|       a\"b|a\"b   |a\""),
            ("%v %v", &[Value::Nil, Value::Bool(true)], "<nil> true"),
            ("%d", &[Value::from("hello")], "%!d(string=hello)"),
            ("%s", &[Value::Float(3.0)], "%!s(float64=3)"),
            ("%s", &[Value::Nil], "%!s(<nil>)"),
            ("%d", &[], "%!d(MISSING)"),
            ("x", &[Value::Int(1), Value::Nil], "x%!(EXTRA int=1, <nil>)"),
            ("%", &[], "%!(NOVERB)"),
            ("%z", &[Value::Int(1)], "%!z(int=1)"),
            ("100%%", &[], "100%"),
            ("%[2]s-%[1]s", &["a", "b"].map(Value::from), "b-a"),
            ("%q", &[list], "[%!q(float64=1) \"two\"]"),
            ("%6.2f|%-8.1f|%08.3f|%g", &[4.5678, 2.5, -3.5, 1e6].map(Value::Float), "  4.57|2.5     |-003.500|1e+06"),
            ("%*d", &[Value::Int(4), Value::Int(2)], "   2"),
            ("%t", &[Value::from("x")], "%!t(string=x)"),
            ("%T %T", &[Value::Int64(1), Value::Map(crate::Dict::default())], "int64 map[string]interface {}"),
            ("%c%q%U", &[65, 66, 0x1F600].map(Value::Int), "A'B'U+1F600"),
            ("%e|%.0f", &[123_456.0, 2.5].map(Value::Float), "1.234560e+05|2"),
            ("%x", &[Value::from("hi")], "6869"),
        ];
        for (format, arguments, expected) in cases {
            assert_eq!(sprintf(format, arguments), expected, "{format}");
        }
    }
}
