//! What `kubectl describe pod` shows of the steps of a pod's life, in kubelet's words.
//! It must not know a clock or a client.

use serde_json::Value;

use super::status;
use super::timeline::Stage;
use crate::note::Note;
use crate::{condition, pod, read};

/// The notes of the step just taken; `before` is the pod as it was.
pub(super) fn of(before: &Value, stage: &Stage, detailed: bool) -> Vec<Note> {
    match stage {
        Stage::Creating if detailed => pulling(before),
        Stage::Creating => Vec::new(),
        Stage::PullFailed { backing_off, .. } => pull_failed(before, *backing_off),
        Stage::Running { ready: Some(_), .. } if pod::phase(before) == "Running" => Vec::new(),
        Stage::Running { ready, restarts, .. } => started(before, (ready.is_some(), *restarts), detailed),
        Stage::CrashBackOff { .. } => back_off(before),
        Stage::Finished { .. } if pod::phase(before) == "Pending" => started(before, (true, 0), detailed),
        Stage::Finished { .. } => Vec::new(),
    }
}

/// The notes of a pod that is told to stop.
pub(super) fn killing(pod: &Value) -> Vec<Note> {
    containers(pod).map(|(name, _)| Note::normal("Killing", format!("Stopping container {name}"))).collect()
}

fn containers(pod: &Value) -> impl Iterator<Item = (&str, &str)> {
    read::items(pod, "/spec/containers").map(|container| {
        (read::text(container, "/name").unwrap_or_default(), read::text(container, "/image").unwrap_or_default())
    })
}

fn pulling(pod: &Value) -> Vec<Note> {
    containers(pod).map(|(_, image)| Note::normal("Pulling", format!("Pulling image \"{image}\""))).collect()
}

fn pull_failed(pod: &Value, backing_off: bool) -> Vec<Note> {
    let notes = |(_, image): (&str, &str)| {
        if backing_off {
            [
                Note::normal("BackOff", format!("Back-off pulling image \"{image}\"")),
                Note::warning("Failed", "Error: ImagePullBackOff"),
            ]
        } else {
            let why = status::pull_error(image);
            [
                Note::warning("Failed", format!("Failed to pull image \"{image}\": {why}")),
                Note::warning("Failed", "Error: ErrImagePull"),
            ]
        }
    };
    containers(pod).flat_map(notes).collect()
}

fn started(pod: &Value, (ready, restarts): (bool, i64), detailed: bool) -> Vec<Note> {
    let mut notes = Vec::new();
    for (name, image) in containers(pod) {
        if detailed && restarts == 0 {
            notes.push(Note::normal("Pulled", format!("Successfully pulled image \"{image}\" (simulated)")));
            notes.push(Note::normal("Created", format!("Created container: {name}")));
        }
        notes.push(Note::normal("Started", format!("Started container {name}")));
    }
    let never = pod::requested_failure(pod) == Some(pod::Failure::NeverReady);
    if never && !ready && condition::find(pod, "Ready").is_some() {
        let message = format!("Readiness probe failed: simulated, as annotation {} asks", crate::FAIL);
        notes.push(Note::warning("Unhealthy", message));
    }
    notes
}

fn back_off(pod: &Value) -> Vec<Note> {
    let place = pod::full_name(pod);
    let message = |name| format!("Back-off restarting failed container {name} in pod {place}");
    containers(pod).map(|(name, _)| Note::warning("BackOff", message(name))).collect()
}
