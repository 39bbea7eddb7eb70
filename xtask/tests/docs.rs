//! Keeps the documents true: links lead somewhere, cited files are there and hold the names said to be in them, and
//! every proof that `docs/compatibility.md` names is a test.
//! It must not judge what the documents say beyond that.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest `ARCHITECTURE.md` that is still read to its end.
const MAX_ARCHITECTURE_LINES: usize = 300;
/// What a cited path begins with.
const ROOTS: [&str; 2] = ["crates/", "xtask/"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every document, by its path from the root of the repository.
fn documents() -> Vec<String> {
    let mut found: Vec<String> = ["README.md", "ARCHITECTURE.md", "SHORTCOMINGS.md"].map(str::to_owned).into();
    collect(Path::new("docs"), &mut found);
    found
}

fn collect(folder: &Path, found: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        let path = folder.join(entry.file_name().unwrap());
        if entry.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path.display().to_string());
        }
    }
}

/// The lines outside of code blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            return None;
        }
        (!is_code).then_some((index + 1, line))
    })
}

/// The line without its inline code, where brackets mean nothing.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Targets of links that lead to a file of the repository.
fn links(line: &str) -> Vec<String> {
    let plain = without_code(line);
    let targets = plain.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    let relative = targets.filter(|target| !target.contains("://") && !target.starts_with(['#', '/']));
    relative.map(|target| target.split('#').next().unwrap_or_default().to_owned()).collect()
}

/// Paths into the repository's code that a text mentions.
fn paths(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for start in ROOTS.iter().flat_map(|root| text.match_indices(root)).map(|(start, _)| start) {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
        if text[..start].ends_with(is_part) {
            continue;
        }
        let rest = &text[start..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        found.insert(rest[..end].trim_end_matches(['.', '/']));
    }
    found
}

/// Files with the names said to be in them: `` `path` (`name`, `Type::name`) ``.
fn names(line: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for (start, _) in line.match_indices("` (`") {
        let Some((_, path)) = line[..start].rsplit_once('`') else { continue };
        let Some((inside, _)) = line[start + 3..].split_once(')') else { continue };
        if path.ends_with(".rs") {
            found.push((path.to_owned(), code(inside)));
        }
    }
    found
}

/// The pieces of inline code of a line.
fn code(line: &str) -> Vec<String> {
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether a text has a word, not only as a part of another.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(start, _)| !text[..start].ends_with(is_part) && !text[start + word.len()..].starts_with(is_part))
}

#[test]
fn links_lead_to_files() {
    let mut broken = Vec::new();
    for document in documents() {
        let folder = root().join(&document).parent().unwrap().to_owned();
        for (number, line) in prose(&read(&document)) {
            let missing = links(line).into_iter().filter(|target| !folder.join(target).exists());
            broken.extend(missing.map(|target| format!("{document}:{number}: {target}")));
        }
    }
    assert!(broken.is_empty(), "these links lead nowhere:\n  {}", broken.join("\n  "));
}

#[test]
fn cited_files_are_there() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = read(&document);
        let missing = paths(&text).into_iter().filter(|path| !root().join(path).exists());
        broken.extend(missing.map(|path| format!("{document}: {path}")));
    }
    assert!(broken.is_empty(), "these files are cited and not there:\n  {}", broken.join("\n  "));
}

#[test]
fn cited_files_hold_what_is_said_to_be_in_them() {
    let mut broken = Vec::new();
    for document in documents() {
        for (number, line) in prose(&read(&document)) {
            for (path, names) in names(line) {
                let text = read(&path);
                let last = |name: &str| name.rsplit("::").next().unwrap_or(name).to_owned();
                let missing = names.iter().filter(|name| !has_word(&text, &last(name)));
                broken.extend(missing.map(|name| format!("{document}:{number}: {path} has no {name}")));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_architecture_is_short() {
    let lines = read("ARCHITECTURE.md").lines().count();
    assert!(lines <= MAX_ARCHITECTURE_LINES, "ARCHITECTURE.md has {lines} lines, at most {MAX_ARCHITECTURE_LINES}");
}

/// A proof is a file and after it the tests in it: `` `crates/…/prune.rs` `name`, `name` ``. It stands in the last cell
/// of a row; a dash says that there is none.
#[test]
fn proofs_are_tests() {
    let mut broken = Vec::new();
    let mut proofs = 0;
    for (number, line) in prose(&read("docs/compatibility.md")).filter(|(_, line)| line.starts_with('|')) {
        let Some(cell) = line.trim_end_matches('|').rsplit('|').next() else { continue };
        let mut file = None;
        for piece in code(cell) {
            if piece.starts_with("crates/") {
                file = Some(read(&piece));
            } else if file.as_ref().is_some_and(|text| has_word(text, &format!("fn {piece}"))) {
                proofs += 1;
            } else {
                broken.push(format!("docs/compatibility.md:{number}: no test {piece}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(proofs > 0, "the table of proofs was not found");
}

#[test]
fn the_reader_of_documents_reads() {
    assert_eq!(links("see [a](docs/a.md#b), [c](https://x/y) and `[d](e)`"), ["docs/a.md"]);
    assert_eq!(
        paths("`crates/a/src/b.rs`, xtask/tests/c.rs.").into_iter().collect::<Vec<_>>(),
        ["crates/a/src/b.rs", "xtask/tests/c.rs"]
    );
    assert_eq!(names("`crates/a.rs` (`b`, `C::d`)"), [("crates/a.rs".to_owned(), vec!["b".into(), "C::d".into()])]);
    assert!(has_word("fn prune(", "prune") && !has_word("fn pruned(", "prune"));
}
