//! Events that nobody should send: each is refused or taken for what little it says, none costs much.

use std::fmt::Write;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use mainstay_webhook::{Error, Received, Secrets, check_method, receive, receive_within};

use crate::{headers, received};

/// One event of each reader, with a payload.
const EVENTS: [(&[(&str, &str)], &str); 10] = [
    (&[("x-github-event", "push")], include_str!("payloads/github-push.json")),
    (&[("x-github-event", "pull_request")], include_str!("payloads/github-pull-request.json")),
    (&[("x-gitlab-event", "Push Hook")], include_str!("payloads/gitlab-push.json")),
    (&[("x-gitlab-event", "System Hook")], include_str!("payloads/gitlab-merge-request.json")),
    (&[("x-gogs-event", "push")], include_str!("payloads/gitea-push.json")),
    (&[("x-gogs-event", "pull_request")], include_str!("payloads/gitea-pull-request.json")),
    (&[("x-hook-uuid", "1"), ("x-event-key", "repo:push")], include_str!("payloads/bitbucket-push.json")),
    (&[("x-event-key", "repo:refs_changed")], include_str!("payloads/bitbucket-server-push.json")),
    (&[("x-vss-activityid", "1")], include_str!("payloads/azure-push.json")),
    (&[("x-vss-activityid", "1")], include_str!("payloads/azure-pull-request.json")),
];

fn is_bad(result: &Result<Received, Error>) -> bool {
    result.as_ref().is_err_and(|error| error.status() == StatusCode::BAD_REQUEST && error.to_string().len() < 500)
}

#[test]
fn nobody_known_is_refused() {
    assert_eq!(received(&[], "{}"), Err(Error::UnknownProvider));
    assert_eq!(received(&[("x-github-event", "")], "{}"), Err(Error::UnknownProvider));
    assert_eq!(received(&[("x-scm-event", "push")], "{}"), Err(Error::UnknownProvider));
    assert_eq!(Error::UnknownProvider.status(), StatusCode::BAD_REQUEST);
}

