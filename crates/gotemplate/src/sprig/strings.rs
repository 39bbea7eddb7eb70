//! Cutting, joining, quoting and replacing texts.

use super::SIZE_LIMIT;
use crate::arguments::Arguments;
use crate::encode::text;
use crate::error::Fault;
use crate::exec::Machine;
use crate::format::quote;
use crate::functions::Function;
use crate::value::{Dict, Value};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("hello", Function::fixed(0, |_, _| Ok("Hello!".into()))),
    ("upper", Function::fixed(1, |_, all| Ok(Arguments(all).text(0)?.to_uppercase().into()))),
    ("lower", Function::fixed(1, |_, all| Ok(Arguments(all).text(0)?.to_lowercase().into()))),
    ("trim", Function::fixed(1, |_, all| Ok(Arguments(all).text(0)?.trim().into()))),
    ("trimAll", Function::fixed(2, trim_all)),
    ("trimall", Function::fixed(2, trim_all)),
    ("trimSuffix", Function::fixed(2, trim_suffix)),
    ("trimPrefix", Function::fixed(2, trim_prefix)),
    ("nospace", Function::fixed(1, nospace)),
    ("trunc", Function::fixed(2, trunc)),
    ("substr", Function::fixed(3, substr)),
    ("abbrev", Function::fixed(2, abbrev)),
    ("abbrevboth", Function::fixed(3, abbrev_both)),
    ("repeat", Function::fixed(2, repeat)),
    ("replace", Function::fixed(3, replace)),
    ("contains", Function::fixed(2, |_, all| Ok(Arguments(all).text(1)?.contains(&*Arguments(all).text(0)?).into()))),
    (
        "hasPrefix",
        Function::fixed(2, |_, all| Ok(Arguments(all).text(1)?.starts_with(&*Arguments(all).text(0)?).into())),
    ),
    ("hasSuffix", Function::fixed(2, |_, all| Ok(Arguments(all).text(1)?.ends_with(&*Arguments(all).text(0)?).into()))),
    ("quote", Function::variadic(0, |_, all| Ok(joined(all, |value| quote(&text(value))).into()))),
    ("squote", Function::variadic(0, |_, all| Ok(joined(all, |value| format!("'{}'", text(value))).into()))),
    ("cat", Function::variadic(0, |_, all| Ok(joined(all, text).into()))),
    ("indent", Function::fixed(2, |machine, all| indented(machine, Arguments(all), ""))),
    ("nindent", Function::fixed(2, |machine, all| indented(machine, Arguments(all), "\n"))),
    ("plural", Function::fixed(3, plural)),
    ("toString", Function::fixed(1, |_, all| Ok(text(&all[0]).into()))),
    ("toStrings", Function::fixed(1, |_, all| Ok(Value::strings(Arguments(all).strings(0))))),
    ("join", Function::fixed(2, |_, all| Ok(Arguments(all).strings(1).join(&Arguments(all).text(0)?).into()))),
    ("split", Function::fixed(2, split)),
    ("splitn", Function::fixed(3, splitn)),
    ("splitList", Function::fixed(2, split_list)),
    ("sortAlpha", Function::fixed(1, sort_alpha)),
];

/// All but `nil`, with spaces between them.
fn joined(values: &[Value], shown: impl Fn(&Value) -> String) -> String {
    let told = values.iter().filter(|value| !matches!(value, Value::Nil));
    told.map(shown).collect::<Vec<_>>().join(" ")
}

fn trim_all(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (set, text) = (Arguments(all).text(0)?, Arguments(all).text(1)?);
    Ok(text.trim_matches(|letter| set.contains(letter)).into())
}

fn trim_suffix(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (suffix, text) = (Arguments(all).text(0)?, Arguments(all).text(1)?);
    Ok(text.strip_suffix(&*suffix).unwrap_or(&text).into())
}

fn trim_prefix(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (prefix, text) = (Arguments(all).text(0)?, Arguments(all).text(1)?);
    Ok(text.strip_prefix(&*prefix).unwrap_or(&text).into())
}

fn nospace(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let text = Arguments(all).text(0)?;
    Ok(text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>().into())
}

/// Cuts bytes, as Go does: the first so many, or with a negative number the last.
fn trunc(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (count, bytes) = (Arguments(all).int(0)?, Arguments(all).bytes(1)?);
    let length = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if length >= bytes.len() {
        return Ok(all[1].clone());
    }
    let cut = if count < 0 { &bytes[bytes.len() - length..] } else { &bytes[..length] };
    Ok(Value::from_bytes(cut.to_vec()))
}

fn substr(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (start, end, bytes) = (Arguments(all).int(0)?, Arguments(all).int(1)?, Arguments(all).bytes(2)?);
    let from = usize::try_from(start).unwrap_or(0);
    let to = usize::try_from(end).ok().filter(|to| *to <= bytes.len()).unwrap_or(bytes.len());
    let to = if start < 0 { usize::try_from(end).unwrap_or(0).min(bytes.len()) } else { to };
    let cut = bytes.get(from..to).ok_or_else(|| {
        Fault::new(format!("runtime error: slice bounds out of range [{from}:{to}] with length {}", bytes.len()))
    })?;
    Ok(Value::from_bytes(cut.to_vec()))
}

