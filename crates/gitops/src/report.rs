//! Writes what was seen and done: status and conditions of the Application, Events. Only what changed is written.
//! It must not decide anything; it says what others found.

mod status;

pub(crate) use status::{Findings, build, conditions, differs_in_detail, pace, unknown_health};

use jiff::{SignedDuration, Timestamp};
use mainstay_api::argoproj::{self, ApplicationStatus};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::recorder::Note;
use mainstay_controller_runtime::{Class, Classify, Context, Recorder, api, context};
use mainstay_telemetry::Thread;
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;

use crate::MANAGER;

/// Writing the application failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to report on application {name}")]
pub(crate) struct Error {
    name: String,
    #[source]
    source: api::Error,
}

impl Classify for Error {
    fn class(&self) -> Class {
        // Gone, or changed meanwhile: the watch tells.
        if self.source.is_not_found() { Class::Wait } else { Class::Retry }
    }
}

/// What is written besides the status.
#[derive(Clone, Debug, Default)]
pub(crate) struct Besides {
    /// Whether `.operation` was taken up.
    pub(crate) operation_taken: bool,
    /// Annotations to set, or to remove with `None`.
    pub(crate) annotations: Vec<(&'static str, Option<String>)>,
    /// All finalizers it is to have, if others than it has.
    pub(crate) finalizers: Option<Vec<String>>,
}

/// The Application API.
pub(crate) fn applications(control: &Context, namespace: &str) -> api::Api {
    let resource = context::resource(argoproj::GROUP, argoproj::VERSION, "Application", "applications");
    control.api(&resource, Some(namespace))
}

/// Writes a status, if it differs from the one the application has. Gives the application as it is then.
///
/// The CRD has no status subresource (as upstream), so this is a merge patch of the object that holds nothing but
/// what changed; taking up an operation also insists on the version that was read.
pub(crate) async fn write(
    control: &Context,
    app: &Value,
    status: &ApplicationStatus,
    besides: &Besides,
) -> Result<Option<Value>, Error> {
    let status = serde_json::to_value(status).expect("a status holds strings, numbers, lists and maps");
    let old = app.get("status").cloned().unwrap_or_else(|| json!({}));
    let Some(patch) = patch(app, difference(&old, &status), besides) else { return Ok(None) };
    let name = object::name(app);
    let api = applications(control, object::namespace(app).unwrap_or_default());
    let written = api.merge_patch(MANAGER, name, None, &patch).await;
    written.map(Some).map_err(|source| Error { name: name.to_owned(), source })
}

fn patch(app: &Value, status: Option<Value>, besides: &Besides) -> Option<Value> {
    let mut patch = Map::new();
    patch.extend(status.map(|status| ("status".to_owned(), status)));
    let mut metadata = Map::new();
    if besides.operation_taken {
        patch.insert("operation".to_owned(), Value::Null);
        metadata.extend(object::resource_version(app).map(|version| ("resourceVersion".to_owned(), version.into())));
    }
    let annotations: Map<String, Value> = besides
        .annotations
        .iter()
        .filter(|(key, value)| object::annotation(app, key) != value.as_deref())
        .map(|(key, value)| ((*key).to_owned(), value.clone().map_or(Value::Null, Value::String)))
        .collect();
    if let Some(finalizers) = &besides.finalizers {
        metadata.insert("finalizers".to_owned(), json!(finalizers));
        metadata.extend(object::resource_version(app).map(|version| ("resourceVersion".to_owned(), version.into())));
    }
    if !annotations.is_empty() {
        metadata.insert("annotations".to_owned(), Value::Object(annotations));
    }
    if !metadata.is_empty() {
        patch.insert("metadata".to_owned(), Value::Object(metadata));
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// The JSON merge patch that leads from one value to another; `None` if they are equal.
fn difference(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return Some(new.clone()) };
    let mut patch = Map::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in new {
        match old.get(key) {
            Some(before) => patch.extend(difference(before, value).map(|change| (key.clone(), change))),
            None => drop(patch.insert(key.clone(), value.clone())),
        }
    }
    Some(Value::Object(patch))
}

/// One Event to be recorded.
pub(crate) struct Notice {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) warning: bool,
    /// When it happened: it is written later, when others may have written what followed from it.
    pub(crate) time: Timestamp,
}

/// Records Events about an application, one after the other, without keeping anybody waiting. `before` is an earlier
/// batch that must be through first, so that watchers see them in order.
pub(crate) fn record(
    (control, recorder): (&Context, &Recorder),
    app: &Value,
    cause: Thread,
    notices: Vec<Notice>,
    before: Option<JoinHandle<()>>,
) -> JoinHandle<()> {
    let metadata = app.get("metadata").cloned().unwrap_or_default();
    let about = json!({"apiVersion": object::api_version(app), "kind": object::kind(app), "metadata": metadata});
    let (recorder, pending) = (recorder.clone(), control.probe.begin());
    tokio::spawn(async move {
        if let Some(before) = before {
            // It cannot fail but by shutdown.
            let _ = before.await;
        }
        let mut next = Timestamp::MIN;
        for notice in notices {
            let time = notice.time.max(next);
            // Times of Events are told in microseconds.
            next = time.saturating_add(SignedDuration::from_micros(1)).unwrap_or(time);
            let note = if notice.warning { Note::warning } else { Note::normal };
            let note = note(notice.reason, &notice.message).at(time);
            recorder.record(&about, note.thread(Some(&cause))).await;
        }
        drop(pending);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_holds_only_what_changed() {
        let old = json!({"a": 1, "b": {"c": 1, "d": 2}, "e": [1]});
        let new = json!({"a": 1, "b": {"c": 1, "d": 3}, "f": 5});
        assert_eq!(difference(&old, &new), Some(json!({"b": {"d": 3}, "e": null, "f": 5})));
        assert_eq!(difference(&old, &old), None);
    }

    #[test]
    fn taking_up_an_operation_insists_on_the_version_read() {
        let app = json!({"metadata": {"name": "a", "resourceVersion": "7", "annotations": {"argocd.argoproj.io/refresh": "hard"}}});
        let besides = Besides {
            operation_taken: true,
            annotations: vec![(argoproj::REFRESH, None), (argoproj::PINNED_REVISION, None)],
            finalizers: None,
        };
        let expected = json!({"operation": null, "metadata": {"resourceVersion": "7", "annotations": {"argocd.argoproj.io/refresh": null}}});
        assert_eq!(patch(&app, None, &besides), Some(expected));
        assert_eq!(patch(&app, None, &Besides::default()), None);
    }
}
