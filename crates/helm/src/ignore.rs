//! `.helmignore`: which files of a directory do not belong to the chart.

use crate::error::Error;
use crate::glob::Glob;

struct Rule {
    glob: Glob,
    /// The rule lets in again what others leave out.
    lets_in: bool,
    /// It is only about directories.
    directories: bool,
    /// It is about the path from the root, not about a name anywhere.
    whole: bool,
}

/// The rules of a chart.
pub(crate) struct Ignore(Vec<Rule>);

impl Ignore {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut rules = Vec::new();
        for line in text.lines().map(str::trim).chain(["templates/.?*"]) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.contains("**") {
                return Err(Error::file(".helmignore", "double-star (**) syntax is not supported"));
            }
            let (lets_in, rule) = line.strip_prefix('!').map_or((false, line), |rule| (true, rule));
            let (directories, rule) = rule.strip_suffix('/').map_or((false, rule), |rule| (true, rule));
            let whole = rule.contains('/');
            let glob = Glob::new(rule.trim_start_matches('/')).map_err(|error| Error::file(".helmignore", error))?;
            rules.push(Rule { glob, lets_in, directories, whole });
        }
        Ok(Self(rules))
    }

    /// Whether a file does not belong to the chart: a rule is about it, or about a directory it is in.
    pub(crate) fn leaves_out(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at);
        let mut directories = ends.map(|at| (&path[..at], true)).chain([(path, false)]);
        directories.any(|(path, is_directory)| self.ignores(path, is_directory))
    }

    fn ignores(&self, path: &str, is_directory: bool) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let about = |rule: &&Rule| {
            let matches = rule.glob.matches(if rule.whole { path } else { name });
            (is_directory || !rule.directories) && matches != rule.lets_in
        };
        self.0.iter().any(|rule| about(&rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_about_names_paths_and_directories() {
        let ignore = Ignore::parse("# comment\n*.bak\n/top.txt\nsecret/\ndocs/*.md\n").unwrap();
        for path in ["a.bak", "x/y.bak", "top.txt", "secret/a", "x/secret/b/c", "docs/a.md", "templates/.git"] {
            assert!(ignore.leaves_out(path), "{path}");
        }
        for path in ["a.txt", "x/top.txt", "secret", "docs/x/a.md", "templates/a.yaml", ".helmignore"] {
            assert!(!ignore.leaves_out(path), "{path}");
        }
        assert!(Ignore::parse("a/**").is_err());
    }
}
