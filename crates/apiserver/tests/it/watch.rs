//! Lists in pages and watches.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use kube::runtime::watcher;
use mainstay_apiserver::{ApiServer, Identity, Options};
use mainstay_controller_runtime::{Clock, Ids};
use mainstay_store::Store;
use serde_json::Value;
use tower::ServiceExt;

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

/// A server that keeps so few events that a watch soon falls behind, with its client.
async fn forgetful() -> (ApiServer, kube::Client) {
    let clock = Clock::starting_at("2030-01-01T00:00:00Z".parse().unwrap());
    let store = Store::ephemeral(mainstay_store::Options { log_events: 64, ..mainstay_store::Options::default() });
    let server = ApiServer::new(store, Options::new(clock, Ids::seeded(7))).unwrap();
    server.create_cluster("dev").await.unwrap();
    server.tokens().insert("token", Identity::admin());
    let client = server.client("dev", Identity::admin());
    (server, client)
}

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn open(server: &ApiServer, query: &str) -> axum::body::BodyDataStream {
    let request = http::Request::get(format!("/clusters/dev{CONFIG_MAPS}?watch=1&{query}"));
    let request = request.header("authorization", "Bearer token").body(axum::body::Body::empty()).unwrap();
    let reply = server.router().oneshot(request).await.unwrap();
    assert_eq!(reply.status(), 200);
    reply.into_body().into_data_stream()
}

async fn fill(client: &kube::Client, names: std::ops::Range<usize>) {
    let large = "x".repeat(10 << 10);
    for name in names {
        let object = config_map(&format!("c{name:03}"), &large);
        Api::default_namespaced(client.clone()).create(&PostParams::default(), &object).await.unwrap();
    }
}

/// The events that are left, and how many bytes they took.
async fn rest(stream: axum::body::BodyDataStream) -> (Vec<Value>, usize) {
    let bytes: Vec<u8> =
        stream.try_fold(Vec::new(), |all, chunk| async move { Ok([all, chunk.to_vec()].concat()) }).await.unwrap();
    let events = serde_json::Deserializer::from_slice(&bytes).into_iter().map(Result::unwrap).collect();
    (events, bytes.len())
}

/// What one read of a watch may hold.
const CHUNK_BYTES: usize = 64 << 10;

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_cut_off_and_costs_nothing() {
    let (server, client) = forgetful().await;
    let first = create_config_map(&client, "first").await.metadata.resource_version.unwrap();
    let from = format!("resourceVersion={first}");
    let (stuck, reading) = (open(&server, &from).await, open(&server, &from).await);
    let reading = tokio::spawn(reading.take(1).try_collect::<Vec<_>>());
    fill(&client, 0..200).await;
    let (events, size) = rest(stuck).await;
    assert!(size < CHUNK_BYTES, "{size} bytes had been kept for a watch that nobody read");
    let last = events.last().unwrap();
    assert_eq!((&last["type"], &last["object"]["code"]), (&Value::from("ERROR"), &Value::from(410)));
    assert_eq!(last["object"]["reason"], "Expired");
    assert!(!reading.await.unwrap().unwrap().is_empty(), "who reads gets events");
    let (code, list) = raw(&client, "GET", CONFIG_MAPS, Value::Null).await;
    assert_eq!((code, list["items"].as_array().unwrap().len()), (200, 201));
}

#[tokio::test(start_paused = true)]
async fn initial_events_are_of_one_moment_or_end() {
    let (server, client) = forgetful().await;
    fill(&client, 0..40).await;
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=5";
    let (mut slow, mut slower) = (open(&server, query).await, open(&server, query).await);
    let read = [slow.next().await.unwrap().unwrap(), slower.next().await.unwrap().unwrap()];
    assert!(read.iter().all(|chunk| chunk.len() < CHUNK_BYTES), "the rest is not made before it is read");
    fill(&client, 40..60).await;
    let names = |events: &[Value]| -> Vec<String> {
        let added = events.iter().filter(|event| event["type"] == "ADDED");
        added.map(|event| event["object"]["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let (events, _) = rest(slow).await;
    let end = events
        .iter()
        .position(|event| event["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true");
    let (initial, later) = events.split_at(end.unwrap());
    assert_eq!(names(initial).last().unwrap(), "c039", "what came later is not among them");
    assert_eq!(names(later).len(), 20);
    fill(&client, 60..200).await;
    let (events, _) = rest(slower).await;
    assert_eq!((events.len(), &events[0]["object"]["code"]), (1, &Value::from(410)));
}

#[tokio::test(start_paused = true)]
async fn a_page_of_a_moment_that_is_forgotten_can_be_gone_on_from() {
    let (_server, client) = forgetful().await;
    fill(&client, 0..10).await;
    let (_, page) = raw(&client, "GET", &format!("{CONFIG_MAPS}?limit=4"), Value::Null).await;
    fill(&client, 100..200).await;
    let after =
        |list: &Value| format!("{CONFIG_MAPS}?limit=4&continue={}", list["metadata"]["continue"].as_str().unwrap());
    let (code, gone) = raw(&client, "GET", &after(&page), Value::Null).await;
    assert_eq!((code, &gone["reason"]), (410, &Value::from("Expired")));
    let message = gone["message"].as_str().unwrap();
    assert!(message.starts_with("The provided continue parameter is too old to display a consistent list result."));
    let (code, rest) = raw(&client, "GET", &after(&gone), Value::Null).await;
    assert_eq!((code, &rest["items"][0]["metadata"]["name"]), (200, &Value::from("c004")));
    assert!(rest["metadata"]["continue"].is_string() && rest["metadata"]["remainingItemCount"].is_number());
    let exact = format!(
        "{CONFIG_MAPS}?resourceVersionMatch=Exact&resourceVersion={}",
        page["metadata"]["resourceVersion"].as_str().unwrap()
    );
    let (code, gone) = raw(&client, "GET", &exact, Value::Null).await;
    assert_eq!((code, &gone["message"]), (410, &"The resourceVersion for the provided list is too old.".into()));
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
