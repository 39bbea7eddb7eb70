//! Revisions that are ranges of versions, such as `v1.*` or `>=1.2 <2`: the highest tag that fits is meant. As Argo CD's
//! `versions`.
//! It must not know how tags are read.

use mainstay_apimachinery::version::Range;

/// Reads a range. What is a version, or a name, is none.
pub(crate) fn parse(text: &str) -> Option<Range> {
    let text = text.trim();
    let ranged = text.contains(['*', '<', '>', '=', '~', '^', '|', ' '])
        || text.split('.').any(|part| matches!(part, "x" | "X"));
    if ranged { Range::parse(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_are_no_ranges() {
        for text in ["main", "v1.2.3", "1.2", "HEAD", "release-x", "feature/a*b"] {
            assert!(parse(text).is_none(), "{text}");
        }
        for text in ["v1.*", "1.x", ">= 1.2 <1.10", "~1.2 || ^2", "*", "1.2 - 1.4"] {
            assert!(parse(text).is_some(), "{text}");
        }
    }
}
