//! Health of an object as Argo CD judges it: the checks it has built in, and what `Ready` says of any custom resource.
//! It must not know applications as a whole, hooks, or checks that users bring.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::gvk::split_api_version;
use crate::object;

mod custom;
mod network;
mod pods;
mod workloads;

/// How an object is, from best to worst, in Argo CD's order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// As it should be.
    Healthy,
    /// Waits for someone, such as a paused Deployment.
    Suspended,
    /// On the way.
    Progressing,
    /// Desired but not there.
    Missing,
    /// Failed, or cannot become healthy by itself.
    Degraded,
    /// Cannot be told.
    #[default]
    Unknown,
}

impl Status {
    /// The word Argo CD uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Suspended => "Suspended",
            Self::Progressing => "Progressing",
            Self::Missing => "Missing",
            Self::Degraded => "Degraded",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no health status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a health status; use Healthy, Suspended, Progressing, Missing, Degraded or Unknown")]
pub struct UnknownStatus(String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        [Self::Healthy, Self::Suspended, Self::Progressing, Self::Missing, Self::Degraded, Self::Unknown]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// How an object is, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// How it is.
    pub status: Status,
    /// Why; may be empty.
    pub message: String,
}

impl Health {
    /// A status with its reason.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    fn healthy(message: impl Into<String>) -> Self {
        Self::new(Status::Healthy, message)
    }

    fn progressing(message: impl Into<String>) -> Self {
        Self::new(Status::Progressing, message)
    }

    fn degraded(message: impl Into<String>) -> Self {
        Self::new(Status::Degraded, message)
    }
}

const HOOK_FINALIZER: &str = "argocd.argoproj.io/hook-finalizer";

/// Whether an object is only waiting to be gone. A hook that has ended is not, though it is being deleted.
#[must_use]
pub fn is_pending_deletion(object: &Value) -> bool {
    object::is_deleting(object) && !object::finalizers(object).any(|finalizer| finalizer == HOOK_FINALIZER)
}

/// The health of an object; `None` for kinds that have none, such as a ConfigMap.
#[must_use]
pub fn of(object: &Value) -> Option<Health> {
    if is_pending_deletion(object) {
        return Some(Health::progressing("Pending deletion"));
    }
    let (group, _) = split_api_version(object::api_version(object));
    match (group, object::kind(object)) {
        ("apps", "Deployment") => Some(workloads::deployment(object)),
        ("apps", "StatefulSet") => Some(workloads::stateful_set(object)),
        ("apps", "DaemonSet") => Some(workloads::daemon_set(object)),
        ("apps", "ReplicaSet") => Some(workloads::replica_set(object)),
        ("", "Pod") => Some(pods::pod(object)),
        ("batch", "Job") => Some(pods::job(object)),
        ("", "PersistentVolumeClaim") => Some(network::volume_claim(object)),
        ("", "Service") => Some(network::service(object)),
        ("networking.k8s.io" | "extensions", "Ingress") => Some(network::ingress(object)),
        ("autoscaling", "HorizontalPodAutoscaler") => Some(network::autoscaler(object)),
        ("apiregistration.k8s.io", "APIService") => Some(network::api_service(object)),
        ("argoproj.io", "Application") => Some(custom::application(object)),
        ("argoproj.io", "Workflow") => Some(custom::workflow(object)),
        ("cert-manager.io", "Certificate") => Some(custom::certificate(object)),
        (group, _) if is_custom(group) => custom::resource(object),
        _ => None,
    }
}

/// The worst of several; healthy if there are none.
pub fn aggregate(all: impl IntoIterator<Item = Health>) -> Health {
    // Of equally bad ones the first is named.
    all.into_iter().fold(Health::healthy(""), |worst, next| if next.status > worst.status { next } else { worst })
}

/// Whether a group belongs to custom resources, going by the names Kubernetes keeps for itself.
fn is_custom(group: &str) -> bool {
    let reserved = group.ends_with(".k8s.io") && !group.ends_with(".x-k8s.io") && group != "gateway.networking.k8s.io";
    group.contains('.') && !reserved
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// One condition of an object.
struct Condition<'a>(&'a Value);

impl<'a> Condition<'a> {
    fn get(&self, field: &str) -> &'a str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    fn is(&self, type_: &str, status: &str) -> bool {
        self.get("type") == type_ && self.get("status") == status
    }
}

fn conditions(object: &Value) -> impl Iterator<Item = Condition<'_>> {
    list(object, "/status/conditions").iter().map(Condition)
}

fn condition<'a>(object: &'a Value, type_: &str) -> Option<Condition<'a>> {
    conditions(object).find(|condition| condition.get("type") == type_)
}

#[cfg(test)]
mod tests;