#[test]
fn an_event_has_a_name() {
    let missing = received(&[("x-hook-uuid", "1")], include_str!("payloads/bitbucket-push.json"));
    assert!(matches!(missing, Err(Error::MissingHeader { header: "x-event-key", .. })));
    let mut binary = HeaderMap::new();
    binary.insert("x-github-event", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
    assert!(is_bad(&receive(&binary, b"{}", &Secrets::default())));
    let Ok(Received::Ignored(why)) = received(&[("x-github-event", &"x".repeat(5000))], "{}") else {
        panic!("it is taken")
    };
    assert!(why.len() < 200, "{why}");
}

#[test]
fn methods_and_sizes() {
    assert_eq!(check_method(&Method::POST), Ok(()));
    let refusal = check_method(&Method::GET).unwrap_err();
    assert_eq!(refusal.status(), StatusCode::METHOD_NOT_ALLOWED);
    let (event, body) = EVENTS[0];
    let within = |limit| receive_within(&headers(event), body.as_bytes(), &Secrets::default(), limit);
    assert!(within(body.len()).is_ok());
    let refusal = within(body.len() - 1).unwrap_err();
    assert_eq!(refusal, Error::TooLarge { limit_bytes: body.len() - 1 });
    assert_eq!(refusal.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn forms_are_told_what_to_do() {
    let event = [("x-github-event", "push"), ("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    let refusal = received(&event, "payload=%7B%7D").unwrap_err();
    assert!(refusal.to_string().contains("application/json"), "{refusal}");
}

#[test]
fn what_is_no_json_object_is_refused() {
    for (event, _) in EVENTS {
        for body in ["", " ", "null", "[]", "\"push\"", "1", "{", "{\"a\": }", "{} {}", "{\"ref\": \"\\ud800\"}x"] {
            assert!(is_bad(&received(event, body)), "{event:?} {body:?}");
        }
    }
}

#[test]
fn what_is_cut_anywhere_is_refused() {
    for (event, body) in EVENTS {
        let body = body.trim_end();
        for end in (0..body.len()).step_by(17) {
            let cut = receive(&headers(event), &body.as_bytes()[..end], &Secrets::default());
            assert!(is_bad(&cut), "{event:?} {end}");
        }
    }
}

#[test]
fn what_is_no_text_is_refused() {
    let (event, body) = EVENTS[0];
    let mut bytes = body.as_bytes().to_vec();
    let at = body.find("refs/heads").unwrap();
    bytes[at] = 0xff;
    assert!(is_bad(&receive(&headers(event), &bytes, &Secrets::default())));
}

#[test]
fn depth_bombs_go_nowhere() {
    let deep = |depth: usize, at: &str| format!("{{\"{at}\": {}1{}}}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize, at: &str| format!("{{\"{at}\": {}1{}}}", "{\"a\":".repeat(depth), "}".repeat(depth));
    for (event, _) in EVENTS {
        for at in ["ref", "commits", "repository", "project", "push", "changes", "resource", "unheard_of"] {
            for body in [deep(1_000_000, at), objects(200_000, at)] {
                // A member that is not read is skipped, and what is left says nothing.
                let result = received(event, &body);
                assert!(is_bad(&result) || matches!(result, Ok(Received::Ignored(_))), "{event:?} {at}");
            }
        }
    }
}

/// Sets one member of a payload after the other to each of some values; none may do more than be refused.
#[test]
fn members_of_any_type_are_refused_or_taken() {
    let odd = [
        r#"null"#,
        "true",
        "-1",
        "1e400",
        "18446744073709551616",
        r#""""#,
        r#""\u0000""#,
        "[]",
        "[null]",
        "{}",
        "[[{}]]",
    ];
    for (event, body) in EVENTS {
        let value: serde_json::Value = serde_json::from_str(body).unwrap();
        for pointer in pointers(&value, String::new()) {
            for odd in odd {
                // Numbers that are too large cannot be held as a value, so the text is put in afterwards.
                let mut value = value.clone();
                *value.pointer_mut(&pointer).unwrap() = "@odd@".into();
                let result = received(event, &value.to_string().replace("\"@odd@\"", odd));
                assert!(result.is_ok() || is_bad(&result), "{event:?} {pointer} {odd} {result:?}");
            }
        }
    }
}

/// Pointers to every member and every item.
fn pointers(value: &serde_json::Value, at: String) -> Vec<String> {
    let children: Vec<(String, &serde_json::Value)> = match value {
        serde_json::Value::Object(members) => members.iter().map(|(name, child)| (name.clone(), child)).collect(),
        serde_json::Value::Array(items) => {
            items.iter().enumerate().map(|(at, child)| (at.to_string(), child)).collect()
        }
        _ => Vec::new(),
    };
    let below = children.into_iter().flat_map(|(name, child)| {
        let pointer = format!("{at}/{name}");
        let mut all = vec![pointer.clone()];
        all.extend(pointers(child, pointer));
        all
    });
    below.collect()
}

#[test]
fn what_an_event_is_about_must_be_there() {
    for (event, _) in EVENTS {
        let pull_request = r#"{"eventType": "git.push", "object_kind": "merge_request", "push": {}}"#;
        assert!(is_bad(&received(event, pull_request)), "{event:?}");
    }
    let nowhere = r#"{"ref": "refs/heads/main", "repository": {"html_url": "/etc/passwd", "clone_url": "file:///x"}}"#;
    assert!(matches!(received(EVENTS[0].0, nowhere), Err(Error::Missing { field: "repository.html_url", .. })));
    let nothing = r#"{"ref": "", "repository": {"html_url": "https://github.com/a/b"}}"#;
    assert!(matches!(received(EVENTS[0].0, nothing), Err(Error::Missing { field: "ref", .. })));
}

#[test]
fn millions_of_tiny_things_are_not_kept() {
    let commits = "{},".repeat(1_000_000);
    let body = format!(
        r#"{{"ref": "refs/heads/main", "before": "1", "after": "2", "commits": [{commits}{{}}],
            "repository": {{"html_url": "https://github.com/a/b"}}}}"#
    );
    let Ok(Received::Push(push)) = received(EVENTS[0].0, &body) else { panic!("it is a push") };
    assert_eq!(push.changed_files, None);
    let change = r#"{"ref":{"id":"a"}},"#.repeat(200_000);
    let links = r#"{"href":"https://a/b"},"#.repeat(1000);
    let body = format!(r#"{{"changes": [{change}null], "repository": {{"links": {{"clone": [{links}null]}}}}}}"#);
    let Ok(Received::Push(push)) = received(&[("x-event-key", "repo:refs_changed")], &body) else {
        panic!("it is a push")
    };
    assert_eq!((push.updates.len(), push.urls.len()), (0, 16));
    assert!(push.concerns_revision("whatever"), "what is too much to be told apart may be anything");
}

#[test]
fn many_files_are_as_good_as_unknown() {
    let mut commits = String::new();
    for commit in 0..51 {
        let files: Vec<String> = (0..2000).map(|file| format!("\"{commit}/{file}\"")).collect();
        write!(commits, "{{\"added\": [{}]}},", files.join(",")).unwrap();
    }
    let body = format!(
        r#"{{"ref": "refs/heads/main", "before": "1", "after": "2", "commits": [{}],
            "repository": {{"html_url": "https://github.com/a/b"}}}}"#,
        commits.trim_end_matches(',')
    );
    let Ok(Received::Push(push)) = received(EVENTS[0].0, &body) else { panic!("it is a push") };
    assert_eq!(push.changed_files, None);
}
