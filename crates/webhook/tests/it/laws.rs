//! What holds for any URL: whatever Argo CD's pattern takes for the same repository is the same here.

use std::sync::LazyLock;

use mainstay_webhook::{Received, identity};
use proptest::prelude::*;
use regex::Regex;

use crate::received;

/// Paths of pages.
const PATHS: [&str; 5] = ["org/app", "42/app", "app", "a%20b/c", "22/org/app"];

/// The patterns of Argo CD's `GetWebURLRegex` for pages with these paths. Go's `\w` is ASCII.
static UPSTREAM: LazyLock<[Regex; 5]> = LazyLock::new(|| PATHS.map(|path| upstream("git.example.com", path)));

fn upstream(host: &str, path: &str) -> Regex {
    let (host, path) = (regex::escape(host), regex::escape(path));
    let user = r"[0-9A-Za-z_.][0-9A-Za-z_.-]{0,30}[0-9A-Za-z_.$-]?";
    Regex::new(&format!(r"(?i)^((https?|ssh)://)?({user}@)?((alt)?ssh\.)?{host}(:[0-9]+)?[:/]{path}(\.git)?$")).unwrap()
}

fn is_of(page: &str, repo_url: &str) -> bool {
    let body = serde_json::json!({"ref": "refs/heads/main", "repository": {"html_url": page}});
    match received(&[("x-github-event", "push")], &body.to_string()) {
        Ok(Received::Push(push)) => push.is_of(repo_url),
        other => panic!("{page} is no page: {other:?}"),
    }
}

/// URLs much like those of a repository, right and wrong.
fn urls() -> impl Strategy<Value = String> {
    let scheme = prop::sample::select(vec!["", "http://", "https://", "ssh://", "HTTPS://", "file://", "://"]);
    let user = prop::sample::select(vec!["", "git@", "a.b-c@", "u:p@", "@", "git@git@"]);
    let subdomain = prop::sample::select(vec!["", "ssh.", "altssh.", "alt", "x."]);
    let host = prop::sample::select(vec!["git.example.com", "GIT.example.com", "example.com", "gitxexample.com"]);
    let port = prop::sample::select(vec!["", ":22", ":", ":x", ":22:33"]);
    let separator = prop::sample::select(vec!["/", ":", "", "//"]);
    let path = prop::sample::select(vec!["org/app", "Org/APP", "org/apps", "42/app", "org", "a%20b/c", "a b/c"]);
    let suffix = prop::sample::select(vec!["", ".git", ".GIT", ".git.git", "/", "?x", "#x"]);
    let front = (scheme, user, subdomain, host);
    (front, port, separator, path, suffix).prop_map(
        |((scheme, user, subdomain, host), port, separator, path, suffix)| {
            format!("{scheme}{user}{subdomain}{host}{port}{separator}{path}{suffix}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_upstream_takes_for_the_same_is_the_same(
        page in 0..PATHS.len(),
        scheme in prop::sample::select(vec!["http", "https"]),
        repo_url in urls(),
    ) {
        if UPSTREAM[page].is_match(&repo_url) {
            let page = format!("{scheme}://git.example.com:8443/{}", PATHS[page]);
            prop_assert!(is_of(&page, &repo_url), "{} {}", page, repo_url);
        }
    }

    #[test]
    fn scheme_user_and_case_make_no_difference(rest in "[a-z.]{1,8}(:[0-9]{1,3})?/[ -~ä]{0,20}") {
        let https = identity(&format!("https://{rest}"));
        prop_assert_eq!(&https, &identity(&format!("ssh://git@{rest}")));
        prop_assert_eq!(&https, &identity(&format!("HTTP://{}", rest.to_ascii_uppercase())));
    }

    #[test]
    fn any_text_has_an_identity_or_none(url in any::<String>()) {
        if let Some(identity) = identity(&url) {
            prop_assert!(!identity.host().is_empty() && !identity.path().is_empty());
        }
    }
}
