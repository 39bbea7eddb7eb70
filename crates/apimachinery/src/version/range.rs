//! Ranges of versions, by the rules of Masterminds/semver v3.

use std::cmp::Ordering::{Greater, Less};

use super::Version;

/// A text is no range of versions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("improper constraint: {0:?}")]
pub struct RangeError(String);

/// A range of versions: alternatives, of which one must hold.
#[derive(Clone, Debug)]
pub struct Range(Vec<Alternative>);

/// Comparisons that must all hold.
#[derive(Clone, Debug)]
struct Alternative {
    comparisons: Vec<Comparison>,
    /// Whether one of them names a prerelease; else none is let in.
    prereleases: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

#[derive(Clone, Debug)]
struct Comparison {
    operator: Operator,
    version: Version,
    /// Which parts were left out, or written as `x` or `*`.
    any_major: bool,
    any_minor: bool,
    any_patch: bool,
}

impl Range {
    /// Reads a range, such as `>=1.2, <2`, `1.2 - 1.4`, `1.x`, `~1.2.3 || ^2`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, RangeError> {
        let improper = || RangeError(text.to_owned());
        let alternatives: Option<Vec<Alternative>> = text.split("||").map(alternative).collect();
        alternatives.map(Self).ok_or_else(improper)
    }

    /// Whether a version is in the range.
    #[must_use]
    pub fn contains(&self, version: &Version) -> bool {
        self.0.iter().any(|alternative| alternative.contains(version))
    }

    /// The highest of some tags that is a version in the range, by its own name.
    #[must_use]
    pub fn highest<'a>(&self, tags: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let versions = tags.filter_map(Version::parse_with_tag);
        let fitting = versions.filter(|(version, _)| self.contains(version));
        fitting.max_by(|(a, _), (b, _)| a.precedence(b)).map(|(_, tag)| tag)
    }
}

impl Version {
    fn parse_with_tag(tag: &str) -> Option<(Self, &str)> {
        Some((Self::parse(tag)?, tag))
    }
}

fn alternative(text: &str) -> Option<Alternative> {
    let text = without_hyphens(text.trim())?;
    let mut rest = text.as_str();
    let mut comparisons = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', ',', '\t']);
        if rest.is_empty() {
            break;
        }
        let (operator, after) = operator(rest);
        let after = after.trim_start();
        let end = after.find([' ', ',', '\t', '<', '>', '=', '!', '~', '^']).unwrap_or(after.len());
        comparisons.push(comparison(operator, &after[..end])?);
        rest = &after[end..];
    }
    let prereleases = comparisons.iter().any(|it| !it.version.prerelease().is_empty());
    (!comparisons.is_empty()).then_some(Alternative { comparisons, prereleases })
}

/// `1.2 - 1.4` is `>=1.2 <=1.4`.
fn without_hyphens(text: &str) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    let mut split = text.split_whitespace();
    while let Some(word) = split.next() {
        if word == "-" {
            let (low, high) = (words.pop()?, split.next()?);
            words.push(format!(">={low}"));
            words.push(format!("<={high}"));
        } else {
            words.push(word.to_owned());
        }
    }
    Some(words.join(" "))
}

fn operator(text: &str) -> (Operator, &str) {
    const OPERATORS: [(&str, Operator); 11] = [
        (">=", Operator::GreaterOrEqual),
        ("=>", Operator::GreaterOrEqual),
        ("<=", Operator::LessOrEqual),
        ("=<", Operator::LessOrEqual),
        ("!=", Operator::NotEqual),
        ("~>", Operator::Tilde),
        ("=", Operator::Equal),
        (">", Operator::Greater),
        ("<", Operator::Less),
        ("~", Operator::Tilde),
        ("^", Operator::Caret),
    ];
    let found = OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)));
    found.unwrap_or((Operator::Equal, text))
}

fn comparison(operator: Operator, text: &str) -> Option<Comparison> {
    let plain = text.strip_prefix('v').unwrap_or(text);
    let end = plain.find(['-', '+']).unwrap_or(plain.len());
    let (numbers, rest) = plain.split_at(end);
    let is_any = |part: Option<&&str>| part.is_none_or(|part| matches!(*part, "x" | "X" | "*"));
    let parts: Vec<&str> = numbers.split('.').collect();
    let any = [is_any(parts.first()), is_any(parts.get(1)), is_any(parts.get(2))];
    let known = any.iter().position(|any| *any).unwrap_or(3);
    // What comes after a part that may be anything does not count, but must be one or a number.
    let sound = |part: &&str| is_any(Some(part)) || part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty();
    if parts.len() > 3 || !parts.iter().all(sound) {
        return None;
    }
    let mut numbers: Vec<&str> = parts[..known.min(parts.len())].to_vec();
    numbers.resize(3, "0");
    let version = Version::parse(&format!("{}{rest}", numbers.join(".")))?;
    let (any_major, any_minor) = (known == 0, known == 1);
    Some(Comparison { operator, version, any_major, any_minor, any_patch: known == 2 })
}

