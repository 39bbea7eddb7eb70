//! Says how things stand: status, conditions and Events, from what was planned and done.
//! It must not do anything else.

use mainstay_api::kro;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Context, Note, Recorder};
use mainstay_telemetry::Thread;
use serde_json::{Map, Value, json};

use crate::apply::Applied;
use crate::conditions::{Conditions, Truth, is_true};
use crate::graph::Graph;
use crate::plan::{Readiness, State};
use crate::problem::Problem;

/// How an instance stands.
#[derive(Debug)]
pub struct Standing {
    /// `status.state`.
    pub state: &'static str,
    /// Condition `GraphResolved`: reason and message.
    pub resolved: (Truth, &'static str, String),
    /// Condition `ResourcesReady`: reason and message.
    pub ready: (Truth, &'static str, String),
}

impl Standing {
    /// Judges a reconcile.
    #[must_use]
    pub fn of(applied: &Applied) -> Self {
        let resolved = resolved(applied);
        let ready = if resolved.0 == Truth::False {
            (Truth::False, "GraphNotResolved", "some resources cannot be resolved; see GraphResolved".to_owned())
        } else {
            ready(applied)
        };
        let state = match (&resolved.0, &ready) {
            (Truth::False, _) | (_, (_, "ApplyFailed", _)) => "ERROR",
            (Truth::True, (Truth::True, ..)) => "ACTIVE",
            _ => "IN_PROGRESS",
        };
        Self { state, resolved, ready }
    }
}

fn resolved(applied: &Applied) -> (Truth, &'static str, String) {
    if !applied.plan.refusals.is_empty() {
        return (Truth::False, "InvalidSpec", applied.plan.refusals.join("; "));
    }
    let named = |wanted: fn(&State) -> Option<&str>| {
        let nodes = applied.plan.nodes.iter();
        nodes.filter_map(|node| Some(format!("resource `{}`: {}", node.id, wanted(&node.state)?))).collect::<Vec<_>>()
    };
    let failed = named(|state| match state {
        State::Failed { why } => Some(why),
        _ => None,
    });
    if !failed.is_empty() {
        return (Truth::False, "ExpressionFailed", failed.join("; "));
    }
    let waiting = named(|state| match state {
        State::Waiting { why } => Some(why),
        _ => None,
    });
    match waiting.is_empty() {
        true => (Truth::True, "Resolved", String::new()),
        false => (Truth::Unknown, "Waiting", waiting.join("; ")),
    }
}

fn ready(applied: &Applied) -> (Truth, &'static str, String) {
    if !applied.failures.is_empty() {
        let text = applied.failures.iter().map(|failure| format!("resource `{}`: {}", failure.id, failure.message));
        return (Truth::False, "ApplyFailed", text.collect::<Vec<_>>().join("; "));
    }
    let (mut waiting, mut skipped, mut count) = (Vec::new(), Vec::new(), 0);
    for node in &applied.plan.nodes {
        match &node.state {
            State::Desired { readiness, .. } | State::External { readiness } => match readiness {
                Readiness::Ready => count += 1,
                Readiness::Missing { why } | Readiness::NotReady { why } => {
                    waiting.push(format!("resource `{}`: {why}", node.id));
                }
            },
            State::Waiting { why } | State::Failed { why } => waiting.push(format!("resource `{}`: {why}", node.id)),
            State::Skipped { .. } => skipped.push(format!("`{}`", node.id)),
        }
    }
    if !waiting.is_empty() {
        return (Truth::False, "NotReady", waiting.join("; "));
    }
    let mut message = format!("{count} resources are ready");
    if !skipped.is_empty() {
        message = format!("{message}, skipped: {}", skipped.join(", "));
    }
    (Truth::True, "ResourcesReady", message)
}

/// The status of an instance.
#[must_use]
pub fn instance_status(instance: &Value, fields: &Map<String, Value>, standing: &Standing, now: String) -> Value {
    let mut status = fields.clone();
    status.insert("state".to_owned(), json!(standing.state));
    // A definition that makes its own conditions has them alone, as upstream.
    if !status.contains_key("conditions") {
        let mut conditions = Conditions::of(instance, now);
        conditions.set(kro::INSTANCE_MANAGED, Truth::True, "Managed", "finalizer and labels are set");
        for (kind, (truth, reason, message)) in
            [(kro::GRAPH_RESOLVED, &standing.resolved), (kro::RESOURCES_READY, &standing.ready)]
        {
            conditions.set(kind, *truth, reason, message);
        }
        let (_, reason, message) =
            if standing.resolved.0 == Truth::True { &standing.ready } else { &standing.resolved };
        let truth = if standing.state == "ACTIVE" { Truth::True } else { Truth::False };
        conditions.set(kro::READY, truth, if truth == Truth::True { "Ready" } else { reason }, message);
        status.insert("conditions".to_owned(), conditions.into_value());
    }
    Value::Object(status)
}

/// The status of an instance that nothing is done about: it is suspended, going away, or has no graph.
#[must_use]
pub fn idle_status(instance: &Value, state: &str, (reason, message): (&str, &str), now: String) -> Value {
    let mut status = instance.get("status").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut conditions = Conditions::of(instance, now);
    conditions.set(kro::INSTANCE_MANAGED, Truth::False, reason, message);
    conditions.set(kro::READY, Truth::False, reason, message);
    status.insert("state".to_owned(), json!(state));
    status.insert("conditions".to_owned(), conditions.into_value());
    Value::Object(status)
}

/// The status of a definition.
#[derive(Debug, Default)]
pub struct DefinitionStatus<'a> {
    /// The graph that serves.
    pub graph: Option<&'a Graph>,
    /// What is wrong with the present definition.
    pub problems: &'a [Problem],
    /// Why the kind is not served, if it is not.
    pub kind_error: Option<String>,
    /// Whether a controller runs.
    pub serving: bool,
}

impl DefinitionStatus<'_> {
    /// The status as JSON.
    #[must_use]
    pub fn to_value(&self, definition: &Value, now: String) -> Value {
        let mut conditions = Conditions::of(definition, now);
        let accepted = self.problems.is_empty() && self.graph.is_some();
        let wrong = self.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let kept = if self.graph.is_some() { "; the last good graph keeps serving" } else { "" };
        match accepted {
            true => conditions.set(kro::GRAPH_ACCEPTED, Truth::True, "Valid", "the graph is valid"),
            false => {
                conditions.set(kro::GRAPH_ACCEPTED, Truth::False, "InvalidResourceGraph", &format!("{wrong}{kept}"));
            }
        }
        let kind = self.kind_error.as_deref();
        match (kind, self.graph) {
            (Some(error), _) => conditions.set(kro::KIND_READY, Truth::False, "Failed", error),
            (None, Some(_)) => conditions.set(kro::KIND_READY, Truth::True, "Ready", "the kind is served"),
            (None, None) => conditions.set(kro::KIND_READY, Truth::False, "NoGraph", "there is no valid graph"),
        }
        match self.serving {
            true => conditions.set(kro::CONTROLLER_READY, Truth::True, "Running", "instances are reconciled"),
            false => conditions.set(kro::CONTROLLER_READY, Truth::False, "NotRunning", "instances are not reconciled"),
        }
        let ready = accepted && kind.is_none() && self.serving;
        match ready {
            true => conditions.set(kro::READY, Truth::True, "Ready", ""),
            false => {
                let why = if accepted { kind.unwrap_or("instances are not reconciled") } else { &wrong };
                conditions.set(kro::READY, Truth::False, "NotReady", why);
            }
        }
        let mut status = json!({
            "state": if ready { "Active" } else { "Inactive" }, "conditions": conditions.into_value(),
        });
        if let Some(graph) = self.graph {
            status["topologicalOrder"] = graph.order().collect();
            status["resources"] = graph
                .dependencies()
                .into_iter()
                .map(|(id, on)| {
                    let on: Vec<_> = on.iter().map(|id| json!({"id": id})).collect();
                    json!({"id": id, "dependencies": on})
                })
                .collect();
        }
        status
    }
}

