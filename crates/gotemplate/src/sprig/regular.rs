//! Regular expressions in RE2's syntax, which is the `regex` crate's.

use regex::{Regex, RegexBuilder};

use crate::arguments::Arguments;
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::Value;

/// How large an expression may become.
const SIZE_LIMIT: usize = 1 << 20;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("regexMatch", Function::fixed(2, |machine, all| Ok(matches(machine, all).unwrap_or(Value::Bool(false))))),
    ("mustRegexMatch", Function::fixed(2, matches)),
    ("regexFind", Function::fixed(2, find)),
    ("mustRegexFind", Function::fixed(2, find)),
    ("regexFindAll", Function::fixed(3, find_all)),
    ("mustRegexFindAll", Function::fixed(3, find_all)),
    ("regexReplaceAll", Function::fixed(3, replace_all)),
    ("mustRegexReplaceAll", Function::fixed(3, replace_all)),
    ("regexReplaceAllLiteral", Function::fixed(3, replace_literal)),
    ("mustRegexReplaceAllLiteral", Function::fixed(3, replace_literal)),
    ("regexSplit", Function::fixed(3, split)),
    ("mustRegexSplit", Function::fixed(3, split)),
    ("regexQuoteMeta", Function::fixed(1, |_, all| Ok(quote_meta(&Arguments(all).text(0)?).into()))),
];

fn compiled(machine: &mut Machine<'_>, all: &[Value], text: usize) -> Result<Regex, Fault> {
    let expression = Arguments(all).text(0)?;
    machine.spend(20 + (expression.len() + Arguments(all).bytes(text)?.len()) as u64 / 16)?;
    RegexBuilder::new(&expression).size_limit(SIZE_LIMIT).build().map_err(|error| {
        let message = error.to_string();
        let reason = message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Fault::new(format!("error parsing regexp: {reason}: `{expression}`"))
    })
}

fn matches(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    Ok(compiled(machine, all, 1)?.is_match(&Arguments(all).text(1)?).into())
}

fn find(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (expression, text) = (compiled(machine, all, 1)?, Arguments(all).text(1)?);
    Ok(expression.find(&text).map_or("", |found| found.as_str()).into())
}

/// At most so many; all with a negative number.
fn limit(all: &[Value]) -> Result<usize, Fault> {
    Ok(usize::try_from(Arguments(all).int(2)?).unwrap_or(usize::MAX))
}

fn find_all(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (expression, text) = (compiled(machine, all, 1)?, Arguments(all).text(1)?);
    Ok(Value::strings(expression.find_iter(&text).take(limit(all)?).map(|found| found.as_str())))
}

fn replace_all(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (expression, text) = (compiled(machine, all, 1)?, Arguments(all).text(1)?);
    let with = Arguments(all).text(2)?;
    bounded(machine, &text, &with)?;
    Ok(expression.replace_all(&text, &*with).into_owned().into())
}

fn replace_literal(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (expression, text) = (compiled(machine, all, 1)?, Arguments(all).text(1)?);
    let with = Arguments(all).text(2)?;
    bounded(machine, &text, &with)?;
    Ok(expression.replace_all(&text, regex::NoExpand(&with)).into_owned().into())
}

/// Each letter may be replaced; groups may make more of it, but not more than the text again.
fn bounded(machine: &mut Machine<'_>, text: &str, with: &str) -> Result<(), Fault> {
    let groups = with.matches('$').count();
    let most = (text.len() + 1).saturating_mul(with.len() + 1).saturating_add(groups.saturating_mul(text.len()));
    if most > 64 * super::SIZE_LIMIT {
        return Err(Fault::new("replacement may make a text that is too long"));
    }
    machine.spend(most as u64 / 1024)
}

/// Go's `Regexp.Split`: nothing matches at the very beginning.
fn split(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (expression, text) = (compiled(machine, all, 1)?, Arguments(all).text(1)?);
    let limit = limit(all)?;
    if limit == 0 {
        return Ok(Value::Nil);
    }
    let (mut parts, mut begin, mut end) = (Vec::new(), 0, 0);
    for found in expression.find_iter(&text) {
        if parts.len() + 1 == limit {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(&text[begin..end]);
        }
        begin = found.end();
    }
    if end != text.len() {
        parts.push(&text[begin..]);
    }
    machine.spend(parts.len() as u64)?;
    Ok(Value::strings(parts))
}

fn quote_meta(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for letter in text.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted
}
