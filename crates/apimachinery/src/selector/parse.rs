//! The parser of label selectors, token by token as upstream's `labels.Parser`, so that its errors read the same.
//! It must not know objects.

use super::{LabelOperator, LabelRequirement, SelectorError};
use crate::names;

const SPECIAL: &[char] = &['=', '!', '(', ')', ',', '>', '<'];

/// The conditions in a selector, in the order they are written.
pub(super) fn requirements(text: &str) -> Result<Vec<LabelRequirement>, SelectorError> {
    let mut tokens = Tokens { rest: text };
    let mut found = Vec::new();
    loop {
        match tokens.peek() {
            "" => return Ok(found),
            token if token == "!" || is_identifier(token) => {}
            token => return Err(unexpected(token, "!, identifier, or 'end of string'")),
        }
        found.push(
            requirement(&mut tokens).map_err(|e| SelectorError::new(format!("unable to parse requirement: {e}")))?,
        );
        match tokens.next() {
            "" => return Ok(found),
            "," if tokens.peek() == "!" || is_identifier(tokens.peek()) => {}
            "," => return Err(unexpected(tokens.peek(), "identifier after ','")),
            token => return Err(unexpected(token, "',' or 'end of string'")),
        }
    }
}

fn requirement(tokens: &mut Tokens<'_>) -> Result<LabelRequirement, SelectorError> {
    let negated = tokens.peek() == "!";
    if negated {
        tokens.next();
    }
    let key = tokens.next();
    if !is_identifier(key) {
        return Err(unexpected(key, "identifier"));
    }
    let wrong = names::check_qualified_name(key);
    if !wrong.is_empty() {
        // Upstream has no path to print here.
        return Err(SelectorError::new(format!("<nil>: Invalid value: {key:?}: {}", wrong.join("; "))));
    }
    let operator = match tokens.peek() {
        _ if negated => LabelOperator::DoesNotExist,
        "" | "," => LabelOperator::Exists,
        _ => operator(tokens)?,
    };
    check_values(key, &operator)?;
    Ok(LabelRequirement { key: key.to_owned(), operator })
}

fn check_values(key: &str, operator: &LabelOperator) -> Result<(), SelectorError> {
    let bound;
    let values = match operator {
        LabelOperator::In(values) | LabelOperator::NotIn(values) => values.as_slice(),
        LabelOperator::GreaterThan(number) | LabelOperator::LessThan(number) => {
            bound = [number.to_string()];
            &bound
        }
        LabelOperator::Exists | LabelOperator::DoesNotExist => return Ok(()),
    };
    let wrong = values.iter().enumerate().filter_map(|(index, value)| {
        let why = names::check_label_value(value);
        (!why.is_empty()).then(|| format!("values[{index}][{key}]: Invalid value: {value:?}: {}", why.join("; ")))
    });
    let wrong: Vec<String> = wrong.collect();
    match wrong.as_slice() {
        [] => Ok(()),
        [only] => Err(SelectorError::new(only)),
        several => Err(SelectorError::new(format!("[{}]", several.join(", ")))),
    }
}

fn operator(tokens: &mut Tokens<'_>) -> Result<LabelOperator, SelectorError> {
    match tokens.next() {
        "=" | "==" => Ok(LabelOperator::In(vec![exact(tokens)?])),
        "!=" => Ok(LabelOperator::NotIn(vec![exact(tokens)?])),
        ">" | "gt" => Ok(LabelOperator::GreaterThan(bound(tokens)?)),
        "<" | "lt" => Ok(LabelOperator::LessThan(bound(tokens)?)),
        "in" => Ok(LabelOperator::In(values(tokens)?)),
        "notin" => Ok(LabelOperator::NotIn(values(tokens)?)),
        token => Err(unexpected(token, "in, notin, =, ==, !=, gt, lt")),
    }
}

fn exact(tokens: &mut Tokens<'_>) -> Result<String, SelectorError> {
    if matches!(tokens.peek(), "" | ",") {
        return Ok(String::new());
    }
    match tokens.next() {
        token if is_identifier(token) => Ok(token.to_owned()),
        token => Err(unexpected(token, "identifier")),
    }
}

fn bound(tokens: &mut Tokens<'_>) -> Result<i64, SelectorError> {
    let text = exact(tokens)?;
    let why = "for 'Gt', 'Lt' operators, the value must be an integer";
    text.parse().map_err(|_| SelectorError::new(format!("values[0]: Invalid value: {text:?}: {why}")))
}

fn values(tokens: &mut Tokens<'_>) -> Result<Vec<String>, SelectorError> {
    if tokens.peek() != "(" {
        return Err(unexpected(tokens.peek(), "'('"));
    }
    tokens.next();
    let mut found = Vec::new();
    let mut after_comma = false;
    loop {
        match tokens.next() {
            ")" if after_comma => found.push(String::new()),
            ")" => {}
            "," if found.is_empty() || after_comma => {
                found.push(String::new());
                after_comma = true;
                continue;
            }
            "," => {
                after_comma = true;
                continue;
            }
            token if is_identifier(token) && (after_comma || found.is_empty()) => {
                found.push(token.to_owned());
                after_comma = false;
                continue;
            }
            token if found.is_empty() => return Err(unexpected(token, "',', ')' or identifier")),
            token => return Err(unexpected(token, "',' or ')'")),
        }
        found.sort();
        found.dedup();
        return Ok(found);
    }
}

fn unexpected(token: &str, expected: &str) -> SelectorError {
    SelectorError::new(format!("found '{token}', expected: {expected}"))
}

fn is_identifier(token: &str) -> bool {
    !token.is_empty() && !token.starts_with(SPECIAL)
}

/// The tokens not read yet. The empty token is the end.
struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn peek(&self) -> &'a str {
        let rest = self.rest.trim_start();
        let length = match rest.chars().next() {
            None => 0,
            Some('=') if rest.starts_with("==") => 2,
            Some('!') if rest.starts_with("!=") => 2,
            Some(c) if SPECIAL.contains(&c) => 1,
            Some(_) => rest.find(|c: char| c.is_whitespace() || SPECIAL.contains(&c)).unwrap_or(rest.len()),
        };
        &rest[..length]
    }

    fn next(&mut self) -> &'a str {
        let token = self.peek();
        self.rest = &self.rest.trim_start()[token.len()..];
        token
    }
}
