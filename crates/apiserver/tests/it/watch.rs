//! Lists in pages and watches.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use kube::runtime::watcher;
use serde_json::Value;

use crate::{client, config_map, create_config_map, raw};

#[tokio::test(start_paused = true)]
async fn a_watch_sees_changes_and_ends_when_asked() {
    let client = client().await;
    let first = create_config_map(&client, "a").await;
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    let from = first.metadata.resource_version.unwrap();
    let params = WatchParams::default().timeout(5).disable_bookmarks();
    let stream = api.watch(&params, &from).await.unwrap();
    api.create(&PostParams::default(), &config_map("b", "1")).await.unwrap();
    api.delete("a", &DeleteParams::default()).await.unwrap();
    let events: Vec<_> = stream.try_collect().await.unwrap();
    let kinds: Vec<_> = events
        .iter()
        .map(|event| match event {
            WatchEvent::Added(object) => format!("+{}", object.metadata.name.as_ref().unwrap()),
            WatchEvent::Deleted(object) => format!("-{}", object.metadata.name.as_ref().unwrap()),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["+b", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn both_ways_of_kubes_watcher_work() {
    let client = client().await;
    for name in ["a", "b"] {
        create_config_map(&client, name).await;
    }
    for (data, config) in [("x", watcher::Config::default()), ("y", watcher::Config::default().streaming_lists())] {
        let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
        let mut stream = watcher(api.clone(), config).boxed();
        let mut names = Vec::new();
        loop {
            match next(&mut stream).await {
                watcher::Event::InitApply(object) => names.push(object.metadata.name.unwrap()),
                watcher::Event::InitDone => break,
                _ => {}
            }
        }
        assert_eq!(names, ["a", "b"]);
        api.replace("a", &PostParams::default(), &config_map("a", data)).await.unwrap();
        assert!(
            matches!(next(&mut stream).await, watcher::Event::Apply(object) if object.data.as_ref().unwrap()["k"] == data)
        );
    }
}

type Events = futures::stream::BoxStream<'static, Result<watcher::Event<ConfigMap>, watcher::Error>>;

async fn next(stream: &mut Events) -> watcher::Event<ConfigMap> {
    tokio::time::timeout(Duration::from_secs(5), stream.next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn pages_are_of_one_moment() {
    let client = client().await;
    for name in ["a", "b", "c"] {
        create_config_map(&client, name).await;
    }
    let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let page = api.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!((page.items.len(), page.metadata.remaining_item_count), (2, Some(1)));
    api.delete("c", &DeleteParams::default()).await.unwrap();
    let token = page.metadata.continue_.unwrap();
    let rest = api.list(&ListParams::default().limit(2).continue_token(&token)).await.unwrap();
    assert_eq!(rest.items[0].metadata.name.as_deref(), Some("c"));
    assert_eq!(rest.metadata.continue_, None);
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_bookmarks() {
    let client = client().await;
    let first = create_config_map(&client, "a").await;
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    let from = first.metadata.resource_version.unwrap();
    let mut stream = api.watch(&WatchParams::default().timeout(200), &from).await.unwrap().boxed();
    let event = stream.next().await.unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Bookmark(bookmark) if bookmark.metadata.resource_version == from));
}

#[tokio::test(start_paused = true)]
async fn selectors_choose() {
    let client = client().await;
    for name in ["a", "b"] {
        create_config_map(&client, name).await;
    }
    let base = "/api/v1/namespaces/default/configmaps";
    let (_, list) = raw(&client, "GET", &format!("{base}?fieldSelector=metadata.name%3Db"), Value::Null).await;
    assert_eq!(list["items"][0]["metadata"]["name"], "b");
    let (code, _) = raw(&client, "GET", &format!("{base}?fieldSelector=data.k%3Dv"), Value::Null).await;
    assert_eq!(code, 400);
}
