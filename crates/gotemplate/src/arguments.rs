//! What functions take their arguments as, with Go's complaints if they are something else.

use std::borrow::Cow;

use crate::encode;
use crate::error::Fault;
use crate::value::{Dict, Value};

/// The arguments of a function, of which there are as many as it said it needs.
#[derive(Clone, Copy)]
pub struct Arguments<'a>(pub &'a [Value]);

impl<'a> Arguments<'a> {
    /// One of them; nothing if it was left out.
    #[must_use]
    pub fn any(self, at: usize) -> &'a Value {
        self.0.get(at).unwrap_or(&Value::Nil)
    }

    /// All from one on.
    #[must_use]
    pub fn from(self, at: usize) -> &'a [Value] {
        self.0.get(at..).unwrap_or_default()
    }

    /// A string.
    ///
    /// # Errors
    /// When it is none.
    pub fn text(self, at: usize) -> Result<Cow<'a, str>, Fault> {
        match self.any(at) {
            Value::Str(text) => Ok(Cow::Borrowed(text)),
            Value::Bytes(bytes) => Ok(String::from_utf8_lossy(bytes)),
            other => Err(wrong("string", other)),
        }
    }

    /// The bytes of a string.
    ///
    /// # Errors
    /// When it is none.
    pub fn bytes(self, at: usize) -> Result<&'a [u8], Fault> {
        match self.any(at) {
            Value::Str(text) => Ok(text.as_bytes()),
            Value::Bytes(bytes) => Ok(bytes),
            other => Err(wrong("string", other)),
        }
    }

    /// An `int`.
    ///
    /// # Errors
    /// When it is none: as in Go, a number from YAML is not one.
    pub fn int(self, at: usize) -> Result<i64, Fault> {
        match self.any(at) {
            Value::Int(number) | Value::Int64(number) => Ok(*number),
            other => Err(wrong("int", other)),
        }
    }

    /// A number of things that is neither negative nor beyond a limit.
    ///
    /// # Errors
    /// When it is no such number.
    pub fn count(self, at: usize, limit: usize) -> Result<usize, Fault> {
        let number = self.int(at)?;
        let count = usize::try_from(number.max(0)).unwrap_or(usize::MAX);
        if count > limit {
            return Err(Fault::new(format!("{number} is more than the {limit} that are allowed")));
        }
        Ok(count)
    }

    /// A `bool`.
    ///
    /// # Errors
    /// When it is none.
    pub fn truth(self, at: usize) -> Result<bool, Fault> {
        match self.any(at) {
            Value::Bool(value) => Ok(*value),
            other => Err(wrong("bool", other)),
        }
    }

    /// A map.
    ///
    /// # Errors
    /// When it is none.
    pub fn dict(self, at: usize) -> Result<&'a Dict, Fault> {
        match self.any(at) {
            Value::Map(dict) => Ok(dict),
            other => Err(wrong("map[string]interface {}", other)),
        }
    }

    /// The items of a list; `context` is how the function complains: `Cannot find first on type`.
    ///
    /// # Errors
    /// When it is none.
    pub fn list(self, at: usize, context: &str) -> Result<Vec<Value>, Fault> {
        match self.any(at) {
            Value::List(items) => Ok(items.to_vec()),
            other => Err(Fault::new(format!("{context} {}", other.kind()))),
        }
    }

    /// The strings of anything; Sprig's `strslice`: a list's items without `nil`, or one value.
    #[must_use]
    pub fn strings(self, at: usize) -> Vec<String> {
        match self.any(at) {
            Value::Nil => Vec::new(),
            Value::List(items) => items.iter().filter(|item| !matches!(item, Value::Nil)).map(encode::text).collect(),
            other => vec![encode::text(other)],
        }
    }
}

fn wrong(expected: &str, value: &Value) -> Fault {
    Fault::new(format!("wrong type for value; expected {expected}; got {}", value.type_name()))
}
