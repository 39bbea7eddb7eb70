//! One event of each kind, as its git host documents it.

use mainstay_webhook::{PathFilter, Provider, PullRequest, Push, Received};

use crate::received;

fn push(pairs: &[(&'static str, &str)], body: &str) -> Push {
    match received(pairs, body) {
        Ok(Received::Push(push)) => push,
        other => panic!("no push: {other:?}"),
    }
}

fn pull_request(pairs: &[(&'static str, &str)], body: &str) -> PullRequest {
    match received(pairs, body) {
        Ok(Received::PullRequest(pull_request)) => pull_request,
        other => panic!("no pull request: {other:?}"),
    }
}

/// Short names of what moved, with whether it was there before, is there now, and may be the default branch.
fn moves(push: &Push) -> Vec<(&str, bool, bool, bool)> {
    let row = |update: &'_ mainstay_webhook::RefUpdate| (update.before.is_some(), update.after.is_some());
    let rows = push.updates.iter().map(|update| (update, row(update)));
    rows.map(|(update, (before, after))| (update.revision.as_str(), before, after, update.touches_default_branch))
        .collect()
}

fn files(push: &Push) -> Option<Vec<&str>> {
    push.changed_files.as_ref().map(|files| files.iter().map(String::as_str).collect())
}

#[test]
fn github_pushes() {
    let push = push(&[("x-github-event", "push")], include_str!("payloads/github-push.json"));
    assert_eq!(push.provider, Provider::GitHub);
    assert_eq!(push.updates[0].reference, "refs/heads/main");
    assert_eq!(push.updates[0].before.as_deref(), Some("6113728f27ae82c7b1a177c8d03f9e96e0adf246"));
    assert_eq!(push.updates[0].after.as_deref(), Some("0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c"));
    assert_eq!(moves(&push), [("main", true, true, true)]);
    let changed = ["apps/db/statefulset.yaml", "apps/web/deployment.yaml", "apps/web/service.yaml"];
    assert_eq!(files(&push), Some(changed.to_vec()));
    assert!(push.is_of("git@github.com:Octo-Org/shop.git") && !push.is_of("https://github.com/octo-org/shops"));
    assert!(push.concerns_revision("HEAD") && push.concerns_revision("main") && !push.concerns_revision("dev"));
    assert!(PathFilter::new(".", "apps/web").concerns(&push));
    assert!(!PathFilter::new(".;/charts/*", "apps/mail").concerns(&push));
    assert!(PathFilter::new("", "apps/mail").concerns(&push), "without the annotation every push concerns");
}

#[test]
fn github_tags_do_not_move_the_default_branch() {
    let push = push(&[("x-github-event", "push")], include_str!("payloads/github-tag.json"));
    assert_eq!(moves(&push), [("v1.4.0", false, true, false)]);
    assert_eq!(files(&push), None);
    assert!(push.concerns_revision("refs/tags/v1.4.0") && push.concerns_revision("1.*"));
    assert!(!push.concerns_revision("HEAD") && !push.touches_default_branch());
    assert!(PathFilter::new(".", "apps/mail").concerns(&push), "files that are not known may have changed");
}

#[test]
fn a_forced_push_of_github_does_not_tell_what_it_threw_away() {
    let forced = include_str!("payloads/github-push.json").replace(r#""forced": false"#, r#""forced": true"#);
    assert_eq!(files(&push(&[("x-github-event", "push")], &forced)), None);
}

#[test]
fn github_pull_requests() {
    let body = include_str!("payloads/github-pull-request.json");
    let event = [("x-github-event", "pull_request")];
    let found = pull_request(&event, body);
    assert_eq!((found.provider, found.number, found.action.as_str()), (Provider::GitHub, 42, "synchronize"));
    assert_eq!((found.owner.as_str(), found.repository.as_str()), ("octo-org", "shop"));
    assert!(found.refreshes && found.is_of("https://github.com/octo-org/shop.git"));
    assert!(found.is_on("https://api.github.com/") && !found.is_on("https://ghe.example.com/api/v3"));
    for (action, refreshes) in
        [("labeled", true), ("closed", true), ("assigned", false), ("edited", false), ("", false)]
    {
        let body = body.replace("synchronize", action);
        assert_eq!(pull_request(&event, &body).refreshes, refreshes, "{action}");
    }
}

#[test]
fn github_pings_and_packages() {
    let ping = received(&[("x-github-event", "ping")], include_str!("payloads/github-ping.json"));
    assert_eq!(ping, Ok(Received::Ping));
    for event in ["package", "registry_package", "issues", "PUSH"] {
        let Ok(Received::Ignored(why)) = received(&[("x-github-event", event)], "{}") else {
            panic!("{event} is taken")
        };
        assert!(why.contains(event), "{why}");
    }
}

#[test]
fn gitlab_pushes() {
    let body = include_str!("payloads/gitlab-push.json");
    for event in ["Push Hook", "System Hook"] {
        let push = push(&[("x-gitlab-event", event)], body);
        assert_eq!(moves(&push), [("release/1.x", true, true, false)]);
        assert_eq!(files(&push), Some(vec!["CHANGELOG", "apps/web/Größe.yaml"]));
        assert!(push.is_of("ssh://git@gitlab.example.com:2222/platform/teams/shop.git"));
        assert!(push.concerns_revision("release/1.x") && push.concerns_revision("refs/heads/release/1.x"));
        assert!(!push.concerns_revision("") && !push.concerns_revision("1.x"));
    }
    let more = body.replace(r#""total_commits_count": 1"#, r#""total_commits_count": 21"#);
    assert_eq!(files(&push(&[("x-gitlab-event", "Push Hook")], &more)), None, "only the newest twenty are listed");
    let untold = body.replace(r#""total_commits_count": 1,"#, "");
    assert!(files(&push(&[("x-gitlab-event", "Push Hook")], &untold)).is_some());
    let nineteen = r#"{"added": ["a"]},"#.repeat(19);
    let twenty = untold.replace(r#""commits": ["#, &format!(r#""commits": [{nineteen}"#));
    assert_eq!(files(&push(&[("x-gitlab-event", "Push Hook")], &twenty)), None);
}

#[test]
fn gitlab_tags() {
    for event in ["Tag Push Hook", "System Hook"] {
        let push = push(&[("x-gitlab-event", event)], include_str!("payloads/gitlab-tag.json"));
        assert_eq!(moves(&push), [("v1.0.0", false, true, false)]);
    }
}

#[test]
fn gitlab_merge_requests() {
    let body = include_str!("payloads/gitlab-merge-request.json");
    for event in ["Merge Request Hook", "System Hook"] {
        let found = pull_request(&[("x-gitlab-event", event)], body);
        assert_eq!((found.number, found.action.as_str(), found.project_id), (7, "open", Some(15)));
        assert_eq!((found.owner.as_str(), found.repository.as_str()), ("platform/teams", "shop"));
        assert!(
            found.refreshes && found.is_on("https://gitlab.example.com/api/v4") && !found.is_on("https://gitlab.com/")
        );
    }
    let approved = body.replace(r#""action": "open""#, r#""action": "approved""#);
    assert!(!pull_request(&[("x-gitlab-event", "Merge Request Hook")], &approved).refreshes);
}

#[test]
fn other_system_hooks_of_gitlab_are_ignored() {
    for body in
        [r#"{"event_name": "project_create"}"#, "{}", r#"{"object_kind": null, "event_name": "repository_update"}"#]
    {
        assert!(matches!(received(&[("x-gitlab-event", "System Hook")], body), Ok(Received::Ignored(_))), "{body}");
    }
}

#[test]
fn gitea_calls_itself_github_too() {
    let all = [("x-github-event", "push"), ("x-gitea-event", "push"), ("x-gogs-event", "push")];
    let body = include_str!("payloads/gitea-push.json");
    for event in [&all[..], &[("x-gogs-event", "push")], &[("x-github-event", "push"), ("x-forgejo-event", "push")]] {
        let push = push(event, body);
        assert_eq!(push.provider, Provider::Gitea);
        assert_eq!(moves(&push), [("develop", true, true, false)]);
        assert_eq!(files(&push), Some(vec!["apps/web/banner.yaml"]));
        assert!(push.is_of("git@git.example.com:platform/shop"));
    }
    assert_eq!(files(&push(&all, &body.replace(r#""total_commits": 1"#, r#""total_commits": 6"#))), None);
}

#[test]
fn gogs_does_not_tell_how_many_commits_there_are() {
    let body = include_str!("payloads/gitea-push.json").replace(r#""total_commits": 1,"#, "");
    assert!(files(&push(&[("x-gogs-event", "push")], &body)).is_some());
    let commit = r#"{"added": ["a"]}"#;
    let five = body.replace(r#""commits": ["#, &format!(r#""commits": [{commit}, {commit}, {commit}, {commit}, "#));
    assert_eq!(
        files(&push(&[("x-gogs-event", "push")], &five)),
        None,
        "there may be more than the five that are listed"
    );
}

#[test]
fn gitea_pull_requests() {
    let event = [("x-gogs-event", "pull_request"), ("x-github-event", "pull_request")];
    let found = pull_request(&event, include_str!("payloads/gitea-pull-request.json"));
    assert_eq!((found.number, found.owner.as_str(), found.repository.as_str()), (12, "platform", "shop"));
    assert!(found.refreshes && found.is_on("https://git.example.com:3000"));
}

#[test]
fn one_event_of_bitbucket_moves_many_references() {
    let event = [("x-hook-uuid", "1b2c"), ("x-event-key", "repo:push")];
    let push = push(&event, include_str!("payloads/bitbucket-push.json"));
    assert_eq!(push.provider, Provider::Bitbucket);
    let expected = [("feature/banner", true, true, true), ("v2.0.0", false, true, false), ("old", true, false, true)];
    assert_eq!(moves(&push), expected);
    assert_eq!(push.updates[1].reference, "refs/tags/v2.0.0");
    for revision in ["feature/banner", "v2.0.0", "old", "HEAD", "^2"] {
        assert!(push.concerns_revision(revision), "{revision}");
    }
    assert!(!push.concerns_revision("main") && push.is_of("git@bitbucket.org:team_name/shop.git"));
    assert_eq!(files(&push), None);
}

#[test]
fn bitbucket_server_pushes() {
    let event = [("x-event-key", "repo:refs_changed")];
    let body = include_str!("payloads/bitbucket-server-push.json");
    let push = push(&event, body);
    assert_eq!(moves(&push), [("main", true, true, true), ("v1", false, true, false)]);
    for url in ["ssh://git@bitbucket.example.com:7999/plat/shop", "https://me@bitbucket.example.com/scm/PLAT/shop.git"]
    {
        assert!(push.is_of(url), "{url}");
    }
    let without = body.replace("\"clone\"", "\"other\"");
    assert!(matches!(received(&event, &without), Ok(Received::Ignored(why)) if why.contains("links.clone")));
}

#[test]
fn a_change_that_does_not_say_of_what_may_be_of_anything() {
    let server =
        include_str!("payloads/bitbucket-server-push.json").replace(r#""id": "refs/tags/v1""#, r#""id": null"#);
    let cloud = include_str!("payloads/bitbucket-push.json").replace(r#""name": "v2.0.0""#, r#""name": null"#);
    let azure = include_str!("payloads/azure-push.json").replace(r#""name": "refs/heads/main""#, r#""name": null"#);
    let pushes = [
        push(&[("x-event-key", "repo:refs_changed")], &server),
        push(&[("x-hook-uuid", "1"), ("x-event-key", "repo:push")], &cloud),
        push(&[("x-vss-activityid", "1")], &azure),
    ];
    for push in pushes {
        assert!(push.updates.is_empty() && push.concerns_revision("whatever") && push.touches_default_branch());
    }
}

#[test]
fn bitbucket_server_pings() {
    assert_eq!(received(&[("x-event-key", "diagnostics:ping")], r#"{"test": true}"#), Ok(Received::Ping));
    assert_eq!(received(&[("x-event-key", "diagnostics:ping")], ""), Ok(Received::Ping));
}

#[test]
fn azure_devops_pushes() {
    // It names its events in the payload only; the rest must not make it another git host.
    let event = [("x-vss-activityid", "a"), ("x-github-event", "push")];
    let push = push(&event, include_str!("payloads/azure-push.json"));
    assert_eq!(push.provider, Provider::AzureDevOps);
    assert_eq!(moves(&push), [("main", true, true, true)]);
    assert!(push.is_of("git@ssh.dev.azure.com:v3/fabrikam/Web%20Platform/Shop") && push.concerns_revision("HEAD"));
    assert_eq!(files(&push), None);
}

#[test]
fn azure_devops_pull_requests() {
    let event = [("x-vss-activityid", "a")];
    let body = include_str!("payloads/azure-pull-request.json");
    let found = pull_request(&event, body);
    assert_eq!((found.number, found.action.as_str()), (5, "git.pullrequest.updated"));
    assert_eq!((found.owner.as_str(), found.repository.as_str()), ("Web Platform", "Shop"));
    assert!(found.refreshes && found.is_of("https://dev.azure.com/fabrikam/Web%20Platform/_git/Shop"));
    let other = body.replace("git.pullrequest.updated", "workitem.updated");
    assert!(matches!(received(&event, &other), Ok(Received::Ignored(why)) if why.contains("workitem.updated")));
}
