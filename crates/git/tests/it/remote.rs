//! A repository on another server: the host itself, read by somebody who does not know that it is near.

use std::sync::Arc;

use mainstay_git::{Account, Change, Class, Error};

use crate::world::{World, commit_all, git, new_commit};

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_is_mirrored_and_followed() {
    let world = World::new().await;
    let work = world.pushed("apps").await;
    git(&work, &["tag", "-a", "v1", "-m", "one"]).await;
    git(&work, &["push", "-q", "origin", "v1", "HEAD:refs/heads/a"]).await;
    let (stranger, url) = (world.stranger(), world.url("apps"));
    let first = git(&work, &["rev-parse", "HEAD"]).await;
    for revision in ["main", "v1", "HEAD", "a", &first, &first[..8]] {
        assert_eq!(stranger.resolve(&url, revision).await.unwrap().sha, first, "{revision}");
    }
    assert_eq!(stranger.tree(&url, &first, "").await.unwrap().files.len(), 2);

    std::fs::write(work.join("new"), "x").unwrap();
    let second = commit_all(&work, "second").await;
    git(&work, &["push", "-q", "origin", "main", ":refs/heads/a", "HEAD:refs/heads/a/b"]).await;
    let found = futures::future::join_all((0..8).map(|_| stranger.resolve(&url, "main"))).await;
    assert!(found.into_iter().all(|commit| commit.unwrap().sha == second));
    assert_eq!(stranger.resolve(&url, "a/b").await.unwrap().sha, second);
    let error = stranger.resolve(&url, "a").await.unwrap_err();
    assert!(error.to_string().contains("a/b, main"), "{error}");
    assert_eq!(stranger.changed_paths(&url, &first, &second).await.unwrap().len(), 1);

    // A commit that is here needs no network.
    let offline = world.stranger();
    assert_eq!(offline.tree(&url, &second, "").await.unwrap().files.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_behind_a_password_is_read_and_written_with_an_account() {
    let world = World::new().await;
    let work = world.pushed("apps").await;
    let first = git(&work, &["rev-parse", "HEAD"]).await;
    let (stranger, url) = (world.stranger(), format!("{}/apps.git", world.guarded("secret").await));
    let denied = stranger.resolve(&url, "main").await.unwrap_err();
    assert!(matches!(denied, Error::AccessDenied { .. }), "{denied:?}");

    let known = url.clone();
    stranger.set_accounts(Arc::new(move |asked| {
        (asked == known).then(|| Account { username: "ada".to_owned(), password: "secret".to_owned() })
    }));
    assert_eq!(stranger.resolve(&url, "main").await.unwrap().sha, first);
    let commit = new_commit(vec![Change::write("b.txt", "b")]);
    let second = stranger.commit_files(&url, commit).await.unwrap();
    assert_eq!(stranger.resolve(&url, "main").await.unwrap().sha, second);

    stranger.set_accounts(Arc::new(|_| Some(Account { username: "ada".to_owned(), password: "wrong".to_owned() })));
    let denied = stranger.resolve(&url, "main").await.unwrap_err();
    assert!(matches!(denied, Error::AccessDenied { .. }) && !denied.to_string().contains("wrong"), "{denied:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_force_push_is_followed() {
    let world = World::new().await;
    let work = world.pushed("apps").await;
    let (stranger, url) = (world.stranger(), world.url("apps"));
    stranger.resolve(&url, "main").await.unwrap();
    git(&work, &["commit", "-q", "--amend", "-m", "other"]).await;
    let amended = git(&work, &["rev-parse", "HEAD"]).await;
    git(&work, &["push", "-q", "-f", "origin", "main"]).await;
    assert_eq!(stranger.resolve(&url, "main").await.unwrap().sha, amended);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_their_class() {
    let world = World::new().await;
    world.host.create("empty").await.unwrap();
    let stranger = world.stranger();
    let error = stranger.resolve(&world.url("nope"), "main").await.unwrap_err();
    assert!(matches!(error, Error::RepositoryNotFound { .. }), "{error:?}");
    assert_eq!(error.class(), Class::Terminal);
    let error = stranger.resolve("http://127.0.0.1:1/x.git", "main").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!(error.class(), Class::Retry);
    let error = stranger.resolve(&world.url("empty"), "main").await.unwrap_err();
    assert!(error.to_string().contains("push a commit first"), "{error}");
    let error = stranger.resolve("git@example.com:a/b.git", "main").await.unwrap_err();
    assert!(error.to_string().contains("use the https URL"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_pushed_to_a_remote() {
    let world = World::new().await;
    world.host.create("apps").await.unwrap();
    let (stranger, url) = (world.stranger(), world.url("apps"));
    let mut pushes = world.host.pushes();
    let commit = |name: &str| new_commit(vec![Change::write(name, "x")]);
    let first = stranger.commit_files(&url, commit("a")).await.unwrap();
    assert_eq!(pushes.try_recv().unwrap().updates[0].new, Some(first.clone()));
    assert_eq!(stranger.commit_files(&url, commit("a")).await.unwrap(), first, "nothing changed");
    let others = (0..3).map(|i| world.host.commit_files("apps", commit(&format!("h{i}"))));
    let (ours, _) = tokio::join!(stranger.commit_files(&url, commit("b")), futures::future::join_all(others));
    ours.unwrap();
    let head = stranger.resolve(&url, "main").await.unwrap().sha;
    assert_eq!(stranger.tree(&url, &head, "").await.unwrap().files.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checked_out_branch_is_left_alone() {
    let world = World::new().await;
    let work = world.pushed("apps").await;
    let error = world.stranger().commit_files(work.to_str().unwrap(), new_commit(vec![])).await.unwrap_err();
    assert!(matches!(error, Error::CheckedOut { .. }), "{error}");
}
