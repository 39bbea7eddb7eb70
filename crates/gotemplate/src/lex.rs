//! Cuts a template into texts and the tokens of its actions, by the rules of Go's `text/template/parse`.
//! It must not know what the tokens mean together.

use crate::error::Error;

/// A token, with the byte where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) at: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Text outside of actions.
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// Space between words.
    Space,
    /// `.name`
    Field(String),
    /// `$name`, or `$` alone.
    Variable(String),
    /// A keyword, a function, `true`, `false` or `nil`.
    Word(String),
    /// `.`
    Dot,
    /// A string, unquoted.
    Literal(String),
    /// A number or character as it is written.
    Number(String),
    /// `(`
    Paren,
    /// `)`
    CloseParen,
    /// `|`
    Pipe,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    /// `,`
    Comma,
    /// The end of the template.
    End,
}

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
const COMMENT_OPEN: &str = "/*";
const COMMENT_CLOSE: &str = "*/";
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// All tokens of a template.
pub(crate) fn lex(name: &str, text: &str) -> Result<Vec<Token>, Error> {
    let mut lexer = Lexer { name, text, at: 0, tokens: Vec::new(), parens: 0 };
    lexer.run()?;
    Ok(lexer.tokens)
}

/// The line of a byte, from 1, and its column, from 0.
pub(crate) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    (line, before.len() - start)
}

struct Lexer<'a> {
    name: &'a str,
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    parens: usize,
}

