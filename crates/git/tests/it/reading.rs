//! Revisions, trees and differences of repositories that are read in place.

use mainstay_git::{Class, Error, PathStatus, SkipReason};

use crate::world::{World, commit_all, git};

#[tokio::test(flavor = "multi_thread")]
async fn revisions_of_every_kind() {
    let world = World::new().await;
    let work = world.pushed("apps").await;
    let sha = git(&work, &["rev-parse", "HEAD"]).await;
    git(&work, &["tag", "-a", "v1", "-m", "one"]).await;
    git(&work, &["tag", "light"]).await;
    git(&work, &["push", "-q", "origin", "v1", "light", "HEAD:refs/heads/feature/x"]).await;
    let local = work.to_str().unwrap().to_owned();
    let file_url = format!("file://{}", world.path("repositories/apps.git").display());
    let urls = [world.url("apps"), world.url("apps").replace("127.0.0.1", "localhost"), file_url, local];
    for url in &urls {
        for revision in ["main", "HEAD", "", "v1", "light", "refs/tags/v1", "1.*", ">=1 <2", &sha, &sha[..7]] {
            let commit = world.repositories.resolve(url, revision).await.unwrap();
            assert_eq!(commit.sha, sha, "{url} {revision}");
            assert_eq!((commit.subject(), commit.author.name.as_str()), ("first", "Ada"));
        }
    }
    assert_eq!(world.repositories.resolve(&urls[0], "feature/x").await.unwrap().sha, sha);
    let names: Vec<_> = world.repositories.references(&urls[0]).await.unwrap().into_iter().map(|r| r.name).collect();
    assert_eq!(names, ["refs/heads/feature/x", "refs/heads/main", "refs/tags/light", "refs/tags/v1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_says_what_is() {
    let world = World::new().await;
    world.pushed("apps").await;
    world.host.create("empty").await.unwrap();
    let error = world.repositories.resolve(&world.url("apps"), "mian").await.unwrap_err();
    assert!(error.to_string().contains("it has the branches main"), "{error}");
    assert_eq!(error.class(), Class::Terminal);
    let error = world.repositories.resolve(&world.url("empty"), "HEAD").await.unwrap_err();
    assert!(error.to_string().contains("push a commit first"), "{error}");
    for url in [world.url("nope"), "/nonexistent".to_owned(), world.dir.path().display().to_string()] {
        let error = world.repositories.resolve(&url, "main").await.unwrap_err();
        assert!(matches!(error, Error::RepositoryNotFound { .. }), "{url}: {error:?}");
    }
    let error = world.repositories.tree(&world.url("apps"), "main", "x").await.unwrap_err();
    assert!(matches!(error, Error::RevisionNotFound { .. }), "tree wants a SHA: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trees_are_sorted_and_say_what_they_leave_out() {
    let world = World::new().await;
    let work = world.pushed("apps").await;
    std::os::unix::fs::symlink("/etc/passwd", work.join("app/link")).unwrap();
    std::fs::write(work.join("app.yaml"), "x").unwrap();
    std::fs::write(work.join("app/huge"), vec![b'x'; 11 * 1024 * 1024]).unwrap();
    git(&work, &["add", "-A"]).await;
    git(&work, &["update-index", "--add", "--cacheinfo", &format!("160000,{},app/module", "1".repeat(40))]).await;
    git(&work, &["commit", "-q", "-m", "odd things"]).await;
    let sha = git(&work, &["rev-parse", "HEAD"]).await;
    git(&work, &["push", "-q", "origin", "main"]).await;
    let url = world.url("apps");

    let tree = world.repositories.tree(&url, &sha, "").await.unwrap();
    let paths: Vec<&str> = tree.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["README.md", "app.yaml", "app/dev/application.yaml"]);
    assert_eq!(&tree.files[0].bytes[..], b"hello\n");
    assert_eq!(tree.skipped.len(), 3, "{:?}", tree.skipped);
    assert!(matches!(tree.skipped[0].reason, SkipReason::TooLarge { .. }));
    assert_eq!(tree.skipped[1].to_string(), "app/link is a symlink to /etc/passwd and was not followed");
    assert!(matches!(tree.skipped[2].reason, SkipReason::Submodule { .. }));

    let only = world.repositories.tree_where(&url, &sha, "./app/", |path| path.ends_with(".yaml")).await.unwrap();
    assert_eq!((only.files.len(), only.skipped.len()), (1, 0));
    let file = world.repositories.tree(&url, &sha, "app/dev/application.yaml").await.unwrap();
    assert_eq!(file.files[0].path, "app/dev/application.yaml");
    let error = world.repositories.tree(&url, &sha, "nope").await.unwrap_err();
    assert!(matches!(error, Error::PathNotFound { .. }), "{error}");
    assert!(world.repositories.tree(&url, &sha, "../x").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_between_commits() {
    let world = World::new().await;
    let work = world.pushed("apps").await;
    let first = git(&work, &["rev-parse", "HEAD"]).await;
    std::fs::write(work.join("README.md"), "changed\n").unwrap();
    git(&work, &["mv", "app", "moved"]).await;
    let second = commit_all(&work, "second").await;
    git(&work, &["push", "-q", "origin", "main"]).await;
    let url = world.url("apps");
    let changed = world.repositories.changed_paths(&url, &first, &second).await.unwrap();
    let changed: Vec<_> = changed.iter().map(|change| (change.path.as_str(), change.status)).collect();
    let expected = [
        ("README.md", PathStatus::Modified),
        ("app/dev/application.yaml", PathStatus::Deleted),
        ("moved/dev/application.yaml", PathStatus::Added),
    ];
    assert_eq!(changed, expected);
    let before = world.repositories.tree_oid(&url, &first, "app").await.unwrap();
    assert!(before.is_some());
    assert_eq!(before, world.repositories.tree_oid(&url, &second, "moved").await.unwrap());
    assert_eq!(world.repositories.tree_oid(&url, &second, "app").await.unwrap(), None);
    assert_eq!(world.repositories.commit(&url, &second).await.unwrap().parents, [first]);
}
