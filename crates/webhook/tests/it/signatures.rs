//! Who is believed. The HMACs are not this crate's own: they are what
//! `openssl dgst -sha256 -hmac s3cret payloads/github-push.json` (or `-sha1`, and the other payloads) prints.

use http::StatusCode;
use mainstay_webhook::{Error, Received, Secrets, receive};

use crate::{headers, received, secrets};

const GITHUB: &str = include_str!("payloads/github-push.json");
const GITHUB_SHA256: &str = "9dc7fd4f16fdf697443effc9b87f06eefeea09644375ad5f5bb0e66df5487851";
const GITHUB_SHA1: &str = "52fdb34918304d48f1ff1fe695e77191e6b92b41";
const GITEA: &str = include_str!("payloads/gitea-push.json");
const GITEA_SHA256: &str = "dd7e223e936d9e5f429a4c86ec2c1d7b025ce4989f3c32a0260efaf5e74d4077";
const BITBUCKET_SERVER: &str = include_str!("payloads/bitbucket-server-push.json");
const BITBUCKET_SERVER_SHA256: &str = "5d944e83a73a162f3b64eeca26498e2ff894b86d3e7c2e6d01ce4553dc3b70da";

/// All secrets of all git hosts.
fn all() -> Secrets {
    secrets(&[
        ("webhook.github.secret", "s3cret"),
        ("webhook.gitlab.secret", "s3cret"),
        ("webhook.bitbucket.uuid", "{1b2c-3d}"),
        ("webhook.bitbucketserver.secret", "s3cret"),
        ("webhook.gogs.secret", "s3cret"),
        ("webhook.azuredevops.username", "argo"),
        ("webhook.azuredevops.password", "pa:ss"),
    ])
}

/// Sends an event with one more header, and says how it is taken: believed, not believed, or not signed.
fn verdict(event: (&'static str, &str), header: Option<(&'static str, &str)>, body: &str) -> &'static str {
    let pairs: Vec<_> = [event].into_iter().chain(header).collect();
    match receive(&headers(&pairs), body.as_bytes(), &all()) {
        Ok(Received::Push(_)) => "believed",
        Err(error @ Error::WrongSignature { .. }) => refused(&error, "wrong"),
        Err(error @ Error::Unsigned { .. }) => refused(&error, "unsigned"),
        other => panic!("{other:?}"),
    }
}

