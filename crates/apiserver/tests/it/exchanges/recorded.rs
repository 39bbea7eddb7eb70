//! Recordings of a real server, where there are some: `MAINSTAY_TRANSCRIPTS` names their directory.
//! They are no part of the project; its own cases carry what they taught.

use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::alike::Pairs;
use super::case::Step;
use super::files;
use super::mask::{self, difference};
use super::replay::{Answer, replay};

/// The bodies of a recording as they were sent, with their fields in the order they had.
#[derive(Deserialize)]
struct Sent<'a> {
    #[serde(borrow)]
    steps: Vec<SentStep<'a>>,
}

#[derive(Deserialize)]
struct SentStep<'a> {
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

/// How many answers of a case are as recorded, and how many cannot be told.
#[derive(Default)]
struct Count {
    all: usize,
    alike: usize,
    changed: usize,
}

#[tokio::test(start_paused = true)]
async fn answers_are_those_that_were_recorded() {
    let Ok(directory) = std::env::var("MAINSTAY_TRANSCRIPTS") else {
        eprintln!("skipped: MAINSTAY_TRANSCRIPTS is not set");
        return;
    };
    let mut sum = Count::default();
    for file in files(Path::new(&directory), "json") {
        let text = std::fs::read_to_string(&file).unwrap();
        let transcript: Value = serde_json::from_str(&text).unwrap();
        if transcript["profile"] != "base" {
            continue;
        }
        let mut steps = transcript["steps"].as_array().unwrap().clone();
        let sent: Sent<'_> = serde_json::from_str(&text).unwrap();
        steps.iter_mut().zip(&sent.steps).for_each(|(step, sent)| step["body"] = as_sent(sent));
        let name = file.strip_prefix(&directory).unwrap().display().to_string();
        let count = compare(&name, &steps).await;
        eprintln!("{name}: {} of {}", count.alike, count.all);
        sum = Count { all: sum.all + count.all, alike: sum.alike + count.alike, changed: sum.changed + count.changed };
    }
    eprintln!(
        "{} of {} answers are as recorded; {} were changed before they were written down",
        sum.alike, sum.all, sum.changed
    );
}

/// A body as text; one that is a JSON string was sent as what that says.
fn as_sent(step: &SentStep<'_>) -> Value {
    let Some(body) = step.body.map(RawValue::get) else { return Value::Null };
    match serde_json::from_str(body).unwrap() {
        Value::Object(_) | Value::Array(_) => Value::from(body),
        other => other,
    }
}

async fn compare(name: &str, recorded: &[Value]) -> Count {
    let steps: Vec<Step> = recorded.iter().map(|step| Step::of(own_form(step, recorded))).collect();
    let want: Vec<Answer> = recorded.iter().map(recorded_answer).collect();
    let (want, found) = (mask::all(&want), mask::all(&replay(&steps).await));
    let (mut count, mut pairs) = (Count { all: want.len(), ..Count::default() }, Pairs::default());
    for (index, (want, found)) in want.iter().zip(&found).enumerate() {
        let (want, found) = (without_last_bookmarks(want), without_last_bookmarks(found));
        if pairs.are_alike(&want, &found) {
            count.alike += 1;
            continue;
        }
        let changed = is_sent_back(&recorded[index]["response"], &recorded[index + 1..]);
        count.changed += usize::from(changed);
        let body = steps[index].body().unwrap_or_default().chars().take(300).collect::<String>();
        let remark = if changed { " (the recorder changed the answer)" } else { "" };
        eprintln!("--- {name}#{index} {} {body}{remark}", steps[index].title());
        eprintln!("  want {} got {}", want.status, found.status);
        eprintln!("{}", difference(&want.body, &found.body));
    }
    count
}

/// The recorder made changes in the very answer that it had got, sent that as its next body, and wrote it down after.
fn is_sent_back(answer: &Value, later: &[Value]) -> bool {
    let body = |step: &Value| serde_json::from_str(step["body"].as_str()?).ok();
    answer.is_object() && later.iter().any(|step| body(step).as_ref() == Some(answer))
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

fn recorded_answer(step: &Value) -> Answer {
    let status = u16::try_from(step["status"].as_u64().unwrap()).unwrap();
    let body = if step["response"] == "" { Value::Null } else { step["response"].clone() };
    Answer::new(status, body)
}

/// A recorded step in the form of our own cases.
fn own_form(step: &Value, all: &[Value]) -> Map<String, Value> {
    let mut step = step.clone();
    let references = step["refs"].as_array().cloned().unwrap_or_default();
    for reference in &references {
        let from = usize::try_from(reference["fromStep"].as_u64().unwrap()).unwrap();
        let pointer = reference["from"].as_str().unwrap();
        let etag = pointer == "responseHeaders etag";
        let found =
            if etag { all[from].pointer("/responseHeaders/etag") } else { all[from]["response"].pointer(pointer) };
        let Some(old) = found.and_then(Value::as_str) else { continue };
        let reference = if etag { format!("${{{from}/@etag}}") } else { format!("${{{from}{pointer}}}") };
        // Within the JSON text of the step.
        let old = Value::from(old).to_string();
        for field in ["path", "query", "body", "headers"] {
            let replaced = step[field].to_string().replace(&old[1..old.len() - 1], &reference);
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
