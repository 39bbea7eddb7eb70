//! The parser of label selectors, token by token as upstream's `labels.Parser`, so that its errors read the same.
//! It must not know objects.

use super::{LabelOperator, LabelRequirement, SelectorError};

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
    if !is_label_key(key) {
        return Err(SelectorError::new(format!(
            "key: Invalid value: {key:?}: a label key is an optional DNS prefix and '/', then at most 63 alphanumeric characters, '-', '_' or '.', starting and ending with an alphanumeric one"
        )));
    }
    let operator = match tokens.peek() {
        _ if negated => LabelOperator::DoesNotExist,
        "" | "," => LabelOperator::Exists,
        _ => operator(tokens)?,
    };
    Ok(LabelRequirement { key: key.to_owned(), operator })
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
        token if is_identifier(token) => label_value(token),
        token => Err(unexpected(token, "identifier")),
    }
}

fn bound(tokens: &mut Tokens<'_>) -> Result<i64, SelectorError> {
    let text = exact(tokens)?;
    text.parse().map_err(|_| SelectorError::new("for 'Gt', 'Lt' operators, the value must be an integer"))
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
                found.push(label_value(token)?);
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

fn label_value(text: &str) -> Result<String, SelectorError> {
    if is_qualified_part(text) {
        return Ok(text.to_owned());
    }
    Err(SelectorError::new(format!(
        "values[0]: Invalid value: {text:?}: a valid label must be an empty string or consist of at most 63 alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
    )))
}

fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_qualified_part(name),
        None => is_qualified_part(key),
    }
}

fn is_qualified_part(text: &str) -> bool {
    let alphanumeric = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && alphanumeric(text.chars().next())
        && alphanumeric(text.chars().last())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn is_dns_subdomain(text: &str) -> bool {
    let part = |p: &str| {
        !p.is_empty()
            && !p.starts_with('-')
            && !p.ends_with('-')
            && p.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    text.len() <= 253 && text.split('.').all(part)
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
