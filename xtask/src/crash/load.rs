//! Clients that write over HTTPS until the server dies, and one that watches.
//! It must not judge: it notes what was asked and what was answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::AsyncBufReadExt;
use futures::StreamExt;
use http::Request;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::model::{Key, Known, Model, Writer, content, version};
use super::process::{PATIENCE, Process};

pub(crate) const NAMESPACE: &str = "default";
/// Names that one client writes to: few, so that each is made, changed and deleted often.
const NAMES: u64 = 40;
/// Largest filler in an object.
const FILLER_BYTES: u64 = 2000;

/// Writers and a watcher at work.
pub(crate) struct Load {
    first_answer: Arc<Notify>,
    writers: Vec<JoinHandle<Result<Writer, String>>>,
    watcher: JoinHandle<Result<u64, String>>,
}

impl Load {
    pub(crate) async fn begin(process: &Process, model: &mut Model) -> Result<Self, String> {
        let watcher = tokio::spawn(watch(process.client().await?, model.highest));
        let first_answer = Arc::new(Notify::new());
        let mut writers = Vec::new();
        for (number, writer) in std::mem::take(&mut model.writers).into_iter().enumerate() {
            writers.push(tokio::spawn(write(process.client().await?, first_answer.clone(), number, writer)));
        }
        Ok(Self { first_answer, writers, watcher })
    }

    /// Waits until a write was acknowledged; an error if that takes too long.
    pub(crate) async fn answered(&self) -> Result<(), String> {
        let answered = tokio::time::timeout(PATIENCE, self.first_answer.notified()).await;
        answered.map_err(|_| format!("no write is answered within {} s", PATIENCE.as_secs()))
    }

    /// Once the server is dead; answers how many writes were acknowledged.
    pub(crate) async fn end(self, model: &mut Model) -> Result<usize, String> {
        let before = model.highest;
        let mut acknowledged = 0;
        for task in self.writers {
            let mut writer = task.await.map_err(|error| error.to_string())??;
            acknowledged += std::mem::take(&mut writer.acknowledged);
            let highest = writer.objects.values().map(|known| known.version).max();
            model.highest = model.highest.max(highest.unwrap_or(0));
            model.writers.push(writer);
        }
        let seen = self.watcher.await.map_err(|error| error.to_string())??;
        model.highest = model.highest.max(seen);
        if acknowledged > 0 && model.highest == before {
            return Err("writes were acknowledged, and no resourceVersion moved".to_owned());
        }
        Ok(acknowledged)
    }
}

/// The server is gone, or it answered something nobody expects.
enum Failure {
    Gone,
    Answer(String),
}

async fn send(client: &Client, method: &str, path: &str, body: &Value) -> Result<Value, Failure> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json").body(body);
    let request = request.map_err(|error| Failure::Answer(error.to_string()))?;
    client.request::<Value>(request).await.map_err(|error| match error {
        kube::Error::Api(status) => Failure::Answer(format!("{method} {path}: {}", status.message)),
        _ => Failure::Gone,
    })
}

/// Reads a path of a server that is expected to live.
pub(crate) async fn get(client: &Client, path: &str) -> Result<Value, String> {
    send(client, "GET", path, &Value::Null).await.map_err(|failure| match failure {
        Failure::Gone => format!("the server does not answer GET {path}"),
        Failure::Answer(said) => said,
    })
}

/// What one write does to objects, and how it is asked for.
struct Write {
    method: &'static str,
    path: String,
    body: Value,
    outcome: BTreeMap<Key, Option<Value>>,
}

async fn write(client: Client, first_answer: Arc<Notify>, number: usize, mut writer: Writer) -> Result<Writer, String> {
    loop {
        let write = next(&mut writer, number);
        writer.unanswered = write.outcome;
        match send(&client, write.method, &write.path, &write.body).await {
            Ok(answer) => {
                acknowledge(&mut writer, &answer);
                first_answer.notify_one();
            }
            Err(Failure::Gone) => return Ok(writer),
            Err(Failure::Answer(said)) => return Err(said),
        }
    }
}

