//! Events of git hosts, whose first line says what the headers are: what is received is of the repository that it names,
//! and no text is taken badly as a URL, a revision, or a path.
#![no_main]

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use mainstay_webhook::{Error, PathFilter, Received, Secrets, identity, receive};

const HEADERS: [&str; 16] = [
    "x-github-event",
    "x-gitlab-event",
    "x-gogs-event",
    "x-hook-uuid",
    "x-event-key",
    "x-vss-activityid",
    "x-hub-signature-256",
    "x-hub-signature",
    "x-gitlab-token",
    "x-gogs-signature",
    "authorization",
    "content-type",
    "x-gitea-event",
    "x-gitea-signature",
    "x-forgejo-event",
    "x-forgejo-signature",
];
const KEYS: [&str; 7] = [
    "webhook.github.secret",
    "webhook.gitlab.secret",
    "webhook.bitbucket.uuid",
    "webhook.bitbucketserver.secret",
    "webhook.gogs.secret",
    "webhook.azuredevops.username",
    "webhook.azuredevops.password",
];

fuzz_target!(|data: &[u8]| {
    let mut halves = data.splitn(2, |byte| *byte == b'\n');
    let (first, body) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    let headers = headers(first);
    if let Ok(received) = receive(&headers, body, &Secrets::default()) {
        sound(&received);
    }
    // Nobody who does not know the secret is believed; only a trial of Bitbucket Server needs none.
    match receive(&headers, body, &secrets()) {
        Ok(received) => assert_eq!(received, Received::Ping, "{headers:?}"),
        Err(error) => refused(&error),
    }
    if let Ok(text) = std::str::from_utf8(data) {
        texts(text);
    }
});

/// Headers out of `a=value;b=value`, where a letter stands for a name.
fn headers(line: &[u8]) -> HeaderMap {
    let pair = |text: &[u8]| {
        let (letter, value) = text.split_first()?;
        let name = HEADERS[usize::from(letter.wrapping_sub(b'a')) % HEADERS.len()];
        let value = HeaderValue::from_bytes(value.strip_prefix(b"=").unwrap_or(value)).ok()?;
        Some((HeaderName::from_static(name), value))
    };
    line.split(|byte| *byte == b';').filter_map(pair).collect()
}

/// Secrets that no input guesses.
fn secrets() -> Secrets {
    let secret = |key: &&str| ((*key).to_owned(), b"3b8e1f5c-s3cret-2d7a".to_vec());
    Secrets::from_data(&KEYS.iter().map(secret).collect::<BTreeMap<_, _>>())
}

fn refused(error: &Error) {
    let said = error.to_string();
    assert!(said.len() < 1000 && !said.contains("s3cret"), "{said}");
    assert!(error.status().is_client_error());
}

fn sound(received: &Received) {
    match received {
        Received::Push(push) => {
            assert!(!push.urls.is_empty());
            for url in &push.urls {
                assert!(push.is_of(url), "{url:?}");
            }
            let is_named =
                |reference: &str| reference.starts_with("refs/heads/") || reference.starts_with("refs/tags/");
            for update in push.updates.iter().filter(|update| is_named(&update.reference)) {
                assert!(push.concerns_revision(&update.reference), "{update:?}");
            }
            assert!(!push.touches_default_branch() || push.concerns_revision("HEAD"));
            assert!(PathFilter::new("/", "").concerns(push));
        }
        Received::PullRequest(pull_request) => {
            for url in pull_request.urls.iter().filter(|url| identity(url).is_some()) {
                assert!(pull_request.is_of(url) && pull_request.is_on(url), "{url:?}");
            }
        }
        Received::Ping => {}
        Received::Ignored(why) => assert!(why.len() < 1000, "{why}"),
    }
}

fn texts(text: &str) {
    if let Some(found) = identity(text) {
        assert!(!found.host().is_empty() && !found.path().is_empty(), "{text:?}");
    }
    let (annotation, file) = text.split_once('\n').unwrap_or((text, "a"));
    let filter = PathFilter::new(annotation, "apps/web");
    assert_eq!(
        filter.covers(file),
        PathFilter::new(annotation, "/apps/./web/").covers(&format!("/{file}")),
        "{text:?}"
    );
}
