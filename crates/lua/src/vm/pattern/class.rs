//! Sets of bytes in a pattern: `.`, `%a`, `[^%s-]`. It must not know how often they are matched.

use super::Error;

/// A set of bytes.
#[derive(Clone, Debug)]
pub(in crate::vm) enum Class {
    Any,
    Byte(u8),
    /// A letter after `%`: lower case for the class, upper case for all but the class.
    Letter(u8),
    Set {
        negated: bool,
        members: Vec<Member>,
    },
}

/// A member of a set in brackets.
#[derive(Clone, Debug)]
pub(in crate::vm) enum Member {
    Range(u8, u8),
    Letter(u8),
}

/// Reads the class that a text starts with, and gives what follows.
pub(super) fn read(text: &[u8]) -> Result<(Class, &[u8]), Error> {
    match text {
        [b'.', rest @ ..] => Ok((Class::Any, rest)),
        [b'%', letter, rest @ ..] => Ok((Class::Letter(*letter), rest)),
        [b'%'] => Err(Error::Malformed("ends with '%'")),
        [b'[', rest @ ..] => set(rest),
        [byte, rest @ ..] => Ok((Class::Byte(*byte), rest)),
        [] => Err(Error::Malformed("missing '[' after '%f'")),
    }
}

fn set(text: &[u8]) -> Result<(Class, &[u8]), Error> {
    let (negated, mut rest) = match text {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut members = Vec::new();
    // A bracket right at the start stands for itself.
    let mut first = true;
    loop {
        rest = match rest {
            [b']', rest @ ..] if !first => return Ok((Class::Set { negated, members }, rest)),
            [b'%', letter, rest @ ..] => {
                members.push(Member::Letter(*letter));
                rest
            }
            [from, b'-', to, rest @ ..] if *to != b']' => {
                members.push(Member::Range(*from, *to));
                rest
            }
            [byte, rest @ ..] => {
                members.push(Member::Range(*byte, *byte));
                rest
            }
            [] => return Err(Error::Malformed("missing ']'")),
        };
        first = false;
    }
}

impl Class {
    pub(super) fn has(&self, byte: u8) -> bool {
        match self {
            Self::Any => true,
            Self::Byte(own) => *own == byte,
            Self::Letter(letter) => is_in(*letter, byte),
            Self::Set { negated, members } => members.iter().any(|member| member.has(byte)) != *negated,
        }
    }
}

impl Member {
    fn has(&self, byte: u8) -> bool {
        match self {
            Self::Range(from, to) => (*from..=*to).contains(&byte),
            Self::Letter(letter) => is_in(*letter, byte),
        }
    }
}

/// Whether a byte is in the class of a letter after `%`; other characters stand for themselves.
fn is_in(letter: u8, byte: u8) -> bool {
    let within = match letter.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return letter == byte,
    };
    within != letter.is_ascii_uppercase()
}
