//! Clone, push and fetch with the real git; events; what is refused.

use mainstay_git::{Change, Error, GitHost, HostOptions};

use crate::world::{NOW, World, commit_all, git, http_client, new_commit, try_git};

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_stored_and_told() {
    let world = World::new().await;
    let mut pushes = world.host.pushes();
    let work = world.pushed("apps").await;
    let sha = git(&work, &["rev-parse", "HEAD"]).await;

    // The event was sent before the push was answered, so it is here already.
    let push = pushes.try_recv().unwrap();
    assert_eq!(push.repo, "apps");
    assert_eq!(push.received_at.to_string(), NOW);
    assert_eq!(push.updates.len(), 1);
    assert_eq!(push.updates[0].branch(), Some("main"));
    assert_eq!((&push.updates[0].old, push.updates[0].new.as_ref()), (&None, Some(&sha)));

    std::fs::write(work.join("README.md"), "changed\n").unwrap();
    let second = commit_all(&work, "second").await;
    git(&work, &["tag", "-a", "v1", "-m", "one"]).await;
    git(&work, &["push", "-q", "origin", "main", "v1"]).await;
    let push = pushes.try_recv().unwrap();
    let names: Vec<&str> = push.updates.iter().map(|update| update.reference.as_str()).collect();
    assert_eq!(names, ["refs/heads/main", "refs/tags/v1"]);
    assert_eq!((push.updates[0].old.as_ref(), push.updates[0].new.as_ref()), (Some(&sha), Some(&second)));
    assert!(pushes.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_of_the_host_can_be_fetched() {
    let world = World::new().await;
    let work = world.pushed("apps").await;
    let sha = world.host.commit_files("apps", new_commit(vec![Change::write("b.txt", "b")])).await.unwrap();
    git(&work, &["pull", "-q", "--ff-only", "origin", "main"]).await;
    assert_eq!(git(&work, &["rev-parse", "HEAD"]).await, sha);
    assert_eq!(std::fs::read(work.join("b.txt")).unwrap(), b"b");
    git(&work, &["fsck", "--strict"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_push_is_streamed() {
    let world = World::new().await;
    let work = world.pushed("apps").await;
    // More than git's http.postBuffer, so that it is sent in chunks, and does not compress.
    let mut noise = 1_u64;
    let mut next = || {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (noise >> 56) as u8
    };
    std::fs::write(work.join("big"), (0..3_000_000).map(|_| next()).collect::<Vec<u8>>()).unwrap();
    let sha = commit_all(&work, "big").await;
    git(&work, &["push", "-q", "origin", "main"]).await;
    let again = world.path("again");
    git(world.dir.path(), &["clone", "-q", &world.url("apps"), again.to_str().unwrap()]).await;
    assert_eq!(git(&again, &["rev-parse", "HEAD"]).await, sha);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_pushes_are_each_told_once() {
    let world = World::new().await;
    let work = world.pushed("apps").await;
    let mut pushes = world.host.pushes();
    let push = |i: usize| {
        let (clone, url) = (world.path(&format!("clone-{i}")), world.url("apps"));
        async move {
            git(clone.parent().unwrap(), &["clone", "-q", &url, clone.to_str().unwrap()]).await;
            std::fs::write(clone.join("x"), i.to_string()).unwrap();
            commit_all(&clone, "x").await;
            git(&clone, &["push", "-q", "origin", &format!("HEAD:refs/heads/b{i}")]).await;
        }
    };
    futures::future::join_all((0..6).map(push)).await;
    let mut told: Vec<String> = Vec::new();
    while let Ok(push) = pushes.try_recv() {
        told.extend(push.updates.into_iter().map(|update| update.reference));
    }
    told.sort();
    assert_eq!(told, (0..6).map(|i| format!("refs/heads/b{i}")).collect::<Vec<_>>());

    // Deleting a branch is told too; deleting the default branch is refused.
    git(&work, &["push", "-q", "origin", ":refs/heads/b0"]).await;
    assert_eq!(pushes.try_recv().unwrap().updates[0].new, None);
    let refused = try_git(&work, &["push", "-q", "origin", ":refs/heads/main"]).await;
    assert!(!refused.status.success());
    assert!(pushes.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_root_is_served() {
    let world = World::new().await;
    world.host.create("apps").await.unwrap();
    let client = http_client();
    let refs = "info/refs?service=git-upload-pack";
    let bad = [
        format!("..%2f..%2fetc/{refs}"),
        format!("apps.git/..%2f..%2fx/{refs}"),
        format!("missing.git/{refs}"),
        format!("APPS.git/{refs}"),
        format!("%2e%2e/{refs}"),
        "apps.git/HEAD".to_owned(),
        "apps.git/objects/info/packs".to_owned(),
    ];
    for path in bad {
        let status = client.get(format!("{}/{path}", world.base)).send().await.unwrap().status();
        assert_eq!(status, 404, "{path}");
    }
    let dumb = client.get(format!("{}/apps.git/info/refs", world.base)).send().await.unwrap();
    assert_eq!(dumb.status(), 403);
    // A form on another site cannot push.
    let form = client.post(format!("{}/apps.git/git-receive-pack", world.base)).body("0000");
    assert_eq!(form.header("content-type", "text/plain").send().await.unwrap().status(), 415);
    for name in ["..", "../x", "A", "x.git", ""] {
        assert!(matches!(world.host.create(name).await, Err(Error::InvalidName { .. })), "{name:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_get_an_answer_too() {
    let world = World::new().await;
    world.host.create("apps").await.unwrap();
    let client = http_client();
    let text = client.get(format!("{}/apps.git", world.base)).send().await.unwrap().text().await.unwrap();
    assert!(text.contains(&format!("git clone {}", world.url("apps"))), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_the_repositories_and_tells_nothing_twice() {
    let world = World::new().await;
    let work = world.pushed("apps").await;
    let options = HostOptions::new(|| NOW.parse().unwrap());
    let reopened = GitHost::open(world.path("repositories"), options).await.unwrap();
    assert_eq!(reopened.names(), ["apps"]);
    let mut pushes = reopened.pushes();
    reopened.create("apps").await.unwrap();
    let sha = reopened.commit_files("apps", new_commit(vec![Change::write("b.txt", "b")])).await.unwrap();
    let push = pushes.try_recv().unwrap();
    assert_eq!(push.updates.len(), 1);
    assert_eq!(push.updates[0].old, Some(git(&work, &["rev-parse", "HEAD"]).await));
    assert_eq!(push.updates[0].new, Some(sha));
}
