//! Versions and ranges of versions as Masterminds/semver reads them, which Helm, Sprig and Argo CD use: `v1.2` is a
//! version, and `>=1.2 <2 || ~3.1` is a range.
//! It must not know what the versions are of.

mod range;

use std::cmp::Ordering;

use semver::{BuildMetadata, Prerelease};

pub use range::{Range, RangeError};

/// A version, with the text it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    parsed: semver::Version,
    original: String,
}

impl Version {
    /// Reads a version: a `v` may stand before it, and minor and patch may be left out. `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.strip_prefix('v').unwrap_or(text);
        let (rest, build) = plain.split_once('+').map_or((plain, ""), |(rest, build)| (rest, build));
        let (numbers, pre) = rest.split_once('-').map_or((rest, ""), |(numbers, pre)| (numbers, pre));
        if plain.ends_with('+') || rest.ends_with('-') && pre.is_empty() {
            return None;
        }
        let mut parts = numbers.split('.').map(number);
        let (major, minor, patch) =
            (parts.next()??, parts.next().unwrap_or(Some(0))?, parts.next().unwrap_or(Some(0))?);
        if parts.next().is_some() {
            return None;
        }
        let mut parsed = semver::Version::new(major, minor, patch);
        parsed.pre = Prerelease::new(pre).ok()?;
        parsed.build = BuildMetadata::new(build).ok()?;
        Some(Self { parsed, original: text.to_owned() })
    }

    /// The first number.
    #[must_use]
    pub fn major(&self) -> u64 {
        self.parsed.major
    }

    /// The second number.
    #[must_use]
    pub fn minor(&self) -> u64 {
        self.parsed.minor
    }

    /// The third number.
    #[must_use]
    pub fn patch(&self) -> u64 {
        self.parsed.patch
    }

    /// What stands after `-`; empty for a release.
    #[must_use]
    pub fn prerelease(&self) -> &str {
        self.parsed.pre.as_str()
    }

    /// What stands after `+`.
    #[must_use]
    pub fn metadata(&self) -> &str {
        self.parsed.build.as_str()
    }

    /// The text it was read from.
    #[must_use]
    pub fn original(&self) -> &str {
        &self.original
    }

    /// Which of two is newer; what stands after `+` does not count.
    #[must_use]
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.parsed.cmp_precedence(&other.parsed)
    }
}

/// Written in full, without a `v`.
impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.parsed.fmt(f)
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_may_be_left_out() {
        let written = |text: &str| Version::parse(text).map(|version| version.to_string());
        assert_eq!(written("v1.2").as_deref(), Some("1.2.0"));
        assert_eq!(written("1").as_deref(), Some("1.0.0"));
        assert_eq!(written("1.28.3-gke.100+a.b").as_deref(), Some("1.28.3-gke.100+a.b"));
        for text in ["", "v", "x", "1.2.3.4", "1.2.", "1.2.3-", "1.2.3+", "-1", "1.+2", "latest"] {
            assert_eq!(written(text), None, "{text}");
        }
    }
}