/// Every refusal is a 400, to be told to the operator, and keeps what it compared to itself.
fn refused(error: &Error, verdict: &'static str) -> &'static str {
    assert_eq!(error.status(), StatusCode::BAD_REQUEST);
    assert!(error.is_unauthenticated());
    let said = format!("{error} {error:?}");
    for hidden in ["s3cret", "pa:ss", "1b2c-3d", "wr0ng", GITHUB_SHA256, GITEA_SHA256] {
        assert!(!said.contains(hidden), "{said}");
    }
    verdict
}

#[test]
fn github() {
    let check = |header: Option<(&'static str, &str)>| verdict(("x-github-event", "push"), header, GITHUB);
    let sha256 = format!("sha256={GITHUB_SHA256}");
    assert_eq!(check(Some(("x-hub-signature-256", &sha256))), "believed");
    assert_eq!(check(Some(("x-hub-signature-256", GITHUB_SHA256))), "believed");
    assert_eq!(check(Some(("x-hub-signature", &format!("sha1={GITHUB_SHA1}")))), "believed");
    assert_eq!(check(None), "unsigned");
    assert_eq!(check(Some(("x-hub-signature-256", ""))), "unsigned");
    let cut = &sha256[..sha256.len() - 2];
    let flipped = sha256.replace("9d", "9c");
    for wrong in [cut, flipped.as_str(), "sha256=", "sha256", "wr0ng", "sha1=52fdb34918304d48f1ff1fe695e77191e6b92b41"]
    {
        assert_eq!(check(Some(("x-hub-signature-256", wrong))), "wrong", "{wrong}");
    }
    assert_eq!(check(Some(("x-hub-signature", &sha256))), "wrong", "the old header has the old hash");
}

#[test]
fn a_body_that_was_changed_is_not_believed() {
    let header = Some(("x-hub-signature-256", GITHUB_SHA256));
    assert_eq!(verdict(("x-github-event", "push"), header, &format!("{GITHUB} ")), "wrong");
    assert_eq!(verdict(("x-github-event", "push"), header, &GITHUB.replace("main", "evil")), "wrong");
}

#[test]
fn the_old_hash_does_not_help_where_the_new_one_is_wrong() {
    let sha1 = format!("sha1={GITHUB_SHA1}");
    let pairs = [("x-github-event", "push"), ("x-hub-signature", sha1.as_str()), ("x-hub-signature-256", "sha256=00")];
    let refusal = receive(&headers(&pairs), GITHUB.as_bytes(), &all());
    assert!(matches!(refusal, Err(Error::WrongSignature { header: "x-hub-signature-256", .. })));
}

#[test]
fn gogs_gitea_and_forgejo() {
    let check = |header: Option<(&'static str, &str)>| verdict(("x-gogs-event", "push"), header, GITEA);
    for name in ["x-gogs-signature", "x-gitea-signature", "x-forgejo-signature"] {
        assert_eq!(check(Some((name, GITEA_SHA256))), "believed");
        assert_eq!(check(Some((name, GITHUB_SHA256))), "wrong");
    }
    assert_eq!(check(None), "unsigned");
    let sha256 = format!("sha256={GITEA_SHA256}");
    assert_eq!(check(Some(("x-hub-signature-256", &sha256))), "unsigned", "it is Gitea, not GitHub");
}

#[test]
fn bitbucket_server() {
    let check =
        |header: Option<(&'static str, &str)>| verdict(("x-event-key", "repo:refs_changed"), header, BITBUCKET_SERVER);
    assert_eq!(check(Some(("x-hub-signature", &format!("sha256={BITBUCKET_SERVER_SHA256}")))), "believed");
    assert_eq!(check(Some(("x-hub-signature", "sha256=wr0ng"))), "wrong");
    assert_eq!(check(Some(("x-hub-signature", "sha"))), "wrong");
    assert_eq!(check(None), "unsigned");
    let ping = receive(&headers(&[("x-event-key", "diagnostics:ping")]), b"", &all());
    assert_eq!(ping, Ok(Received::Ping), "its trial is not signed");
}

#[test]
fn gitlab() {
    let body = include_str!("payloads/gitlab-push.json");
    let check = |header: Option<(&'static str, &str)>| verdict(("x-gitlab-event", "Push Hook"), header, body);
    assert_eq!(check(Some(("x-gitlab-token", "s3cret"))), "believed");
    for wrong in ["wr0ng", "s3cre", "s3crets", "S3CRET", ""] {
        assert_eq!(check(Some(("x-gitlab-token", wrong))), "wrong", "{wrong}");
    }
    assert_eq!(check(None), "unsigned");
}

#[test]
fn bitbucket_cloud() {
    let body = include_str!("payloads/bitbucket-push.json");
    let check = |uuid: &str| verdict(("x-event-key", "repo:push"), Some(("x-hook-uuid", uuid)), body);
    assert_eq!(check("1b2c-3d"), "believed");
    assert_eq!(check("{1b2c-3d}"), "believed");
    assert_eq!(check("{1b2c-3d"), "wrong");
    assert_eq!(check("wr0ng"), "wrong");
}

#[test]
fn azure_devops() {
    let body = include_str!("payloads/azure-push.json");
    let check = |header: Option<(&'static str, &str)>| verdict(("x-vss-activityid", "a"), header, body);
    // printf 'argo:pa:ss' | base64
    assert_eq!(check(Some(("authorization", "Basic YXJnbzpwYTpzcw=="))), "believed");
    assert_eq!(check(Some(("authorization", "basic YXJnbzpwYTpzcw=="))), "believed");
    // argo:pa, argo, a:b, :pa:ss, and what is not base64, or no basic authentication
    let wrong =
        ["Basic YXJnbzpwYQ==", "Basic YXJnbw==", "Basic YTpi", "Basic OnBhOnNz", "Basic !", "Basic", "Bearer x", ""];
    for wrong in wrong {
        assert_eq!(check(Some(("authorization", wrong))), "wrong", "{wrong}");
    }
    assert_eq!(check(None), "unsigned");
}

#[test]
fn without_a_secret_everybody_is_believed() {
    assert!(matches!(received(&[("x-github-event", "push")], GITHUB), Ok(Received::Push(_))));
    let others = secrets(&[("webhook.gitlab.secret", "s3cret"), ("webhook.github.secret", "")]);
    let taken = receive(&headers(&[("x-github-event", "push")]), GITHUB.as_bytes(), &others);
    assert!(matches!(taken, Ok(Received::Push(_))), "a secret protects the events of its own git host");
}

#[test]
fn the_signature_is_looked_at_before_the_payload() {
    for event in ["push", "issues", "ping"] {
        let refusal = receive(&headers(&[("x-github-event", event)]), b"no JSON", &all());
        assert!(matches!(refusal, Err(Error::Unsigned { .. })), "{event}");
    }
}