fn acknowledge(writer: &mut Writer, answer: &Value) {
    writer.acknowledged += 1;
    for (key, wanted) in std::mem::take(&mut writer.unanswered) {
        match wanted {
            Some(_) => drop(writer.objects.insert(key, Known { content: content(answer), version: version(answer) })),
            None => drop(writer.objects.remove(&key)),
        }
    }
}

fn next(writer: &mut Writer, number: usize) -> Write {
    writer.counter += 1;
    let slot = writer.random.below(NAMES);
    match writer.random.below(20) {
        0 => delete_group(writer, number, slot % 4),
        1..=3 => toggle_service(writer, format!("crash-{number}-{}", slot % 8)),
        _ => change_config_map(writer, number, slot),
    }
}

fn path(plural: &str, name: &str) -> String {
    let slash = if name.is_empty() { "" } else { "/" };
    format!("/api/v1/namespaces/{NAMESPACE}/{plural}{slash}{name}")
}

fn change_config_map(writer: &mut Writer, number: usize, slot: u64) -> Write {
    let name = format!("crash-{number}-{slot}");
    let key = ("configmaps", name.clone());
    let known = writer.objects.get(&key).map(|known| known.version);
    if known.is_some() && writer.random.below(4) == 0 {
        return delete(key);
    }
    let filler = "x".repeat(writer.random.below(FILLER_BYTES) as usize);
    let data = json!({"step": writer.counter.to_string(), "filler": filler});
    let labels = json!({"crash": "yes", "group": format!("{number}-{}", slot % 4)});
    let metadata = json!({"name": name, "labels": labels});
    let mut body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
    let outcome = BTreeMap::from([(key, Some(data))]);
    match known {
        None => Write { method: "POST", path: path("configmaps", ""), body, outcome },
        Some(version) => {
            body["metadata"]["resourceVersion"] = Value::from(version.to_string());
            Write { method: "PUT", path: path("configmaps", &name), body, outcome }
        }
    }
}

/// A Service with a node port takes three records that belong together.
fn toggle_service(writer: &mut Writer, name: String) -> Write {
    let key = ("services", name.clone());
    if writer.objects.contains_key(&key) {
        return delete(key);
    }
    let port = Value::from(1 + writer.counter % 60_000);
    let metadata = json!({"name": name, "labels": {"crash": "yes"}});
    let spec = json!({"type": "NodePort", "ports": [{"port": port}]});
    let body = json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec});
    Write { method: "POST", path: path("services", ""), body, outcome: BTreeMap::from([(key, Some(port))]) }
}

fn delete(key: Key) -> Write {
    let path = path(key.0, &key.1);
    Write { method: "DELETE", path, body: Value::Null, outcome: BTreeMap::from([(key, None)]) }
}

/// Deletes a quarter of a client's ConfigMaps with one request.
fn delete_group(writer: &Writer, number: usize, group: u64) -> Write {
    let slot = |name: &str| name.rsplit('-').next().and_then(|slot| slot.parse::<u64>().ok()).unwrap_or(0);
    let of_group = |key: &&Key| key.0 == "configmaps" && slot(&key.1) % 4 == group;
    let outcome = writer.objects.keys().filter(of_group).map(|key| (key.clone(), None)).collect();
    let path = format!("{}?labelSelector=group%3D{number}-{group}", path("configmaps", ""));
    Write { method: "DELETE", path, body: Value::Null, outcome }
}

/// Watches until the server dies; answers the highest resourceVersion it was shown.
async fn watch(client: Client, from: u64) -> Result<u64, String> {
    let path = format!("{}?watch=true&resourceVersion={from}", path("configmaps", ""));
    let request = Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
    let Ok(stream) = client.request_stream(request).await else { return Ok(from) };
    let stream = std::pin::pin!(stream);
    let mut lines = stream.lines();
    let mut highest = from;
    while let Some(Ok(line)) = lines.next().await {
        // The last line may be cut off by the kill.
        let Ok(event) = serde_json::from_str::<Value>(&line) else { break };
        let version = version(&event["object"]);
        if event["type"] == "ERROR" || version < highest {
            return Err(format!("the watch from {from} goes wrong after {highest}: {line}"));
        }
        highest = version;
    }
    Ok(highest)
}