/// Events about an instance: what was applied, that it became ready, that it failed.
pub async fn events(context: &Context, instance: &Value, applied: &Applied, standing: &Standing) {
    let recorder = Recorder::new(context, crate::MANAGER);
    let thread: Option<Thread> =
        object::annotation(instance, mainstay_telemetry::thread::ANNOTATION).and_then(|text| text.parse().ok());
    let thread = thread.as_ref();
    if !applied.changed.is_empty() {
        let message = format!("applied {}", applied.changed.join(", "));
        recorder.record(instance, Note::normal("ResourcesApplied", &message).thread(thread)).await;
    }
    if !applied.pruned.is_empty() {
        let message = format!("pruned {}", applied.pruned.join(", "));
        recorder.record(instance, Note::normal("ResourcesPruned", &message).thread(thread)).await;
    }
    if standing.state == "ACTIVE" && !(is_true(instance, kro::READY) && is_current(instance)) {
        recorder.record(instance, Note::normal("InstanceReady", &standing.ready.2).thread(thread)).await;
    }
    let failed = standing.state == "ERROR";
    let (_, _, message) = if standing.resolved.0 == Truth::False { &standing.resolved } else { &standing.ready };
    if failed && !is_said(instance, message) {
        recorder.record(instance, Note::warning("InstanceFailed", message).thread(thread)).await;
    }
}

/// An Event about a definition that is not accepted or whose kind cannot be served, once per reason.
pub async fn definition_event(context: &Context, definition: &Value, status: &Value) {
    let conditions = status.get("conditions").and_then(Value::as_array).into_iter().flatten();
    let wanted = [kro::GRAPH_ACCEPTED, kro::KIND_READY];
    let wrong = conditions.filter(|condition| wanted.iter().any(|kind| condition["type"] == *kind));
    let Some(wrong) = wrong.into_iter().find(|condition| condition["status"] == "False") else { return };
    let (reason, message) =
        (wrong["reason"].as_str().unwrap_or_default(), wrong["message"].as_str().unwrap_or_default());
    if !is_said(definition, message) {
        let thread: Option<Thread> =
            object::annotation(definition, mainstay_telemetry::thread::ANNOTATION).and_then(|text| text.parse().ok());
        let note = Note::warning(reason, message).thread(thread.as_ref());
        Recorder::new(context, crate::MANAGER).record(definition, note).await;
    }
}

/// Whether the conditions are about the present generation.
fn is_current(instance: &Value) -> bool {
    let conditions = instance.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == kro::READY);
    ready.is_some_and(|ready| ready["observedGeneration"].as_i64() == Some(object::generation(instance)))
}

/// Whether a condition says so already.
fn is_said(instance: &Value, message: &str) -> bool {
    let conditions = instance.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| condition["message"] == message)
}
