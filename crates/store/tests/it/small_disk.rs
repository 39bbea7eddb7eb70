//! A disk that is really full: a file system of a few MiB, where the tests may mount one.
#![allow(clippy::disallowed_methods, reason = "the test mounts a file system and fills it")]

use std::path::Path;
use std::process::Command;

use futures::FutureExt;
use mainstay_store::{Error, Options, Store, offline};

use crate::{kind, put, text};

/// A file system in memory that goes with this.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(mebibytes: u32) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(directory.path()).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then(|| Self(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

#[tokio::test]
async fn a_full_disk_makes_the_store_read_only_until_there_is_room() {
    let Some(disk) = SmallDisk::mount(12) else {
        eprintln!("skipped: mounting a small file system is not allowed here");
        return;
    };
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1; 4 << 20]).unwrap();
    let path = disk.path().join("store.redb");
    let store = Store::open(&path, Options::default()).unwrap();
    let mut watch = store.watch(&kind(), None, store.snapshot().revision()).unwrap();
    let (mut written, mut refusal) = (Vec::new(), None);
    for number in 0..200 {
        let name = format!("o{number}");
        match put(&store, &name, &"w".repeat(128 << 10)).await {
            Ok(_) => written.push(name),
            Err(error) => refusal = Some(error),
        }
        if refusal.is_some() {
            break;
        }
    }
    let refusal = refusal.expect("the disk is full at some time");
    assert!(matches!(refusal, Error::Full(_)), "{refusal:?}");
    assert!(refusal.to_string().contains("free space"), "{refusal}");
    assert!(store.health().borrow().is_some() && store.probe().await.is_err());
    assert!(!written.is_empty() && written.iter().all(|name| text(&store, name).is_some()), "reads go on");
    assert_eq!(&*watch.next().await.unwrap().key.name, "o0", "watches too");

    std::fs::remove_file(&ballast).unwrap();
    store.probe().await.unwrap();
    assert!(store.health().borrow().is_none());
    put(&store, "after", "1").await.unwrap();
    drop(store);
    assert_eq!(offline::verify(&path, &|_, _| Vec::new()).unwrap().findings, []);
    let store = Store::open(&path, Options::default()).unwrap();
    assert_eq!(text(&store, "after").as_deref(), Some("1"));
    assert!(written.iter().all(|name| text(&store, name).is_some()), "what was acknowledged is there");
    assert_eq!(store.snapshot().records().count(), written.len() + 1, "what was refused is not");
    assert!(watch.next().now_or_never().is_some());
}
