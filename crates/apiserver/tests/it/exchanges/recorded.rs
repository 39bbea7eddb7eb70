//! Recordings of a real server, where there are some: `MAINSTAY_TRANSCRIPTS` names their directory.
//! They are no part of the project; its own cases carry what they taught.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::case::Step;
use super::files;
use super::mask::{self, difference};
use super::replay::{Answer, replay};

#[tokio::test(start_paused = true)]
async fn answers_are_those_that_were_recorded() {
    let Ok(directory) = std::env::var("MAINSTAY_TRANSCRIPTS") else {
        eprintln!("skipped: MAINSTAY_TRANSCRIPTS is not set");
        return;
    };
    let (mut same, mut all) = (0, 0);
    for file in files(Path::new(&directory), "json") {
        let transcript: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let Some(steps) = transcript["steps"].as_array().filter(|_| transcript["profile"] == "base") else { continue };
        let name = file.strip_prefix(&directory).unwrap().display().to_string();
        let equal = compare(&name, steps).await;
        eprintln!("{name}: {equal} of {}", steps.len());
        same += equal;
        all += steps.len();
    }
    eprintln!("{same} of {all} answers are as recorded");
}

async fn compare(name: &str, recorded: &[Value]) -> usize {
    let steps: Vec<Step> = recorded.iter().map(|step| Step::of(own_form(step, recorded))).collect();
    let want: Vec<Answer> = recorded.iter().map(recorded_answer).collect();
    let (want, found) = (mask::all(&want), mask::all(&replay(&steps).await));
    let mut equal = 0;
    for (index, (want, found)) in want.iter().zip(&found).enumerate() {
        let (want, found) = (without_last_bookmarks(want), without_last_bookmarks(found));
        if want.status == found.status && (want.body == found.body || same_set(&want.body, &found.body)) {
            equal += 1;
            continue;
        }
        let body = steps[index].body().unwrap_or_default().chars().take(300).collect::<String>();
        eprintln!("--- {name}#{index} {} {body}", steps[index].title());
        eprintln!("  want {} got {}", want.status, found.status);
        eprintln!("{}", difference(&want.body, &found.body));
    }
    equal
}

/// The recorded server ended its watches after some seconds, and said where they were shortly before.
fn without_last_bookmarks(answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    if let Some(events) = answer.body.as_array_mut() {
        let is_plain =
            |event: &Value| event["type"] == "BOOKMARK" && event.pointer("/object/metadata/annotations").is_none();
        while events.last().is_some_and(is_plain) {
            events.pop();
        }
    }
    answer
}

/// Whether two refusals of a custom resource list the same errors: upstream walks a Go map and lists them in any order.
fn same_set(want: &Value, found: &Value) -> bool {
    let custom = |body: &Value| {
        let group = body.pointer("/details/group").and_then(Value::as_str).unwrap_or_default();
        body["reason"] == "Invalid" && group.ends_with(".example.com")
    };
    custom(want) && custom(found) && mask::unordered(want) == mask::unordered(found)
}

fn recorded_answer(step: &Value) -> Answer {
    let status = u16::try_from(step["status"].as_u64().unwrap()).unwrap();
    let body = if step["response"] == "" { Value::Null } else { step["response"].clone() };
    Answer { status, body }
}

/// A recorded step in the form of our own cases.
fn own_form(step: &Value, all: &[Value]) -> Map<String, Value> {
    let mut step = step.clone();
    let references = step["refs"].as_array().cloned().unwrap_or_default();
    for reference in &references {
        let from = usize::try_from(reference["fromStep"].as_u64().unwrap()).unwrap();
        let pointer = reference["from"].as_str().unwrap();
        let Some(old) = all[from]["response"].pointer(pointer).and_then(Value::as_str) else { continue };
        for field in ["path", "query", "body", "headers"] {
            let replaced = step[field].to_string().replace(old, &format!("${{{from}{pointer}}}"));
            step[field] = serde_json::from_str(&replaced).unwrap();
        }
    }
    let mut form = json!({
        "send": format!("{} {}{}", step["method"].as_str().unwrap(), step["path"].as_str().unwrap(), query(&step["query"])),
        "headers": step["headers"],
        "body": step["body"],
    });
    if step["kind"] == "watch" {
        form["open"] = step["openDuringNextSteps"].clone();
    }
    match step["auth"].as_str() {
        Some("none") => form["token"] = Value::from("none"),
        Some(_) => form["token"] = Value::from(bearer(all)),
        None => {}
    }
    form.as_object().unwrap().clone()
}

/// The first token that was asked for; where there is none, one that nobody knows.
fn bearer(all: &[Value]) -> String {
    let asked = all.iter().position(|step| step["response"].pointer("/status/token").is_some());
    asked.map_or_else(|| "unknown".to_owned(), |step| format!("${{{step}/status/token}}"))
}

fn query(query: &Value) -> String {
    let pairs: Vec<(String, String)> =
        query.as_object().into_iter().flatten().flat_map(|(key, value)| pair(key, value)).collect();
    if pairs.is_empty() {
        return String::new();
    }
    // References stay readable: they are filled in later, and hold nothing that needs escapes.
    let text = serde_urlencoded::to_string(pairs).unwrap();
    format!("?{}", text.replace("%24%7B", "${").replace("%2F", "/").replace("%7D", "}"))
}

fn pair(key: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Array(values) => values.iter().flat_map(|value| pair(key, value)).collect(),
        Value::String(text) => vec![(key.to_owned(), text.clone())],
        other => vec![(key.to_owned(), other.to_string())],
    }
}
