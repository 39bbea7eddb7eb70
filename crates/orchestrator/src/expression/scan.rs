//! Finds `${…}` in a string, as kro's `pkg/graph/parser`: braces are counted, double-quoted strings protect
//! what is in them, single quotes do not, and an unclosed `${` is text.
//! It must not compile anything.

/// A part of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    /// As written.
    Literal(&'t str),
    /// What stood between `${` and `}`.
    Expression(&'t str),
}

/// The string cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// An expression in an expression.
    #[error("nested expressions are not allowed unless inside string literals: `{0}`")]
    Nested(String),
}

/// The parts of a string in order; a string without `${` is one literal, an empty one none.
pub(super) fn scan(text: &str) -> Result<Vec<Part<'_>>, ScanError> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find("${") {
        let Some(length) = length_of(&rest[start + 2..]).map_err(|()| ScanError::Nested(text.to_owned()))? else {
            break;
        };
        if start > 0 {
            parts.push(Part::Literal(&rest[..start]));
        }
        parts.push(Part::Expression(&rest[start + 2..start + 2 + length]));
        rest = &rest[start + 2 + length + 1..];
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest));
    }
    Ok(parts)
}

/// How long the expression is that `text` starts with; `None` if it is never closed.
fn length_of(text: &str) -> Result<Option<usize>, ()> {
    let (mut depth, mut quoted, mut escaped) = (1usize, false, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '$' if text[index + 1..].starts_with('{') => return Err(()),
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(index));
                }
            }
            _ => {}
        }
    }
    Ok(None)
}