impl Alternative {
    fn contains(&self, version: &Version) -> bool {
        if !version.prerelease().is_empty() && !self.prereleases {
            return false;
        }
        self.comparisons.iter().all(|comparison| comparison.holds(version))
    }
}

impl Comparison {
    fn is_open(&self) -> bool {
        self.any_major || self.any_minor || self.any_patch
    }

    fn holds(&self, version: &Version) -> bool {
        let order = version.precedence(&self.version);
        match self.operator {
            Operator::Equal if self.is_open() => self.tilde(version),
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => self.differs(version),
            Operator::Greater => self.greater(version),
            Operator::GreaterOrEqual => order != Less,
            Operator::Less => order == Less,
            Operator::LessOrEqual => self.less_or_equal(version),
            Operator::Tilde => self.tilde(version),
            Operator::Caret => self.caret(version),
        }
    }

    fn differs(&self, version: &Version) -> bool {
        if !self.is_open() {
            return version.precedence(&self.version).is_ne();
        }
        let same_minor = self.any_minor || version.minor() == self.version.minor();
        let same_major = version.major() == self.version.major();
        !(self.any_major || same_major && same_minor)
    }

    /// `>11` means what comes after all of 11.
    fn greater(&self, version: &Version) -> bool {
        let (own, other) = (version.major(), self.version.major());
        if !self.is_open() || self.any_major {
            return version.precedence(&self.version) == Greater;
        }
        own > other || own == other && !self.any_minor && version.minor() > self.version.minor()
    }

    /// `<=11` means all of 11 too.
    fn less_or_equal(&self, version: &Version) -> bool {
        if !self.is_open() {
            return version.precedence(&self.version) != Greater;
        }
        let (own, other) = (version.major(), self.version.major());
        own < other || own == other && (self.any_minor || version.minor() <= self.version.minor())
    }

    /// The same minor version, or major version if that is all that is said.
    fn tilde(&self, version: &Version) -> bool {
        if version.precedence(&self.version) == Less {
            return false;
        }
        let zero = (self.version.major(), self.version.minor(), self.version.patch()) == (0, 0, 0);
        if zero && !self.any_minor && !self.any_patch {
            return true;
        }
        version.major() == self.version.major() && (self.any_minor || version.minor() == self.version.minor())
    }

    /// Nothing changes left of the first number that is not zero.
    fn caret(&self, version: &Version) -> bool {
        let own = &self.version;
        if version.precedence(own) == Less {
            return false;
        }
        if own.major() > 0 || self.any_minor {
            return version.major() == own.major();
        }
        if self.any_major {
            return true;
        }
        if version.major() > 0 {
            return false;
        }
        if own.minor() > 0 || self.any_patch {
            return version.minor() == own.minor();
        }
        version.minor() == 0 && version.patch() == own.patch()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Masterminds/semver says.
    #[test]
    fn ranges_hold_what_upstream_says() {
        for (range, version, expected) in [
            ("^1.2.0", "1.3.0", true),
            (">=1.20-0", "1.28.3-gke.100", true),
            (">=1.20", "1.28.3-gke.100", false),
            ("~1.2.3", "1.2.9", true),
            ("1.2 - 2.3", "2.3.4", true),
            (">1 <3 || 5.x", "5.6.7", true),
            (">1 <3 || 5.x", "1.5.0", false),
            ("!=1.2.3", "1.2.3", false),
            ("!=1.2", "1.2.3", false),
            ("1.x", "1.9", true),
            ("~1", "1.9", true),
            ("^0.2.3", "0.2.9", true),
            ("^0.2.3", "0.3.0", false),
            ("^0.0.3", "0.0.4", false),
            ("=1.2", "1.2.5", true),
            (">1.2", "1.2.5", false),
            (">1.2", "1.3.0", true),
            ("<=1.2", "1.2.5", true),
            ("<1.2", "1.2.0-rc1", false),
            ("*", "1.2.3", true),
            ("*", "1.2.3-rc1", false),
            (">= 1.2, < 2", "1.9.9", true),
            (">=v1.19.0", "v1.19.0", true),
        ] {
            let held = Range::parse(range).unwrap().contains(&Version::parse(version).unwrap());
            assert_eq!(held, expected, "{range} holds {version}");
        }
        for range in ["bad", "", ">=", "1.2.3.4", "||", "- 1"] {
            assert!(Range::parse(range).is_err(), "{range}");
        }
    }

    #[test]
    fn the_highest_tag_that_fits_is_meant() {
        let tags = ["v1.2.0", "v1.10.1", "v2.0.0", "v1.11.0-rc.1", "nightly", "1.3"];
        let highest = |range: &str| Range::parse(range).unwrap().highest(tags.into_iter());
        assert_eq!(highest("v1.*"), Some("v1.10.1"));
        assert_eq!(highest("~1.2 || ^2"), Some("v2.0.0"));
        assert_eq!(highest(">=1.11.0-0, <2"), Some("v1.11.0-rc.1"));
        assert_eq!(highest("^7"), None);
    }
}
