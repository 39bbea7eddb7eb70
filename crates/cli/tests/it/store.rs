//! `mainstay store`: a running server is saved, a stopped one verified, damaged, restored and compacted.

use std::path::{Path, PathBuf};

use kube::api::{Api, PostParams};
use kube::core::{ApiResource, DynamicObject};
use mainstay_controller_runtime::context::resource;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::platform::{Platform, complaint, mainstay, output, printed};

fn config_maps() -> ApiResource {
    resource("", "v1", "ConfigMap", "configmaps")
}

async fn create(platform: &Platform, name: &str) {
    let api: Api<DynamicObject> = Api::namespaced_with(platform.cluster("dev").await.client, "default", &config_maps());
    let mut object = DynamicObject::new(name, &config_maps());
    object.data = json!({"data": {"marker": format!("marker of {name}")}});
    api.create(&PostParams::default(), &object).await.unwrap();
}

async fn store(data_dir: &Path, arguments: &[&str]) -> Value {
    let data_dir = data_dir.to_str().unwrap();
    let all = [&["store"], arguments, &["--output", "json", "--data-dir", data_dir]].concat();
    serde_json::from_str(&printed(&output(&mut mainstay(&all)).await)).unwrap()
}

async fn refused(data_dir: &Path, arguments: &[&str]) -> String {
    let all = [&["store"], arguments, &["--data-dir", data_dir.to_str().unwrap()]].concat();
    complaint(&output(&mut mainstay(&all)).await)
}

/// Changes the text of an object in the file.
fn damage(data_dir: &Path, text: &[u8]) -> PathBuf {
    let path = data_dir.join("store.redb");
    let mut bytes = std::fs::read(&path).unwrap();
    let places: Vec<usize> = (0..bytes.len() - text.len()).filter(|at| bytes[*at..].starts_with(text)).collect();
    assert!(!places.is_empty(), "the text is in the file");
    places.into_iter().for_each(|at| bytes[at] ^= 0x20);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_saved_damaged_and_restored() {
    let directory = TempDir::with_prefix("mainstay-store-").unwrap();
    let backups = TempDir::new().unwrap();
    let (data_dir, backup) = (directory.path(), backups.path().join("backup"));
    let backup = backup.to_str().unwrap();
    let mut platform = Platform::on(data_dir).await;
    create(&platform, "kept").await;
    let saved = store(data_dir, &["snapshot", backup]).await;
    assert_eq!(saved["sound"], true, "{saved}");
    create(&platform, "later").await;
    for command in [&["verify"][..], &["compact"], &["restore", backup, "--force"]] {
        assert!(refused(data_dir, command).await.contains("stop the server first"), "{command:?}");
    }
    assert!(platform.server.terminate().await.success());

    let verified = store(data_dir, &["verify"]).await;
    assert_eq!((&verified["sound"], &verified["format"]), (&json!(true), &json!(2)), "{verified}");
    store(data_dir, &["compact"]).await;
    assert!(refused(data_dir, &["restore", backup]).await.contains("--force"));

    let path = damage(data_dir, b"marker of later");
    let before = std::fs::read(&path).unwrap();
    let said = complaint(&output(&mut mainstay(&["store", "verify", "--data-dir", data_dir.to_str().unwrap()])).await);
    assert!(said.contains("is damaged") && said.contains("mainstay store restore"), "{said}");
    let mut up = mainstay(&["up", "--listen", "127.0.0.1:0", "--data-dir", data_dir.to_str().unwrap()]);
    let said = complaint(&output(&mut up).await);
    for part in ["is damaged", "dev: configmaps default/later", "checksum", "mainstay store restore"] {
        assert!(said.contains(part), "{said:?} says {part:?}");
    }
    assert!(std::fs::read(&path).unwrap() == before, "it is left alone");

    let restored = store(data_dir, &["restore", backup, "--force"]).await;
    assert!(Path::new(restored["kept"].as_str().unwrap()).is_file(), "{restored}");
    let platform = Platform::on(data_dir).await;
    let configs = platform.cluster("dev").await.api(&config_maps(), Some("default"));
    assert_eq!(configs.get("kept").await.unwrap().unwrap()["data"]["marker"], "marker of kept");
    assert!(configs.get("later").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_a_stopped_server_starts_another_one() {
    let directories = TempDir::with_prefix("mainstay-store-").unwrap();
    let (one, two) = (directories.path().join("one"), directories.path().join("two"));
    let mut platform = Platform::on(&one).await;
    create(&platform, "moved").await;
    assert!(platform.server.terminate().await.success());
    let backup = directories.path().join("backup");
    let backup = backup.to_str().unwrap();
    let saved = store(&one, &["snapshot", backup]).await;
    assert_eq!(store(&one, &["verify", backup]).await["objects"], saved["objects"]);
    store(&two, &["restore", backup]).await;
    let platform = Platform::on(&two).await;
    let configs = platform.cluster("dev").await.api(&config_maps(), Some("default"));
    assert!(configs.get("moved").await.unwrap().is_some());
}
