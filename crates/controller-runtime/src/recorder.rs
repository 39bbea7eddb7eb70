//! Records Events (core/v1) about objects: what `kubectl describe` and the timeline show.

use std::sync::Arc;

use jiff::Timestamp;
use mainstay_apimachinery::object;
use mainstay_telemetry::Thread;
use mainstay_telemetry::thread::ANNOTATION;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clock::{format_micros, format_seconds};
use crate::context::{Context, resource};
use crate::correlator::{Correlator, Similar, Verdict};

/// How the message of an Event begins that stands for many; client-go's words.
const COMBINED: &str = "(combined from similar events): ";

/// Whether an Event tells of something good or bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// As it should be.
    Normal,
    /// Somebody should look.
    Warning,
}

impl EventType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// What happened.
#[derive(Clone, Debug)]
pub struct Note<'a> {
    event_type: EventType,
    reason: &'a str,
    message: &'a str,
    thread: Option<&'a Thread>,
    component: Option<&'a str>,
    at: Option<Timestamp>,
}

impl<'a> Note<'a> {
    /// Something as it should be; the reason is in PascalCase.
    #[must_use]
    pub fn normal(reason: &'a str, message: &'a str) -> Self {
        Self { event_type: EventType::Normal, reason, message, thread: None, component: None, at: None }
    }

    /// Something that somebody should look at.
    #[must_use]
    pub fn warning(reason: &'a str, message: &'a str) -> Self {
        Self { event_type: EventType::Warning, reason, message, thread: None, component: None, at: None }
    }

    /// Who says it, if not the recorder's own component.
    #[must_use]
    pub fn component(mut self, component: &'a str) -> Self {
        self.component = Some(component);
        self
    }

    /// When it happened, if not just now.
    #[must_use]
    pub fn at(mut self, time: Timestamp) -> Self {
        self.at = Some(time);
        self
    }

    /// What it was done for.
    #[must_use]
    pub fn thread(mut self, thread: Option<&'a Thread>) -> Self {
        self.thread = thread;
        self
    }
}

/// Records Events in one cluster under one component's name. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    context: Context,
    component: String,
    correlator: Option<Arc<Correlator>>,
}

impl Recorder {
    /// A recorder for a component, such as `mainstay-gitops`.
    #[must_use]
    pub fn new(context: &Context, component: &str) -> Self {
        Self { context: context.clone(), component: component.to_owned(), correlator: None }
    }

    /// Gathers similar Events into one and holds back floods, as client-go's recorder does.
    #[must_use]
    pub fn correlated(mut self) -> Self {
        self.correlator = Some(Arc::default());
        self
    }

    /// Records that something happened to an object. The same happening again raises the Event's `count`.
    ///
    /// An Event that cannot be written is logged, never an error: nothing depends on it.
    pub async fn record(&self, about: &Value, note: Note<'_>) {
        let component = note.component.unwrap_or(&self.component);
        let similar = Similar { component, uid: object::uid(about), reason: note.reason, message: note.message };
        let verdict =
            self.correlator.as_ref().map_or(Verdict::Write, |it| it.judge(&similar, self.context.clock.now()));
        let event = match verdict {
            Verdict::HoldBack => return,
            Verdict::Write => self.event(about, &note, note.message),
            Verdict::Combine => self.combined(about, &note),
        };
        let namespace = object::namespace(&event).unwrap_or("default").to_owned();
        let api = self.context.api(&resource("", "v1", "Event", "events"), Some(&namespace));
        let result = match api.create(&self.component, &event).await {
            Err(error) if error.is_conflict() => self.repeat(&api, &event).await,
            other => other.map(drop),
        };
        if let Err(error) = result
            && !self.context.shutdown.is_cancelled()
        {
            tracing::warn!(error = %mainstay_telemetry::chain(&error), reason = note.reason, "failed to record event");
        }
    }

    /// One Event for all that are like this one, with the last one's message.
    fn combined(&self, about: &Value, note: &Note<'_>) -> Value {
        let mut event = self.event(about, note, COMBINED);
        event["message"] = json!(format!("{COMBINED}{}", note.message));
        event
    }

    async fn repeat(&self, api: &crate::Api, event: &Value) -> Result<(), crate::api::Error> {
        let name = object::name(event);
        let Some(known) = api.get(name).await? else { return Ok(()) };
        let count = known.get("count").and_then(Value::as_i64).unwrap_or(1) + 1;
        let (time, message) = (&event["lastTimestamp"], &event["message"]);
        let patch = json!({"count": count, "lastTimestamp": time, "message": message});
        api.merge_patch(&self.component, name, None, &patch).await.map(drop)
    }

    /// The Event; those of the same `subject` are one.
    fn event(&self, about: &Value, note: &Note<'_>, subject: &str) -> Value {
        let Note { event_type, reason, message, thread, component, at } = note;
        let component = component.unwrap_or(&self.component);
        let time = at.unwrap_or_else(|| self.context.clock.now());
        let (seconds, micros) = (format_seconds(time), format_micros(time));
        let thread = thread.map(ToString::to_string);
        let namespace = object::namespace(about).unwrap_or("default");
        let name = event_name(about, reason, subject, thread.as_deref());
        let mut event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {
                "apiVersion": object::api_version(about), "kind": object::kind(about), "name": object::name(about),
                "namespace": object::namespace(about), "uid": object::uid(about),
            },
            "type": event_type.as_str(), "reason": reason, "message": message, "count": 1, "action": reason,
            "eventTime": micros, "firstTimestamp": seconds, "lastTimestamp": seconds,
            "reportingComponent": component, "reportingInstance": component,
            "source": {"component": component},
        });
        if object::namespace(about).is_none()
            && let Some(involved) = event["involvedObject"].as_object_mut()
        {
            involved.remove("namespace");
        }
        if let Some(thread) = thread {
            object::set_annotation(&mut event, ANNOTATION, &thread);
        }
        event
    }
}

/// One name per (object, reason, message, thread), so that a repetition finds the Event again.
fn event_name(about: &Value, reason: &str, message: &str, thread: Option<&str>) -> String {
    let mut hash = Sha256::new();
    for part in [object::uid(about), reason, message, thread.unwrap_or_default()] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hex: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{hex}", object::name(about))
}
