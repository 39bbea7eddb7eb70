//! Patterns as Argo CD reads them (gobwas without separators): `*` crosses `/`, `{a,b}` are alternatives.
//! It must not know what is matched.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern(GlobMatcher);

/// A pattern cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read pattern {pattern:?}: {reason}")]
pub struct PatternError {
    pattern: String,
    reason: String,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When brackets or braces are not closed.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        // Without separators `**` means `*`; globset would give it a meaning of its own.
        let mut text = pattern.to_owned();
        while text.contains("**") {
            text = text.replace("**", "*");
        }
        let glob = GlobBuilder::new(&text)
            .literal_separator(false)
            .backslash_escape(true)
            .empty_alternates(true)
            .build()
            .map_err(|error| PatternError { pattern: pattern.to_owned(), reason: error.kind().to_string() })?;
        Ok(Self(glob.compile_matcher()))
    }

    /// Whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// A pattern to be matched often. One that cannot be read matches only itself.
#[derive(Clone)]
pub struct Glob {
    text: String,
    /// Only where there is something to compile: by far the most patterns are a plain text or a star.
    compiled: Option<Pattern>,
}

impl Glob {
    /// Reads a pattern.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let compiled = if pattern == "*" || is_plain(pattern) { None } else { Pattern::new(pattern).ok() };
        Self { text: pattern.to_owned(), compiled }
    }

    /// Whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match &self.compiled {
            Some(compiled) => compiled.matches(text),
            None => self.text == "*" || self.text == text,
        }
    }
}

/// Shows the pattern as it is written.
impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// Whether a pattern matches nothing but itself.
#[must_use]
pub fn is_plain(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '[', '{', '\\'])
}

/// Whether a text matches a pattern; one that cannot be read matches only itself.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    Glob::new(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_cross_directories_and_braces_choose() {
        for (pattern, text, expected) in [
            ("*argocd.yaml", "shop/argocd.yaml", true),
            ("*argocd.yaml", "argocd.yaml", true),
            ("*.yaml", "a/b/c.yaml", true),
            ("{a,b}/*.yaml", "b/x/y.yaml", true),
            ("{*.yml,*.yaml}", "a/b.yml", true),
            ("**/x.yaml", "a/b/x.yaml", true),
            ("**/x.yaml", "x.yaml", false),
            ("?.json", "a.json", true),
            ("[ab].json", "c.json", false),
            ("catalog-info.yaml", "shop/catalog-info.yaml", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_broken_pattern_says_why() {
        let error = Pattern::new("{a,b").unwrap_err().to_string();
        assert!(error.contains("{a,b") && error.contains("failed to read pattern"), "{error}");
    }
}
