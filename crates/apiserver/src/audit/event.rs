//! What is recorded of a request: `audit.k8s.io/v1` `Event`.
//! It must not know where it goes.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::policy::{Chosen, Level, Stage};
use crate::authz::Decision;
use crate::identity::Identity;

/// What is known of a request before it is answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) chosen: Chosen,
    pub(super) id: String,
    pub(super) received: Timestamp,
    pub(super) uri: String,
    pub(super) verb: String,
    pub(super) user: Arc<Identity>,
    pub(super) acting: Option<Arc<Identity>>,
    pub(super) peer: Option<IpAddr>,
    pub(super) agent: String,
    /// `objectRef`; empty for paths that are no resource.
    pub(super) object: Vec<(&'static str, String)>,
    pub(super) decision: Option<Decision>,
    pub(super) sent: Bytes,
}

/// One line of the log.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) known: Arc<Known>,
    pub(super) stage: Stage,
    pub(super) at: Timestamp,
    pub(super) code: Option<u16>,
    pub(super) answered: Bytes,
}

impl Event {
    /// As JSON. Made where the log is written, off the path of the request.
    pub(super) fn to_json(&self) -> Value {
        let known = &self.known;
        let mut event = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": known.chosen.level.name(),
            "auditID": known.id, "stage": self.stage.name(), "requestURI": known.uri, "verb": known.verb,
            "user": known.user.user_info(), "requestReceivedTimestamp": micros(known.received),
            "stageTimestamp": micros(self.at),
        });
        if let Some(acting) = &known.acting {
            event["impersonatedUser"] = acting.user_info();
        }
        if let Some(peer) = known.peer {
            event["sourceIPs"] = json!([peer]);
        }
        if !known.agent.is_empty() {
            event["userAgent"] = json!(known.agent);
        }
        if !known.object.is_empty() {
            let given = known.object.iter().filter(|(_, value)| !value.is_empty());
            event["objectRef"] =
                given.map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<Map<_, _>>().into();
        }
        if let Some(code) = self.code {
            event["responseStatus"] = json!({"metadata": {}, "code": code});
        }
        self.add_bodies(&mut event);
        self.add_decision(&mut event);
        event
    }

    fn add_bodies(&self, event: &mut Value) {
        let level = self.known.chosen.level;
        if level >= Level::Request && !self.known.sent.is_empty() {
            event["requestObject"] = self.body(&self.known.sent);
        }
        if level >= Level::RequestResponse && !self.answered.is_empty() {
            event["responseObject"] = self.body(&self.answered);
        }
    }

    /// A body as an object; one that is no JSON as text, so that it is there at least.
    fn body(&self, bytes: &Bytes) -> Value {
        let mut value = serde_json::from_slice(bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(bytes)));
        if self.known.chosen.omit_managed_fields {
            let items = value.get_mut("items").and_then(Value::as_array_mut);
            items.into_iter().flatten().for_each(drop_managed_fields);
            drop_managed_fields(&mut value);
        }
        value
    }

    fn add_decision(&self, event: &mut Value) {
        let Some(decision) = &self.known.decision else { return };
        let word = if decision.allowed { "allow" } else { "forbid" };
        event["annotations"] = json!({
            "authorization.k8s.io/decision": word,
            "authorization.k8s.io/reason": decision.reason,
        });
    }
}

fn drop_managed_fields(object: &mut Value) {
    object.get_mut("metadata").and_then(Value::as_object_mut).into_iter().for_each(|m| drop(m.remove("managedFields")));
}

/// `metav1.MicroTime`.
fn micros(time: Timestamp) -> String {
    format!("{time:.6}")
}
