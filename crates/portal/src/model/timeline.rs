//! What happened to an application, by commit: its Events and the conditions of its objects in one line of time.
//! It must not know what time it is: it tells when things happened, not how long ago.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use mainstay_telemetry::thread::ANNOTATION;
use serde::Serialize;
use serde_json::Value;

use super::health::text;
use super::tree::Tree;
use super::{Located, ObjectRef, World};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When.
    pub time: Timestamp,
    /// Whether the time is known below the second.
    pub precise: bool,
    /// Whether somebody should look.
    pub warning: bool,
    /// Who says so, such as `gitops`.
    pub component: String,
    /// Reason in PascalCase.
    pub reason: String,
    /// In words.
    pub message: String,
    /// What it happened to.
    pub object: ObjectRef,
    /// How often, if more than once.
    pub count: i64,
    /// The commit it happened for, `<repository>@<sha>`.
    pub thread: Option<String>,
}

impl Entry {
    /// The latest moment it can have happened: what is known to the second only mostly follows what is known better.
    fn latest(&self) -> Timestamp {
        let blur = if self.precise { SignedDuration::ZERO } else { SignedDuration::from_millis(999) };
        self.time.saturating_add(blur).unwrap_or(self.time)
    }
}

/// All that happened for one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Thread {
    /// The commit, `<repository>@<sha>`; `None` for what no commit caused.
    pub thread: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// What happened, in order.
    pub entries: Vec<Entry>,
}

impl Thread {
    /// How long after the beginning something happened.
    #[must_use]
    pub fn offset(&self, entry: &Entry) -> SignedDuration {
        // A time of whole seconds may lie before a beginning that is known to the millisecond.
        entry.time.duration_since(self.started).max(SignedDuration::ZERO)
    }

    /// From the first to the last thing that happened.
    #[must_use]
    pub fn duration(&self) -> SignedDuration {
        self.entries.iter().map(|entry| self.offset(entry)).max().unwrap_or_default()
    }
}

/// What happened to an application, the newest commit first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// By commit.
    pub threads: Vec<Thread>,
}

/// Builds the timeline of an application from its Events and the conditions of the objects in its tree.
#[must_use]
pub fn timeline(world: &World, tree: &Tree) -> Timeline {
    let belongs = Belongs::new(tree);
    let mut entries: Vec<Entry> = world.events.iter().filter_map(|event| from_event(event, &belongs)).collect();
    entries.extend(conditions(world, tree));
    entries.sort_by_key(Entry::latest);
    adopt(&mut entries);
    Timeline { threads: group(entries) }
}

/// Which objects are the application's, also such as are gone.
struct Belongs {
    objects: std::collections::HashSet<String>,
    /// Cluster, namespace and prefix of names of objects that a workload made.
    prefixes: Vec<(String, String, String)>,
}

impl Belongs {
    fn new(tree: &Tree) -> Self {
        let objects = tree.nodes.iter().map(|node| node.object.to_string()).collect();
        let workloads = tree.nodes.iter().map(|node| &node.object);
        let workloads = workloads.filter(|object| matches!(object.kind.as_str(), "Deployment" | "StatefulSet" | "Job"));
        let prefix =
            |object: &ObjectRef| (object.cluster.clone(), object.namespace.clone(), format!("{}-", object.name));
        Self { objects, prefixes: workloads.map(prefix).collect() }
    }

    fn has(&self, object: &ObjectRef) -> bool {
        let is_made = matches!(object.kind.as_str(), "Pod" | "ReplicaSet");
        self.objects.contains(&object.to_string())
            || is_made
                && self.prefixes.iter().any(|(cluster, namespace, prefix)| {
                    *cluster == object.cluster && *namespace == object.namespace && object.name.starts_with(prefix)
                })
    }
}

fn from_event(event: &Located, belongs: &Belongs) -> Option<Entry> {
    let value = &event.object;
    let object = involved(&event.cluster, value);
    if !belongs.has(&object) {
        return None;
    }
    let (time, precise) = event_time(value)?;
    Some(Entry {
        time,
        precise,
        warning: value["type"] == "Warning",
        component: component(value),
        reason: text(&value["reason"]).to_owned(),
        message: text(&value["message"]).to_owned(),
        object,
        count: value["count"].as_i64().or_else(|| value["series"]["count"].as_i64()).unwrap_or(1),
        thread: object::annotation(value, ANNOTATION).map(str::to_owned),
    })
}

/// The object that an Event is about.
pub(crate) fn involved(cluster: &str, event: &Value) -> ObjectRef {
    let about = &event["involvedObject"];
    let (group, version) = mainstay_apimachinery::gvk::split_api_version(text(&about["apiVersion"]));
    ObjectRef {
        cluster: cluster.to_owned(),
        group: group.to_owned(),
        version: version.to_owned(),
        kind: text(&about["kind"]).to_owned(),
        namespace: text(&about["namespace"]).to_owned(),
        name: text(&about["name"]).to_owned(),
    }
}

