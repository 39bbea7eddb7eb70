//! The pages of `docs/errors/`, in the binary. Pure. It must not know when a code is given.

macro_rules! pages {
    ($($code:literal),+ $(,)?) => {
        &[$(($code, include_str!(concat!("../../../../../docs/errors/", $code, ".md")))),+]
    };
}

/// Code and text of every page, sorted by code.
const PAGES: &[(&str, &str)] = pages![
    "ApplyFailed",
    "ComparisonError",
    "ContainersNotReady",
    "CrashLoopBackOff",
    "DegradedResourceWarning",
    "ExpressionFailed",
    "FailedCreate",
    "HydrationError",
    "ImagePullBackOff",
    "InvalidResourceGraph",
    "InvalidSpec",
    "InvalidSpecError",
    "Missing",
    "NotReady",
    "OrphanedResourceWarning",
    "PinnedRevisionWarning",
    "ProgressDeadlineExceeded",
    "PruneWarning",
    "RepeatedResourceWarning",
    "SharedResourceWarning",
    "SyncError",
    "SyncWindowWarning",
    "Unschedulable",
    "UnsupportedFeatureError",
];

/// What a line with a page's further codes begins with.
const ALSO: &str = "Also: ";

/// What is known about a code.
#[derive(Clone, Copy)]
pub(super) struct Page {
    /// The code.
    pub(super) code: &'static str,
    /// All of it, as Markdown.
    pub(super) text: &'static str,
}

impl Page {
    /// Other codes that mean the same.
    pub(super) fn also(self) -> impl Iterator<Item = &'static str> {
        let line = self.text.lines().find_map(|line| line.strip_prefix(ALSO)).unwrap_or_default();
        line.split(", ").map(|code| code.trim_matches('`')).filter(|code| !code.is_empty())
    }

    /// The sentence that says what it means.
    pub(super) fn summary(self) -> &'static str {
        let mut lines = self.text.lines().skip(1).filter(|line| !line.is_empty() && !line.starts_with(ALSO));
        lines.next().unwrap_or_default()
    }
}

/// All pages, sorted by code.
pub(super) fn all() -> impl Iterator<Item = Page> {
    PAGES.iter().map(|(code, text)| Page { code, text })
}

/// All codes that have a page.
pub(super) fn codes() -> impl Iterator<Item = &'static str> {
    all().flat_map(|page| std::iter::once(page.code).chain(page.also()))
}

/// The page on a code, in any case.
pub(super) fn find(code: &str) -> Option<Page> {
    let is_it = |known: &str| known.eq_ignore_ascii_case(code);
    all().find(|page| is_it(page.code) || page.also().any(is_it))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Condition types and reasons that the engines write where a person looks.
    const WRITTEN: [&str; 17] = [
        "ComparisonError",
        "DegradedResourceWarning",
        "InvalidSpecError",
        "SyncError",
        "RepeatedResourceWarning",
        "UnsupportedFeatureError",
        "UnsupportedFeatureWarning",
        "PruneWarning",
        "SharedResourceWarning",
        "PinnedRevisionWarning",
        "SyncWindowWarning",
        "HydrationError",
        "InvalidSpec",
        "ExpressionFailed",
        "ApplyFailed",
        "NotReady",
        "InvalidResourceGraph",
    ];

    #[test]
    fn every_reason_that_is_told_has_a_page() {
        let told = mainstay_portal::model::known_reasons().chain(WRITTEN);
        let missing: Vec<_> = told.filter(|reason| find(reason).is_none()).collect();
        assert!(missing.is_empty(), "docs/errors/ has no page on {missing:?}");
    }

    #[test]
    fn every_page_says_what_where_and_what_to_do() {
        for page in all() {
            assert!(page.text.starts_with(&format!("# {}\n\n", page.code)), "{}", page.code);
            assert!(page.summary().ends_with('.'), "{}: {:?}", page.code, page.summary());
            for heading in ["\n## Where to look\n", "\n## What to do\n"] {
                assert_eq!(page.text.matches(heading).count(), 1, "{}: {heading:?}", page.code);
            }
        }
    }

    #[test]
    fn every_file_is_in_the_binary_and_every_code_is_on_one_page() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let files: BTreeSet<_> = files.collect();
        assert_eq!(files, all().map(|page| format!("{}.md", page.code)).collect());
        assert_eq!(codes().count(), codes().collect::<BTreeSet<_>>().len());
        assert!(all().map(|page| page.code).is_sorted());
    }

    #[test]
    fn found_by_any_of_its_codes() {
        assert_eq!(find("errimagepull").unwrap().code, "ImagePullBackOff");
        assert!(find("Nonsense").is_none());
    }
}
