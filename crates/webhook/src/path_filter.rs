//! Which changed files concern an Application that says what its manifests are made of.
//! It must not know git hosts.

use crate::Push;

/// The annotation of an Application that names the paths which its manifests are made of.
pub const MANIFEST_GENERATE_PATHS: &str = "argocd.argoproj.io/manifest-generate-paths";

/// The paths of [`MANIFEST_GENERATE_PATHS`], as Argo CD's `GetSourceRefreshPaths` and `AppFilesHaveChanged` read them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathFilter {
    /// From the root of the repository, beginning with a slash, without `.` and `..`.
    paths: Vec<String>,
}

impl PathFilter {
    /// Reads the value of the annotation: paths with `;` between them, from the root of the repository if they begin with a
    /// slash, else from the `path` of the source. Each is a file, a directory with all below it, or a pattern with `*`, `?`
    /// and `[…]`, none of which stands for a slash.
    #[must_use]
    pub fn new(annotation: &str, source_path: &str) -> Self {
        let items = annotation.split(';').map(str::trim).filter(|item| !item.is_empty());
        let paths =
            items.map(|item| if item.starts_with('/') { clean(item) } else { clean(&format!("{source_path}/{item}")) });
        Self { paths: paths.collect() }
    }

    /// Whether a push may change the manifests: it does where nothing is known of its files, or no path is given.
    #[must_use]
    pub fn concerns(&self, push: &Push) -> bool {
        match &push.changed_files {
            Some(files) if !self.paths.is_empty() => files.iter().any(|file| self.covers(file)),
            _ => true,
        }
    }

    /// Whether a file, by its path from the root of the repository, is one of the paths or below one. False if there is no
    /// path.
    #[must_use]
    pub fn covers(&self, file: &str) -> bool {
        let file = clean(file);
        self.paths.iter().any(|path| is_within(path, &file) || fits(path, &file))
    }
}

fn is_within(path: &str, file: &str) -> bool {
    path == "/" || file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A path from the root with a slash in front, without empty steps, `.` and `..`.
fn clean(path: &str) -> String {
    let mut steps = Vec::new();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    format!("/{}", steps.join("/"))
}

/// Whether a pattern fits a path as Go's `filepath.Match` has it. A malformed pattern fits nothing.
fn fits(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut steps) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), steps.next()) {
            (None, None) => return true,
            (Some(pattern), Some(step)) if fits_step(pattern, step) => {}
            _ => return false,
        }
    }
}

/// One step of [`fits`]. After a mismatch only the last `*` can take one more letter, so it is as quick as the product of
/// both lengths.
fn fits_step(pattern: &str, step: &str) -> bool {
    let (mut pattern, mut step) = (pattern, step);
    let mut last_star: Option<(&str, &str)> = None;
    loop {
        if let Some(rest) = pattern.strip_prefix('*') {
            (pattern, last_star) = (rest, Some((rest, step)));
            continue;
        }
        if pattern.is_empty() && step.is_empty() {
            return true;
        }
        if let Some(rests) = one(pattern, step) {
            (pattern, step) = rests;
            continue;
        }
        let Some((after_star, from)) = last_star else { return false };
        let mut letters = from.chars();
        if letters.next().is_none() {
            return false;
        }
        (pattern, step) = (after_star, letters.as_str());
        last_star = Some((after_star, step));
    }
}

/// What is left of both after one letter fits.
fn one<'a>(pattern: &'a str, step: &'a str) -> Option<(&'a str, &'a str)> {
    let (mut wanted, mut letters) = (pattern.chars(), step.chars());
    let letter = letters.next()?;
    match wanted.next()? {
        '?' => {}
        '[' => return Some((class(wanted.as_str(), letter)?, letters.as_str())),
        '\\' if wanted.next()? != letter => return None,
        '\\' => {}
        own if own != letter => return None,
        _ => {}
    }
    Some((wanted.as_str(), letters.as_str()))
}

/// What is left of the pattern after a class, whose bracket has been read, if the letter is in it.
fn class(pattern: &str, letter: char) -> Option<&str> {
    let (is_negated, mut rest) = match pattern.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let (mut is_in, mut is_first) = (false, true);
    loop {
        if let Some(after) = rest.strip_prefix(']').filter(|_| !is_first) {
            return (is_in != is_negated).then_some(after);
        }
        is_first = false;
        let (low, after) = class_letter(rest)?;
        let (high, after) = match after.strip_prefix('-') {
            Some(after) => class_letter(after)?,
            None => (low, after),
        };
        is_in |= low <= letter && letter <= high;
        rest = after;
    }
}

/// A letter of a class, which may be escaped.
fn class_letter(pattern: &str) -> Option<(char, &str)> {
    let mut letters = pattern.chars();
    let letter = match letters.next()? {
        '-' | ']' => return None,
        '\\' => letters.next()?,
        letter => letter,
    };
    Some((letter, letters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_source_or_from_the_root() {
        let covers = |annotation: &str, file: &str| PathFilter::new(annotation, "apps/web").covers(file);
        for annotation in [".", "/apps/web", "/apps/", "..", "../..", "/", ";; . ;", "../db;.", "./x/.."] {
            assert!(covers(annotation, "apps/web/values.yaml"), "{annotation}");
        }
        for annotation in ["../db", "/apps/we", "values", "/web", ""] {
            assert!(!covers(annotation, "apps/web/values.yaml"), "{annotation}");
        }
        assert!(covers("values.yaml", "apps/web/values.yaml"));
        assert!(covers("a[b", "apps/web/a[b"), "what is no pattern is still a name");
        assert!(covers("/shared;.", "shared/deep/er/a"));
        assert!(!covers(".", "apps/website/a"));
        assert!(covers("../../../..", "anything"), "nothing is above the root");
    }

    #[test]
    fn patterns_are_those_of_go() {
        let cases = [
            ("/*/a", "/x/a", true),
            ("/*", "/x/a", false),
            ("/**", "/x/a", false),
            ("/a*b*c", "/aXXbYYbc", true),
            ("/a*b*c", "/aXXbYYb", false),
            ("/*.yaml", "/.yaml", true),
            ("/?", "/ä", true),
            ("/?", "/", false),
            ("/[a-c]x", "/bx", true),
            ("/[^a-c]x", "/bx", false),
            ("/[^a-c]x", "/dx", true),
            ("/[]a]", "/]", false),
            ("/[\\]a]", "/]", true),
            ("/[a", "/a", false),
            ("/[-x]", "/x", false),
            ("/\\*", "/*", true),
            ("/\\*", "/x", false),
            ("/*[a-", "/a", false),
            ("/{a,b}", "/a", false),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_takes_no_longer_than_the_product_of_both() {
        assert!(!fits(&format!("/{}", "a*".repeat(2000)), &format!("/{}b", "a".repeat(20_000)).replace('b', "/")));
        assert!(!fits(&format!("/{}b", "a*".repeat(2000)), &format!("/{}", "a".repeat(20_000))));
    }

    #[test]
    fn patterns_work_as_paths_of_the_annotation() {
        let filter = PathFilter::new("/charts/*/values.yaml;*.json", "apps");
        assert!(filter.covers("charts/web/values.yaml") && filter.covers("apps/a.json"));
        assert!(!filter.covers("charts/web/templates/values.yaml") && !filter.covers("apps/deep/a.json"));
        assert!(!PathFilter::default().covers("a"));
    }
}