impl Lexer<'_> {
    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Error> {
        let (line, _) = place(self.text, self.at);
        Err(Error::Parse { template: self.name.to_owned(), line, message: message.into() })
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.tokens.push(Token { kind, at: self.at });
        self.at += length;
    }

    fn run(&mut self) -> Result<(), Error> {
        let mut trim = false;
        loop {
            let open = self.rest().find(OPEN);
            let end = open.unwrap_or(self.rest().len());
            let mut text = &self.text[self.at..self.at + end];
            let start = if trim { text.len() - text.trim_start_matches(SPACES).len() } else { 0 };
            text = &text[start..];
            let trims_before = open.is_some() && trims_left(&self.text[self.at + end + OPEN.len()..]);
            if trims_before {
                text = text.trim_end_matches(SPACES);
            }
            if !text.is_empty() {
                self.tokens.push(Token { kind: Kind::Text(text.to_owned()), at: self.at + start });
            }
            self.at += end;
            if open.is_none() {
                self.push(Kind::End, 0);
                return Ok(());
            }
            trim = self.action(if trims_before { 2 } else { 0 })?;
        }
    }

    /// One action or comment; tells whether the text that follows is trimmed.
    fn action(&mut self, marker: usize) -> Result<bool, Error> {
        let after = self.at + OPEN.len() + marker;
        if self.text[after..].starts_with(COMMENT_OPEN) {
            return self.comment(after);
        }
        self.push(Kind::Open, OPEN.len() + marker);
        self.parens = 0;
        loop {
            if let Some((length, trims)) = closes(self.rest()) {
                if self.parens > 0 {
                    return self.fail("unclosed left paren");
                }
                self.push(Kind::Close, length);
                return Ok(trims);
            }
            self.inside()?;
        }
    }

    fn comment(&mut self, start: usize) -> Result<bool, Error> {
        let Some(end) = self.text[start..].find(COMMENT_CLOSE) else { return self.fail("unclosed comment") };
        let after = start + end + COMMENT_CLOSE.len();
        let Some((length, trims)) = closes(&self.text[after..]) else {
            return self.fail("comment ends before closing delimiter");
        };
        self.at = after + length;
        Ok(trims)
    }

    fn inside(&mut self) -> Result<(), Error> {
        let Some(next) = self.rest().chars().next() else { return self.fail("unclosed action") };
        match next {
            _ if SPACES.contains(&next) => {
                let length = self.rest().len() - self.rest().trim_start_matches(SPACES).len();
                // The space before ` -}}` belongs to the end of the action.
                let closing = closes(&self.rest()[length - 1..]).is_some_and(|(_, trims)| trims);
                let length = if closing { length - 1 } else { length };
                if length == 0 { self.fail("unclosed action") } else { self.taken(Kind::Space, length) }
            }
            '=' => self.taken(Kind::Assign, 1),
            ':' if self.rest().starts_with(":=") => self.taken(Kind::Declare, 2),
            ':' => self.fail("expected :="),
            '|' => self.taken(Kind::Pipe, 1),
            ',' => self.taken(Kind::Comma, 1),
            '"' => self.quoted(),
            '`' => self.raw(),
            '$' => self.named(|name| Kind::Variable(format!("${name}"))),
            '\'' => self.character(),
            '.' if !self.rest()[1..].starts_with(|digit: char| digit.is_ascii_digit()) => self.field(),
            '+' | '-' | '.' | '0'..='9' => self.number(),
            '(' => {
                self.parens += 1;
                self.taken(Kind::Paren, 1)
            }
            ')' => {
                if self.parens == 0 {
                    return self.fail("unexpected right paren");
                }
                self.parens -= 1;
                self.taken(Kind::CloseParen, 1)
            }
            _ if is_letter(next) => {
                let length = word_length(self.rest());
                let word = self.rest()[..length].to_owned();
                self.taken(Kind::Word(word), length)?;
                self.terminated()
            }
            other => self.fail(format!("unrecognized character in action: U+{:04X} {other:?}", other as u32)),
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "it ends the arms of a match that can fail")]
    fn taken(&mut self, kind: Kind, length: usize) -> Result<(), Error> {
        self.push(kind, length);
        Ok(())
    }

    /// `.name`, or `.` alone.
    fn field(&mut self) -> Result<(), Error> {
        let length = word_length(&self.rest()[1..]);
        if length == 0 {
            return self.taken(Kind::Dot, 1);
        }
        self.named(|name| Kind::Field(name.to_owned()))
    }

    /// A name after one character.
    fn named(&mut self, kind: impl Fn(&str) -> Kind) -> Result<(), Error> {
        let length = word_length(&self.rest()[1..]) + 1;
        let kind = kind(&self.rest()[1..length]);
        self.taken(kind, length)?;
        self.terminated()
    }

    /// A name must not run into something else.
    fn terminated(&self) -> Result<(), Error> {
        match self.rest().chars().next() {
            None => Ok(()),
            Some(next) if SPACES.contains(&next) || ".,|:)(=".contains(next) => Ok(()),
            Some(_) if self.rest().starts_with(CLOSE) => Ok(()),
            Some(next) => self.fail(format!("bad character U+{:04X} {next:?}", next as u32)),
        }
    }

    fn quoted(&mut self) -> Result<(), Error> {
        let length = quoted_length(self.rest(), '"');
        let Some(length) = length else { return self.fail("unterminated quoted string") };
        let Some(text) = unquote(&self.rest()[1..length - 1]) else {
            return self.fail(format!("invalid syntax in string {}", &self.rest()[..length]));
        };
        self.taken(Kind::Literal(text), length)
    }

    fn raw(&mut self) -> Result<(), Error> {
        let Some(end) = self.rest()[1..].find('`') else { return self.fail("unterminated raw quoted string") };
        let text = self.rest()[1..=end].replace('\r', "");
        self.taken(Kind::Literal(text), end + 2)
    }

    fn character(&mut self) -> Result<(), Error> {
        let length = quoted_length(self.rest(), '\'');
        let Some(length) = length else { return self.fail("unterminated character constant") };
        let text = self.rest()[..length].to_owned();
        self.taken(Kind::Number(text), length)
    }

    fn number(&mut self) -> Result<(), Error> {
        let rest = self.rest();
        let sign = usize::from(rest.starts_with(['+', '-']));
        let lower = rest[sign..].to_ascii_lowercase();
        let is_hex = lower.starts_with("0x");
        let mut length = 0;
        let bytes = lower.as_bytes();
        while let Some(&byte) = bytes.get(length) {
            let exponent_sign = matches!(byte, b'+' | b'-')
                && length > 0
                && matches!((is_hex, bytes[length - 1]), (false, b'e') | (true, b'p'));
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || exponent_sign) {
                break;
            }
            length += 1;
        }
        let text = rest[..sign + length].to_owned();
        if length == 0 || rest[text.len()..].starts_with(is_letter) {
            return self.fail(format!("bad number syntax: {text:?}"));
        }
        let length = text.len();
        self.taken(Kind::Number(text), length)
    }
}

