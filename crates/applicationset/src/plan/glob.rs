//! Patterns of the git generator: of directories as Go's `path.Match`, of files as git's pathspecs.
//! It must not know what is matched.

use globset::{GlobBuilder, GlobMatcher};

use super::Error;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern(GlobMatcher);

impl Pattern {
    /// A pattern of directories: no star crosses `/`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_directories(pattern: &str) -> Result<Self, Error> {
        Self::new(pattern, true)
    }

    /// A pattern of files: a star crosses `/`, as in `git ls-files`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_files(pattern: &str) -> Result<Self, Error> {
        Self::new(pattern, false)
    }

    fn new(pattern: &str, separated: bool) -> Result<Self, Error> {
        // Neither dialect knows `**` or `{a,b}`; globset would give them a meaning of its own. `a/**/b` of pathspecs
        // does match `a/b` as well, and so it does here with the middle left out by `**` alone.
        let mut text = pattern.replace('{', "[{]").replace('}', "[}]");
        while separated && text.contains("**") {
            text = text.replace("**", "*");
        }
        let glob = GlobBuilder::new(&text).literal_separator(separated).backslash_escape(true).build();
        let glob =
            glob.map_err(|error| Error::invalid(format!("failed to read pattern {pattern:?}: {}", error.kind())))?;
        Ok(Self(glob.compile_matcher()))
    }

    /// Whether a path matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_of_directories_stay_within_one() {
        let pattern = Pattern::of_directories("addons/*").unwrap();
        assert!(pattern.matches("addons/a") && !pattern.matches("addons/a/b") && !pattern.matches("addons"));
        assert!(Pattern::of_directories("addons/**").unwrap().matches("addons/a"));
        assert!(!Pattern::of_directories("{a,b}").unwrap().matches("a"));
    }

    #[test]
    fn stars_of_files_cross_directories() {
        let pattern = Pattern::of_files("clusters/*.json").unwrap();
        assert!(pattern.matches("clusters/a.json") && pattern.matches("clusters/a/b.json"));
        assert!(Pattern::of_files("a/**/c.yaml").unwrap().matches("a/b/c.yaml"));
        assert!(Pattern::of_files("[").is_err());
    }
}