fn abbrev(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let width = Arguments(all).count(0, SIZE_LIMIT)?;
    let text = Arguments(all).text(1)?;
    Ok(if width < 4 { text.into_owned().into() } else { shortened(&text, 0, width).into() })
}

fn abbrev_both(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (left, right) = (Arguments(all).count(0, SIZE_LIMIT)?, Arguments(all).count(1, SIZE_LIMIT)?);
    let text = Arguments(all).text(2)?;
    let unchanged = right < 4 || left > 0 && right < 7;
    Ok(if unchanged { text.into_owned().into() } else { shortened(&text, left, right).into() })
}

/// At most `width` letters, of which `...` stands for those left out; goutils' `AbbreviateFull`.
fn shortened(text: &str, offset: usize, width: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    let part = |from: usize, to: usize| letters[from..to].iter().collect::<String>();
    if letters.len() <= width {
        return text.to_owned();
    }
    let mut offset = offset.min(letters.len());
    if letters.len() - offset < width - 3 {
        offset = letters.len() - (width - 3);
    }
    if offset <= 4 {
        return format!("{}...", part(0, width - 3));
    }
    if offset + width - 3 < letters.len() {
        let inner = part(offset, letters.len());
        return format!("...{}", shortened(&inner, 0, width - 3));
    }
    format!("...{}", part(letters.len() - (width - 3), letters.len()))
}

fn repeat(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let text = Arguments(all).text(1)?;
    let count = Arguments(all).count(0, SIZE_LIMIT / text.len().max(1))?;
    machine.spend((count * text.len()) as u64 / 64)?;
    Ok(text.repeat(count).into())
}

fn replace(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (old, new, text) = (Arguments(all).text(0)?, Arguments(all).text(1)?, Arguments(all).text(2)?);
    let length = text.len() + text.matches(&*old).count() * new.len();
    limited(length)?;
    machine.spend(length as u64 / 64)?;
    Ok(text.replace(&*old, &new).into())
}

fn limited(length: usize) -> Result<(), Fault> {
    if length <= 16 * SIZE_LIMIT {
        return Ok(());
    }
    Err(Fault::new(format!("text of {length} bytes is longer than the {} that are allowed", 16 * SIZE_LIMIT)))
}

fn indented(machine: &mut Machine<'_>, all: Arguments<'_>, before: &str) -> Result<Value, Fault> {
    let (spaces, text) = (" ".repeat(all.count(0, 10_000)?), all.text(1)?);
    let length = text.len() + (text.matches('\n').count() + 1) * spaces.len();
    limited(length)?;
    machine.spend(length as u64 / 64)?;
    Ok(format!("{before}{spaces}{}", text.replace('\n', &format!("\n{spaces}"))).into())
}

fn plural(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let which = if Arguments(all).int(2)? == 1 { 0 } else { 1 };
    Ok(Arguments(all).text(which)?.into_owned().into())
}

/// Go's `strings.Split`: without a separator, letter by letter.
pub(super) fn parts(text: &str, separator: &str) -> Vec<String> {
    if separator.is_empty() {
        return text.chars().map(String::from).collect();
    }
    text.split(separator).map(str::to_owned).collect()
}

fn numbered(parts: Vec<String>) -> Value {
    let entries = parts.into_iter().enumerate();
    Value::Map(entries.map(|(index, part)| (format!("_{index}"), Value::from(part))).collect::<Dict>())
}

fn split(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let parts = parts(&Arguments(all).text(1)?, &Arguments(all).text(0)?);
    machine.spend(parts.len() as u64)?;
    Ok(numbered(parts))
}

fn splitn(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (separator, count, text) = (Arguments(all).text(0)?, Arguments(all).int(1)?, Arguments(all).text(2)?);
    let Ok(count) = usize::try_from(count) else { return Ok(numbered(parts(&text, &separator))) };
    let parts: Vec<String> = match (count, separator.is_empty()) {
        (0, _) => Vec::new(),
        (_, false) => text.splitn(count, &*separator).map(str::to_owned).collect(),
        (_, true) => {
            let at = text.char_indices().nth(count - 1).map_or(text.len(), |(at, _)| at);
            let mut letters: Vec<String> = text[..at].chars().map(String::from).collect();
            letters.extend((at < text.len()).then(|| text[at..].to_owned()));
            letters
        }
    };
    machine.spend(parts.len() as u64)?;
    Ok(numbered(parts))
}

fn split_list(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let parts = parts(&Arguments(all).text(1)?, &Arguments(all).text(0)?);
    machine.spend(parts.len() as u64)?;
    Ok(Value::strings(parts))
}

fn sort_alpha(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let mut texts = match &all[0] {
        Value::List(items) => items.iter().filter(|item| !matches!(item, Value::Nil)).map(text).collect(),
        other => vec![text(other)],
    };
    machine.spend(texts.len() as u64)?;
    texts.sort();
    Ok(Value::strings(texts))
}
