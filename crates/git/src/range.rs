//! Revisions that are ranges of versions, such as `v1.*` or `>=1.2 <2`: the highest tag that fits is meant. As Argo CD's
//! `versions` with Masterminds/semver.
//! It must not know how tags are read.

use semver::{Version, VersionReq};

/// A range of versions: alternatives of which one has to fit.
pub(crate) struct Range(Vec<VersionReq>);

impl Range {
    /// Reads a range. What is a version, or a name, is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let ranged =
            text.contains(['*', '<', '>', '=', '~', '^', '|']) || text.split('.').any(|part| matches!(part, "x" | "X"));
        if !ranged || version(text).is_some() {
            return None;
        }
        let alternatives: Option<Vec<VersionReq>> = text.split("||").map(alternative).collect();
        alternatives.filter(|all| !all.is_empty()).map(Self)
    }

    /// The highest of some tags that fits, by its own name.
    pub(crate) fn highest<'a>(&self, tags: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let fits = |version: &Version| self.0.iter().any(|range| range.matches(version));
        let versions = tags.filter_map(|tag| Some((version(tag)?, tag)));
        versions.filter(|(version, _)| fits(version)).max_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, tag)| tag)
    }
}

/// `>=1.2 <2` or `>=1.2, <2`: all of it has to fit.
fn alternative(text: &str) -> Option<VersionReq> {
    let mut parts: Vec<String> = Vec::new();
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        // An operator may stand apart from its version.
        match parts.last_mut().filter(|last| last.trim_end_matches(['<', '>', '=', '~', '^']).is_empty()) {
            Some(operator) => operator.push_str(part(word).trim_start_matches('=')),
            None => parts.push(part(word)),
        }
    }
    VersionReq::parse(&parts.join(", ")).ok()
}

/// A part as the crate writes it: without a `v`, with `*` for `x`; a version alone is that version.
fn part(word: &str) -> String {
    let at = word.find(|letter: char| !matches!(letter, '<' | '>' | '=' | '~' | '^' | '!')).unwrap_or(word.len());
    let (operator, rest) = word.split_at(at);
    let rest = rest.strip_prefix(['v', 'V']).unwrap_or(rest);
    let rest: Vec<&str> = rest.split('.').map(|part| if matches!(part, "x" | "X") { "*" } else { part }).collect();
    let rest = rest.join(".");
    let wild = rest.contains('*') || rest.is_empty();
    if operator.is_empty() && !wild { format!("={rest}") } else { format!("{operator}{rest}") }
}

/// A tag as a version: `v1.2` is `1.2.0`.
fn version(tag: &str) -> Option<Version> {
    let text = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let missing = 2_usize.checked_sub(numbers.matches('.').count())?;
    Version::parse(&format!("{numbers}{}{rest}", ".0".repeat(missing))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_tag_that_fits_is_meant() {
        let tags = ["v1.2.0", "v1.10.1", "v2.0.0", "v1.11.0-rc.1", "nightly", "1.3"];
        let highest = |range: &str| Range::parse(range).unwrap().highest(tags.into_iter());
        assert_eq!(highest("v1.*"), Some("v1.10.1"));
        assert_eq!(highest("1.x"), Some("v1.10.1"));
        assert_eq!(highest(">= 1.2 <1.10"), Some("1.3"));
        assert_eq!(highest("~1.2 || ^2"), Some("v2.0.0"));
        assert_eq!(highest("*"), Some("v2.0.0"));
        assert_eq!(highest(">=1.11.0-0, <2"), Some("v1.11.0-rc.1"));
        assert_eq!(highest("^7"), None);
    }

    #[test]
    fn names_and_versions_are_no_ranges() {
        for text in ["main", "v1.2.3", "1.2", "HEAD", "release-x", "feature/a*b"] {
            assert!(Range::parse(text).is_none(), "{text}");
        }
    }
}
