//! Why bytes are no JSON, in the words of Go's `encoding/json`, which clients of the API server get to read.
//! It must not know what the JSON means.

/// What Go's scanner says of the bytes; nothing if they are one JSON document.
#[must_use]
pub fn syntax_error(bytes: &[u8]) -> Option<String> {
    let mut scanner = Scanner { bytes, at: 0 };
    scanner.document().err()
}

/// A finding, as text.
type Found<T = ()> = Result<T, String>;

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// An array or object that is not closed yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Object,
    Array,
}

impl Scanner<'_> {
    fn document(&mut self) -> Found {
        let mut open = Vec::new();
        loop {
            if self.value(&mut open)? {
                continue;
            }
            if self.after_value(&mut open)? {
                return self.nothing_more();
            }
        }
    }

    /// Reads a value; of an array or an object only its beginning: then the answer is that a value follows.
    fn value(&mut self, open: &mut Vec<Open>) -> Found<bool> {
        match self.next_visible()? {
            b'{' => {
                open.push(Open::Object);
                if self.peek_visible() == Some(b'}') {
                    return Ok(false);
                }
                self.key()?;
                Ok(true)
            }
            b'[' => {
                open.push(Open::Array);
                Ok(self.peek_visible() != Some(b']'))
            }
            b'"' => self.string().map(|()| false),
            b'-' => self.number(None).map(|()| false),
            digit @ b'0'..=b'9' => self.number(Some(digit)).map(|()| false),
            b't' => self.literal("true").map(|()| false),
            b'f' => self.literal("false").map(|()| false),
            b'n' => self.literal("null").map(|()| false),
            other => Err(unexpected(other, "looking for beginning of value")),
        }
    }

    /// After a value: closes what ends here, until a value follows or the document is whole.
    fn after_value(&mut self, open: &mut Vec<Open>) -> Found<bool> {
        loop {
            let Some(inner) = open.last().copied() else { return Ok(true) };
            match (inner, self.next_visible()?) {
                (Open::Object, b',') => {
                    self.key()?;
                    return Ok(false);
                }
                (Open::Array, b',') => return Ok(false),
                (Open::Object, b'}') | (Open::Array, b']') => drop(open.pop()),
                (Open::Object, other) => return Err(unexpected(other, "after object key:value pair")),
                (Open::Array, other) => return Err(unexpected(other, "after array element")),
            }
        }
    }

    fn nothing_more(&mut self) -> Found {
        match self.peek_visible() {
            None => Ok(()),
            Some(other) => Err(unexpected(other, "after top-level value")),
        }
    }

    fn key(&mut self) -> Found {
        match self.next_visible()? {
            b'"' => self.string()?,
            other => return Err(unexpected(other, "looking for beginning of object key string")),
        }
        match self.next_visible()? {
            b':' => Ok(()),
            other => Err(unexpected(other, "after object key")),
        }
    }

    fn string(&mut self) -> Found {
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => self.escape()?,
                control @ 0..0x20 => return Err(unexpected(control, "in string literal")),
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Found {
        match self.next()? {
            b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => Ok(()),
            b'u' => (0..4).try_for_each(|_| match self.next()? {
                digit if digit.is_ascii_hexdigit() => Ok(()),
                other => Err(unexpected(other, "in \\u hexadecimal character escape")),
            }),
            other => Err(unexpected(other, "in string escape code")),
        }
    }

    /// A number; `first` is `None` after a minus sign.
    fn number(&mut self, first: Option<u8>) -> Found {
        let first = match first {
            Some(digit) => digit,
            None => self.digit("in numeric literal")?,
        };
        if first != b'0' {
            self.digits();
        }
        if self.skip(b".") {
            self.digit("after decimal point in numeric literal")?;
            self.digits();
        }
        if self.skip(b"eE") {
            self.skip(b"+-");
            self.digit("in exponent of numeric literal")?;
            self.digits();
        }
        Ok(())
    }

    fn digit(&mut self, place: &str) -> Found<u8> {
        match self.next()? {
            digit @ b'0'..=b'9' => Ok(digit),
            other => Err(unexpected(other, place)),
        }
    }

    fn digits(&mut self) {
        while self.skip(b"0123456789") {}
    }

    fn literal(&mut self, word: &str) -> Found {
        for expected in word.bytes().skip(1) {
            let found = self.next()?;
            if found != expected {
                let place = format!("in literal {word} (expecting '{}')", expected as char);
                return Err(unexpected(found, &place));
            }
        }
        Ok(())
    }

    fn skip(&mut self, any: &[u8]) -> bool {
        let found = self.bytes.get(self.at).is_some_and(|byte| any.contains(byte));
        self.at += usize::from(found);
        found
    }

    fn peek_visible(&mut self) -> Option<u8> {
        while self.skip(b" \t\r\n") {}
        self.bytes.get(self.at).copied()
    }

    fn next_visible(&mut self) -> Found<u8> {
        self.peek_visible();
        self.next()
    }

    fn next(&mut self) -> Found<u8> {
        let byte = self.bytes.get(self.at).copied().ok_or("unexpected end of JSON input")?;
        self.at += 1;
        Ok(byte)
    }
}

/// Go takes each byte for a character of its own here.
fn unexpected(byte: u8, place: &str) -> String {
    let shown = match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\\' => r"'\\'".to_owned(),
        b'\n' => r"'\n'".to_owned(),
        b'\r' => r"'\r'".to_owned(),
        b'\t' => r"'\t'".to_owned(),
        7 => r"'\a'".to_owned(),
        8 => r"'\b'".to_owned(),
        11 => r"'\v'".to_owned(),
        12 => r"'\f'".to_owned(),
        control @ (0..0x20 | 0x7f) => format!(r"'\x{control:02x}'"),
        control @ 0x80..0xa1 => format!(r"'\u{control:04x}'"),
        0xad => r"'\u00ad'".to_owned(),
        other => format!("'{}'", other as char),
    };
    format!("invalid character {shown} {place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        syntax_error(text.as_bytes()).unwrap_or_default()
    }

    #[test]
    fn documents_have_no_errors() {
        for text in ["{}", " [1, -2.5e+3, \"a\\u00e9\\n\", {\"k\": [null, true, false]}, [], {}] \n", "0", "\"\""] {
            assert_eq!(syntax_error(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn errors_read_as_go_words_them() {
        let cases = [
            ("", "unexpected end of JSON input"),
            ("{\"a\": 1", "unexpected end of JSON input"),
            ("{bad", "invalid character 'b' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\": 1 \"b\"}", "invalid character '\"' after object key:value pair"),
            ("{\"a\": 1,}", "invalid character '}' looking for beginning of object key string"),
            ("[1 2]", "invalid character '2' after array element"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("{} x", "invalid character 'x' after top-level value"),
            ("'a'", r"invalid character '\'' looking for beginning of value"),
            ("\"a\nb\"", r"invalid character '\n' in string literal"),
            (r#""\q""#, "invalid character 'q' in string escape code"),
            (r#""\u12g4""#, r"invalid character 'g' in \u hexadecimal character escape"),
            ("-x", "invalid character 'x' in numeric literal"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("1e]", "invalid character ']' in exponent of numeric literal"),
            ("01", "invalid character '1' after top-level value"),
            ("trve", "invalid character 'v' in literal true (expecting 'u')"),
            ("{\"é\": \u{e9}}", "invalid character 'Ã' looking for beginning of value"),
        ];
        for (text, expected) in cases {
            assert_eq!(error(text), expected, "{text}");
        }
    }
}