/// When it happened, and whether that is known below the second.
fn event_time(event: &Value) -> Option<(Timestamp, bool)> {
    let parse = |value: &Value| text(value).parse::<Timestamp>().ok();
    if let Some(time) = parse(&event["eventTime"]) {
        return Some((time, true));
    }
    let time = parse(&event["firstTimestamp"]).or_else(|| parse(&event["lastTimestamp"]))?;
    Some((time, false))
}

/// `mainstay-gitops` → `gitops`.
fn component(event: &Value) -> String {
    let reporting = text(&event["reportingComponent"]);
    let name = if reporting.is_empty() { text(&event["source"]["component"]) } else { reporting };
    name.strip_prefix("mainstay-").unwrap_or(name).to_owned()
}

/// The conditions that tell a change of state, of the objects that have any.
fn conditions<'a>(world: &'a World, tree: &'a Tree) -> impl Iterator<Item = Entry> + 'a {
    const TOLD: [&str; 3] = ["Ready", "Available", "ComparisonError"];
    let live: BTreeMap<String, &Value> =
        world.objects.iter().map(|located| (located.reference().to_string(), &located.object)).collect();
    tree.nodes
        .iter()
        .filter(|node| !matches!(node.object.kind.as_str(), "Pod" | "ReplicaSet"))
        .filter_map(move |node| Some((node, *live.get(&node.object.to_string())?)))
        .flat_map(|(node, value)| {
            let conditions = value["status"]["conditions"].as_array().into_iter().flatten();
            conditions.filter_map(|condition| from_condition(&node.object, value, condition))
        })
        .filter(|entry| TOLD.iter().any(|told| entry.reason.starts_with(told)))
}

fn from_condition(object: &ObjectRef, value: &Value, condition: &Value) -> Option<Entry> {
    let time = text(&condition["lastTransitionTime"]).parse().ok()?;
    let (kind, is_true) = (text(&condition["type"]), condition["status"] == "True");
    let message = text(&condition["message"]);
    Some(Entry {
        time,
        precise: false,
        warning: !is_true,
        component: "condition".to_owned(),
        reason: if is_true { kind.to_owned() } else { format!("{kind}={}", text(&condition["status"])) },
        message: if message.is_empty() { text(&condition["reason"]).to_owned() } else { message.to_owned() },
        object: object.clone(),
        count: 1,
        thread: object::annotation(value, ANNOTATION).map(str::to_owned),
    })
}

/// Gives entries that carry no commit the one that was at work then.
fn adopt(entries: &mut [Entry]) {
    let mut at_work: Option<String> = None;
    for entry in entries {
        match &entry.thread {
            Some(thread) => at_work = Some(thread.clone()),
            None => entry.thread.clone_from(&at_work),
        }
    }
}

fn group(entries: Vec<Entry>) -> Vec<Thread> {
    let mut threads: Vec<Thread> = Vec::new();
    for entry in entries {
        match threads.iter_mut().find(|known| known.thread == entry.thread) {
            Some(known) => known.entries.push(entry),
            None => threads.push(Thread { thread: entry.thread.clone(), started: entry.time, entries: vec![entry] }),
        }
    }
    for thread in &mut threads {
        start(thread);
    }
    threads.sort_by_key(|thread| std::cmp::Reverse(thread.started));
    threads
}

/// The beginning is the first time that is known well; a condition's whole second may lie before it.
fn start(thread: &mut Thread) {
    let precise = thread.entries.iter().filter(|entry| entry.precise).map(|entry| entry.time).min();
    thread.started = precise.unwrap_or(thread.started);
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;
    use serde_json::json;

    fn event(reason: &str, name: &str, time: &str, thread: Option<&str>) -> Located {
        let mut object = json!({
            "kind": "Event", "reason": reason, "type": "Normal", "message": "m", "eventTime": time,
            "reportingComponent": "mainstay-gitops", "metadata": {"annotations": {}},
            "involvedObject": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "namespace": "argocd", "name": name},
        });
        if let Some(thread) = thread {
            object["metadata"]["annotations"][ANNOTATION] = json!(thread);
        }
        Located { cluster: "control".into(), object }
    }

    #[test]
    fn groups_by_commit_newest_first() {
        let application = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"namespace": "argocd", "name": "a"},
        });
        let events = vec![
            event("CommitReceived", "a", "2026-01-01T00:00:00.100000Z", Some("apps@1")),
            event("SyncSucceeded", "a", "2026-01-01T00:00:00.350000Z", None),
            event("CommitReceived", "a", "2026-01-01T00:01:00.000000Z", Some("apps@2")),
            event("CommitReceived", "other", "2026-01-01T00:01:00.000000Z", Some("apps@3")),
        ];
        let world = World { control: "control".into(), application, events, ..World::default() };
        let timeline = timeline(&world, &tree(&world));
        let threads: Vec<_> = timeline.threads.iter().map(|thread| thread.thread.as_deref()).collect();
        assert_eq!(threads, [Some("apps@2"), Some("apps@1")]);
        let first = &timeline.threads[1];
        assert_eq!(first.entries.len(), 2);
        assert_eq!(first.duration(), SignedDuration::from_millis(250));
        assert_eq!(first.entries[0].component, "gitops");
    }
}