/// Whether the text after `{{` says that the text before is trimmed.
fn trims_left(after: &str) -> bool {
    after.starts_with('-') && after[1..].starts_with(SPACES)
}

/// If an action ends here: how long its end is, and whether it trims the text that follows.
fn closes(rest: &str) -> Option<(usize, bool)> {
    if rest.starts_with(CLOSE) {
        return Some((CLOSE.len(), false));
    }
    let trimmed = rest.strip_prefix(SPACES)?.strip_prefix('-')?.starts_with(CLOSE);
    trimmed.then_some((CLOSE.len() + 2, true))
}

fn is_letter(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric()
}

fn word_length(text: &str) -> usize {
    text.find(|letter| !is_letter(letter)).unwrap_or(text.len())
}

/// The length of a quoted text on one line, with its quotes.
fn quoted_length(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return Some(at + quote.len_utf8()),
            _ => {}
        }
    }
    None
}

/// Go's `strconv.Unquote`, without the quotes.
pub(crate) fn unquote(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match letters.next()? {
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(11),
            escaped @ ('\\' | '"' | '\'') => bytes.push(escaped as u8),
            'x' => bytes.push(u8::try_from(digits(&mut letters, 2, 16)?).ok()?),
            'u' => bytes.extend(char::from_u32(digits(&mut letters, 4, 16)?)?.to_string().bytes()),
            'U' => bytes.extend(char::from_u32(digits(&mut letters, 8, 16)?)?.to_string().bytes()),
            first @ '0'..='7' => {
                let rest = digits(&mut letters, 2, 8)?;
                bytes.push(u8::try_from(first.to_digit(8)? * 64 + rest).ok()?);
            }
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn digits(letters: &mut std::str::Chars<'_>, count: usize, radix: u32) -> Option<u32> {
    (0..count).try_fold(0_u32, |number, _| Some(number * radix + letters.next()?.to_digit(radix)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        lex("t", text).unwrap().into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn texts_are_trimmed_where_the_markers_say_so() {
        assert_eq!(
            kinds("a {{- 1 -}} b"),
            [
                Kind::Text("a".into()),
                Kind::Open,
                Kind::Number("1".into()),
                Kind::Close,
                Kind::Text("b".into()),
                Kind::End
            ]
        );
        assert_eq!(kinds("a {{/* }} */}} b"), [Kind::Text("a ".into()), Kind::Text(" b".into()), Kind::End]);
        assert_eq!(kinds("a {{- /* c */ -}}\n b"), [Kind::Text("a".into()), Kind::Text("b".into()), Kind::End]);
    }

    #[test]
    fn what_is_no_token_is_told_with_its_line() {
        for (text, message) in [
            ("\n{{ . ", "template: t:2: unclosed action"),
            ("{{ \"a\n\" }}", "template: t:1: unterminated quoted string"),
            ("{{ (1 }}", "template: t:1: unclosed left paren"),
            ("{{ 1) }}", "template: t:1: unexpected right paren"),
            ("{{/* a }}", "template: t:1: unclosed comment"),
            ("{{/* a */ }}", "template: t:1: comment ends before closing delimiter"),
            ("{{ .a! }}", "template: t:1: bad character U+0021 '!'"),
        ] {
            assert_eq!(lex("t", text).unwrap_err().to_string(), message, "{text}");
        }
    }

    #[test]
    fn strings_are_unquoted_as_in_go() {
        assert_eq!(unquote(r#"a\n\t\"\x41\u00e9\101\\"#).unwrap(), "a\n\t\"A\u{e9}A\\");
        assert_eq!(unquote(r"\q"), None);
        assert_eq!(unquote(r"\u12"), None);
    }
}
