//! Which target revisions mean a reference that moved.
//! It must not know repositories, nor which git host told.

/// Prefix of the full name of a tag.
const TAGS: &str = "refs/tags/";
/// Prefix of the full name of a branch.
const HEADS: &str = "refs/heads/";

/// The short name of a reference, as Argo CD's `ParseRevision`: what follows the second slash, or the last if there is but
/// one. `refs/heads/feature/x` is `feature/x`.
#[must_use]
pub fn parse_revision(reference: &str) -> &str {
    reference.splitn(3, '/').last().unwrap_or(reference)
}

/// Whether a reference is a tag by its full name.
pub(crate) fn is_tag(reference: &str) -> bool {
    reference.starts_with(TAGS)
}

/// A reference that moved.
pub(crate) struct Moved<'a> {
    /// Its short name.
    pub revision: &'a str,
    /// Whether it is a tag.
    pub is_tag: bool,
    /// Whether it may be the default branch.
    pub is_default: bool,
}

impl Moved<'_> {
    /// Whether a source with this `targetRevision` follows the reference: Argo CD's `sourceRevisionHasChanged`. The name of
    /// a branch that ends in `/HEAD` is that branch besides, and a tag is believed to fit any range of versions, since
    /// reading a range is the business of whoever reads the repository.
    pub(crate) fn is_followed_by(&self, target: &str) -> bool {
        let short = parse_revision(target);
        if (short.is_empty() || short == "HEAD") && self.is_default {
            return true;
        }
        let named = if target.starts_with(HEADS) || target.starts_with(TAGS) { short } else { target };
        named == self.revision || (self.is_tag && is_version(self.revision) && is_range(named))
    }
}

/// Whether a tag can be in a range of versions.
fn is_version(tag: &str) -> bool {
    tag.trim_start_matches(['v', 'V']).starts_with(|first: char| first.is_ascii_digit())
}

/// Whether a revision may be a range: it has an operator, a wildcard, or fewer than three numbers.
fn is_range(revision: &str) -> bool {
    let ranged = ['*', '<', '>', '=', '~', '^', '|', ','];
    if revision.contains(ranged) {
        return true;
    }
    let numbers = revision.trim().trim_start_matches(['v', 'V']);
    let parts: Vec<&str> = numbers.split('.').collect();
    let is_part = |part: &&str| matches!(*part, "x" | "X") || part.bytes().all(|byte| byte.is_ascii_digit());
    parts.iter().all(is_part)
        && !parts.contains(&"")
        && (parts.len() < 3 || parts.iter().any(|part| matches!(*part, "x" | "X")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_those_of_upstream() {
        let cases = [
            ("refs/heads/main", "main"),
            ("refs/heads/feature/a/b", "feature/a/b"),
            ("refs/tags/v1.0", "v1.0"),
            ("main", "main"),
            ("feature/a", "a"),
            ("", ""),
            ("refs/heads/", ""),
        ];
        for (reference, short) in cases {
            assert_eq!(parse_revision(reference), short, "{reference}");
        }
    }

    fn follows(target: &str, reference: &str, is_default: bool) -> bool {
        let is_tag = is_tag(reference);
        Moved { revision: parse_revision(reference), is_tag, is_default }.is_followed_by(target)
    }

    #[test]
    fn head_and_nothing_are_the_default_branch() {
        for target in ["", "HEAD", "refs/heads/HEAD", "refs/remotes/HEAD"] {
            assert!(follows(target, "refs/heads/main", true), "{target}");
            assert!(!follows(target, "refs/heads/dev", false), "{target}");
        }
    }

    #[test]
    fn names_are_compared_as_they_are() {
        assert!(follows("main", "refs/heads/main", false));
        assert!(follows("refs/heads/main", "refs/heads/main", false));
        assert!(follows("refs/tags/v1.2.3", "refs/tags/v1.2.3", false));
        assert!(follows("feature/a", "refs/heads/feature/a", false));
        assert!(follows("x/HEAD", "refs/heads/x/HEAD", false));
        assert!(!follows("a", "refs/heads/feature/a", false));
        assert!(!follows("feature/a", "refs/heads/a", false));
        assert!(!follows("Main", "refs/heads/main", true));
        assert!(!follows("da39a3ee5e6b4b0d3255bfef95601890afd80709", "refs/heads/main", true));
    }

    #[test]
    fn ranges_follow_tags_that_are_versions() {
        for range in ["1.*", "v1.x", ">=1.2 <2", "~1.2", "^1", "*", "1.2", "v1", "refs/tags/1.*", "1 || 2"] {
            assert!(follows(range, "refs/tags/v1.2.3", false), "{range}");
            assert!(!follows(range, "refs/heads/main", false), "{range}");
            assert!(!follows(range, "refs/tags/nightly", false), "{range}");
        }
        assert!(!follows("1.*", "refs/heads/1.2.3", false), "a range is one of tags");
        for name in ["v1.2.4", "main", "release-x", "1.2.3.4"] {
            assert!(!follows(name, "refs/tags/v1.2.3", false), "{name}");
        }
    }
}
