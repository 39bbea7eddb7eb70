//! Replays recorded exchanges with kube-apiserver, where there are some, and compares the answers.
//!
//! `MAINSTAY_TRANSCRIPTS` names a directory of them; `MAINSTAY_TRANSCRIPTS_ONLY` is a part of the names to replay;
//! `MAINSTAY_TRANSCRIPTS_VERBOSE` prints the differences.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use http_body_util::BodyExt;
use mainstay_apiserver::Identity;
use serde_json::Value;

use crate::server;

/// Fields whose values differ from run to run.
const MASKED: &[&str] = &[
    "clusterIP",
    "clusterIPs",
    "continue",
    "creationTimestamp",
    "deletionTimestamp",
    "lastTransitionTime",
    "nodePort",
    "resourceVersion",
    "time",
    "uid",
];

#[tokio::test(start_paused = true)]
async fn answers_are_those_that_were_recorded() {
    let Ok(directory) = std::env::var("MAINSTAY_TRANSCRIPTS") else {
        eprintln!("skipped: MAINSTAY_TRANSCRIPTS is not set");
        return;
    };
    let only = std::env::var("MAINSTAY_TRANSCRIPTS_ONLY").unwrap_or_default();
    let (mut same, mut all) = (0, 0);
    for file in files(Path::new(&directory)) {
        let name = file.strip_prefix(&directory).unwrap().display().to_string();
        if !name.contains(&only) {
            continue;
        }
        let transcript: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        if let Some(steps) = transcript["steps"].as_array().filter(|_| transcript["profile"] == "base") {
            let equal = replay(&name, steps).await;
            eprintln!("{name}: {equal} of {}", steps.len());
            same += equal;
            all += steps.len();
        }
    }
    eprintln!("{same} of {all} answers are as recorded");
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    found.sort();
    found
}

async fn replay(name: &str, steps: &[Value]) -> usize {
    let client = server().await.client("dev", Identity::admin());
    let verbose = std::env::var("MAINSTAY_TRANSCRIPTS_VERBOSE").is_ok();
    let mut answers: BTreeMap<usize, Value> = BTreeMap::new();
    let mut equal = 0;
    for (index, step) in steps.iter().enumerate() {
        if step["kind"] == "watch" {
            equal += 1;
            continue;
        }
        let step = &resolved(step, steps, &answers);
        let (code, answer) = ask(&client, step).await;
        let (expected, found) = (masked(&step["response"]), masked(&answer));
        if step["status"] == code && expected == found {
            equal += 1;
        } else if verbose {
            let request = format!("{} {} {} {}", step["method"], step["path"], step["query"], cut(&step["body"], 300));
            eprintln!("--- {name}#{index} {request}\n  want {} got {code}", step["status"]);
            differences("", &expected, &found);
        }
        answers.insert(index, answer);
    }
    equal
}

fn cut(value: &Value, length: usize) -> String {
    value.to_string().chars().take(length).collect()
}

fn differences(path: &str, want: &Value, found: &Value) {
    match (want, found) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let null = Value::Null;
                differences(&format!("{path}.{key}"), a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}[{index}]"), a, b);
            }
        }
        _ if want != found => eprintln!("    {path}: want {} got {}", cut(want, 500), cut(found, 500)),
        _ => {}
    }
}

/// The step with values of earlier recorded answers replaced by those of ours.
fn resolved(step: &Value, steps: &[Value], answers: &BTreeMap<usize, Value>) -> Value {
    let mut text = step.clone();
    for reference in step["refs"].as_array().into_iter().flatten() {
        let from = usize::try_from(reference["fromStep"].as_u64().unwrap()).unwrap();
        let pointer = reference["from"].as_str().unwrap();
        let (Some(old), Some(new)) =
            (steps[from]["response"].pointer(pointer), answers.get(&from).and_then(|answer| answer.pointer(pointer)))
        else {
            continue;
        };
        let (Some(old), Some(new)) = (old.as_str(), new.as_str()) else { continue };
        for field in ["path", "query", "body"] {
            let replaced = text[field].to_string().replace(old, new);
            text[field] = serde_json::from_str(&replaced).unwrap();
        }
    }
    text
}

async fn ask(client: &kube::Client, step: &Value) -> (u16, Value) {
    let query = step["query"].as_object().into_iter().flatten().map(|(key, value)| match value {
        Value::String(text) => (key.clone(), text.clone()),
        other => (key.clone(), other.to_string()),
    });
    let query = serde_urlencoded::to_string(query.collect::<Vec<_>>()).unwrap();
    let uri = format!("{}?{query}", step["path"].as_str().unwrap());
    let mut request = http::Request::builder().method(step["method"].as_str().unwrap()).uri(uri);
    for (header, value) in step["headers"].as_object().into_iter().flatten() {
        request = request.header(header, value.as_str().unwrap());
    }
    let body = match &step["body"] {
        Value::Null => Vec::new(),
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    };
    let Ok(request) = request.body(kube::client::Body::from(body)) else { return (0, Value::Null) };
    let reply = client.send(request).await.unwrap();
    let code = reply.status().as_u16();
    let bytes = reply.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (code, serde_json::from_slice(&bytes).unwrap_or(Value::String(text)))
}

fn masked(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let is_list = map.contains_key("items");
            let mut shown = serde_json::Map::new();
            for (key, value) in map {
                let hidden = MASKED.contains(&key.as_str()) && !value.is_null();
                shown.insert(key.clone(), if hidden { Value::from("*") } else { masked(value) });
            }
            if is_list {
                // Items of built-in lists carry their kind here, as those of custom resources do upstream.
                for item in shown.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
                    if let Some(fields) = item.as_object_mut() {
                        fields.remove("kind");
                        fields.remove("apiVersion");
                    }
                }
            }
            Value::Object(shown)
        }
        Value::Array(list) => list.iter().map(masked).collect(),
        Value::String(text) if text.len() == 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T' => {
            Value::from("*")
        }
        other => other.clone(),
    }
}
