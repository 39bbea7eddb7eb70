//! Texts as words: their case, their initials, and lines that are not too long.

use super::SIZE_LIMIT;
use crate::arguments::Arguments;
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::Value;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("title", Function::fixed(1, |_, all| Ok(title(&Arguments(all).text(0)?).into()))),
    ("untitle", Function::fixed(1, |_, all| Ok(untitle(&Arguments(all).text(0)?).into()))),
    ("initials", Function::fixed(1, |_, all| Ok(initials(&Arguments(all).text(0)?).into()))),
    ("swapcase", Function::fixed(1, |_, all| Ok(swapcase(&Arguments(all).text(0)?).into()))),
    ("snakecase", Function::fixed(1, |_, all| Ok(delimited(&Arguments(all).text(0)?, '_').into()))),
    ("kebabcase", Function::fixed(1, |_, all| Ok(delimited(&Arguments(all).text(0)?, '-').into()))),
    ("camelcase", Function::fixed(1, |_, all| Ok(camelcase(&Arguments(all).text(0)?).into()))),
    ("wrap", Function::fixed(2, |machine, all| wrapped(machine, (&all[0], "\n"), Arguments(all).text(1)?.as_ref()))),
    (
        "wrapWith",
        Function::fixed(3, |machine, all| {
            wrapped(machine, (&all[0], &Arguments(all).text(1)?), Arguments(all).text(2)?.as_ref())
        }),
    ),
];

/// Every letter, with whether a word begins with it.
fn words(text: &str, is_gap: impl Fn(char) -> bool) -> impl Iterator<Item = (char, bool)> {
    let mut begins = true;
    text.chars().map(move |letter| {
        let begun = std::mem::replace(&mut begins, is_gap(letter));
        (letter, begun)
    })
}

/// Go's `strings.Title`: words are of letters, digits, underscores and what stands between them like an apostrophe.
fn title(text: &str) -> String {
    let is_gap = |letter: char| match letter {
        '_' => false,
        _ if letter.is_ascii() => !letter.is_ascii_alphanumeric(),
        _ => !letter.is_alphanumeric() && letter.is_whitespace(),
    };
    let cased = |(letter, begins): (char, bool)| if begins { upper(letter) } else { letter.to_string() };
    words(text, is_gap).map(cased).collect()
}

fn untitle(text: &str) -> String {
    let cased = |(letter, begins): (char, bool)| if begins { lower(letter) } else { letter.to_string() };
    words(text, char::is_whitespace).map(cased).collect()
}

fn initials(text: &str) -> String {
    let firsts = words(text, char::is_whitespace).filter(|(letter, begins)| *begins && !letter.is_whitespace());
    firsts.map(|(letter, _)| letter).collect()
}

fn swapcase(text: &str) -> String {
    let swapped = |letter: char| {
        if letter.is_lowercase() {
            upper(letter)
        } else if letter.is_uppercase() {
            lower(letter)
        } else {
            letter.to_string()
        }
    };
    text.chars().map(swapped).collect()
}

fn upper(letter: char) -> String {
    letter.to_uppercase().collect()
}

fn lower(letter: char) -> String {
    letter.to_lowercase().collect()
}

/// `FirstName` → `first_name`; xstrings' `ToSnakeCase`: a word begins where the case rises, where a run of capitals
/// ends in a word, where digits begin, and after what connects words.
fn delimited(text: &str, delimiter: char) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() + 4);
    for (at, &letter) in letters.iter().enumerate() {
        if matches!(letter, ' ' | '_' | '-') || letter.is_whitespace() {
            out.push(delimiter);
            continue;
        }
        let before = at.checked_sub(1).map(|at| letters[at]);
        if before.is_some_and(|before| begins(before, letter, letters.get(at + 1).copied())) {
            out.push(delimiter);
        }
        out.extend(letter.to_lowercase());
    }
    out
}

fn begins(before: char, letter: char, after: Option<char>) -> bool {
    let lower_after = after.is_some_and(char::is_lowercase);
    if letter.is_uppercase() {
        return before.is_lowercase() || before.is_numeric() || before.is_uppercase() && lower_after;
    }
    false
}

/// `http_server` → `HttpServer`; xstrings' `ToPascalCase`: what connects words at the edges stays.
fn camelcase(text: &str) -> String {
    let connects = |letter: char| matches!(letter, '_' | '-') || letter.is_whitespace();
    let start = text.len() - text.trim_start_matches(connects).len();
    let end = text.trim_end_matches(connects).len().max(start);
    let mut out = text[..start].to_owned();
    let mut begins = true;
    for letter in text[start..end].chars() {
        if connects(letter) {
            begins = true;
        } else if std::mem::take(&mut begins) {
            out.extend(letter.to_uppercase());
        } else {
            out.push(letter);
        }
    }
    out + &text[end..]
}

/// Lines of at most so many letters; longer words are cut. goutils' `WrapCustom`.
fn wrapped(machine: &mut Machine<'_>, (width, newline): (&Value, &str), text: &str) -> Result<Value, Fault> {
    let width = Arguments(std::slice::from_ref(width)).count(0, SIZE_LIMIT)?.max(1);
    let newline = if newline.is_empty() { "\n" } else { newline };
    let letters: Vec<char> = text.chars().collect();
    machine.spend(letters.len() as u64)?;
    let part = |from: usize, to: usize| letters[from..to].iter().collect::<String>();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while letters.len() - at > width {
        if letters[at] == ' ' {
            at += 1;
            continue;
        }
        let space = (at..=(at + width).min(letters.len() - 1)).rev().find(|index| letters[*index] == ' ');
        let (end, next) = match space.filter(|space| *space >= at) {
            Some(space) => (space, space + 1),
            None => (at + width, at + width),
        };
        out.push_str(&part(at, end));
        out.push_str(newline);
        at = next;
    }
    out.push_str(&part(at, letters.len()));
    Ok(out.into())
}
