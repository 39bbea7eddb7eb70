//! `cargo xtask check`: formatting, lints and the house rules that no lint knows. CI runs it before the tests.
//! It must not run the tests: `cargo test --workspace` does.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// Longest source file, without its `#[cfg(test)]` part, and longest file opening before `//!` must come.
const MAX_LINES: usize = 500;

/// Runs every check; the error lists all that failed.
pub(crate) fn run() -> Result<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut failures = Vec::new();
    for arguments in [
        &["fmt", "--all", "--check"][..],
        &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
    ] {
        if !cargo(&root, arguments)? {
            failures.push(format!("cargo {} failed", arguments.join(" ")));
        }
    }
    failures.extend(house_rules(&root).map_err(|error| format!("failed to read the sources: {error}"))?);
    if failures.is_empty() { Ok("all checks passed".to_owned()) } else { Err(failures.join("\n")) }
}

#[allow(clippy::disallowed_methods, reason = "developer commands start cargo")]
fn cargo(root: &Path, arguments: &[&str]) -> Result<bool, String> {
    println!("cargo {}", arguments.join(" "));
    let status = Command::new("cargo").args(arguments).current_dir(root).status();
    status.map(|status| status.success()).map_err(|error| format!("failed to start cargo: {error}"))
}

fn house_rules(root: &Path) -> io::Result<Vec<String>> {
    let mut broken = Vec::new();
    for file in sources(&root.join("crates"))?.into_iter().chain(sources(&root.join("xtask"))?) {
        let text = fs::read_to_string(&file)?;
        let shown = file.strip_prefix(root).unwrap_or(&file).display();
        if file.file_name().is_some_and(|name| name == "mod.rs") {
            broken.push(format!("{shown}: name the module's file after the module, not mod.rs"));
        }
        if !text.starts_with("//!") {
            broken.push(format!("{shown}: open with //! and the file's duty"));
        }
        let lines = shipped_lines(&text);
        if lines > MAX_LINES {
            broken.push(format!("{shown}: {lines} lines without tests, at most {MAX_LINES}: cut it by duty"));
        }
    }
    Ok(broken)
}

fn shipped_lines(text: &str) -> usize {
    text.lines().take_while(|line| *line != "#[cfg(test)]").count()
}

fn sources(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_keep_the_house_rules() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let broken = house_rules(&root).unwrap();
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }

    #[test]
    fn tests_do_not_count() {
        assert_eq!(shipped_lines("//! duty\nfn a() {}\n#[cfg(test)]\nmod tests {}\n"), 2);
    }
}
