//! Commits made without a working tree.

use mainstay_git::{Change, Class, Error};

use crate::world::{World, git, new_commit};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_input_gives_the_same_sha() {
    let world = World::new().await;
    let changes = || vec![Change::write("a/b.yaml", "b"), Change::write("c", "c")];
    let mut shas = Vec::new();
    for name in ["one", "two"] {
        world.host.create(name).await.unwrap();
        shas.push(world.host.commit_files(name, new_commit(changes())).await.unwrap());
    }
    assert_eq!(shas[0], shas[1]);
    // And the one that git itself would give.
    let raw = git(&world.path("repositories/one.git"), &["cat-file", "commit", "main"]).await;
    assert!(raw.contains("author Ada <ada@example.com> 1767225600 +0000"), "{raw}");

    let mut pushes = world.host.pushes();
    let again = world.host.commit_files("one", new_commit(changes())).await.unwrap();
    assert_eq!(again, shas[0], "nothing changed, so no commit was made");
    assert!(pushes.try_recv().is_err());

    let deleted = world.host.commit_files("one", new_commit(vec![Change::delete("a")])).await.unwrap();
    assert_eq!(pushes.try_recv().unwrap().updates[0].new, Some(deleted.clone()));
    let tree = world.repositories.tree(&world.url("one"), &deleted, "").await.unwrap();
    assert_eq!(tree.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_at_the_same_time_all_arrive() {
    let world = World::new().await;
    world.host.create("apps").await.unwrap();
    let commit = |i: usize| {
        let host = world.host.clone();
        async move {
            host.commit_files("apps", new_commit(vec![Change::write(format!("f{i}"), i.to_string())])).await.unwrap()
        }
    };
    futures::future::join_all((0..20).map(commit)).await;
    let tree = world.repositories.tree(&world.url("apps"), &head(&world).await, "").await.unwrap();
    assert_eq!(tree.files.len(), 20);
}

async fn head(world: &World) -> String {
    world.repositories.resolve(&world.url("apps"), "main").await.unwrap().sha
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_escape_are_refused() {
    let world = World::new().await;
    world.host.create("apps").await.unwrap();
    for path in ["../x", "/x", ".git/config", "a/../../x", ""] {
        let error = world.host.commit_files("apps", new_commit(vec![Change::write(path, "x")])).await.unwrap_err();
        assert!(matches!(error, Error::InvalidPath { .. }), "{error}");
        assert_eq!(error.class(), Class::Terminal);
    }
    let error = world.host.commit_files("nothing", new_commit(vec![])).await.unwrap_err();
    assert!(matches!(error, Error::RepositoryNotFound { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_files_are_one_quick_commit() {
    let world = World::new().await;
    world.host.create("apps").await.unwrap();
    let changes =
        (0..1000).map(|i| Change::write(format!("app-{i}/dev/application.yaml"), format!("name: app-{i}\n"))).collect();
    let start = std::time::Instant::now();
    let sha = world.host.commit_files("apps", new_commit(changes)).await.unwrap();
    let took = start.elapsed();
    println!("1000 files in {took:?}");
    // 200 ms is the aim of the optimised build; this one may be unoptimised and the machine busy.
    assert!(took.as_millis() < 3000, "{took:?}");
    let start = std::time::Instant::now();
    let tree = world.repositories.tree(&world.url("apps"), &sha, "").await.unwrap();
    println!("read in {:?}", start.elapsed());
    assert_eq!(tree.files.len(), 1000);
    git(&world.path("repositories/apps.git"), &["fsck", "--strict"]).await;
}
