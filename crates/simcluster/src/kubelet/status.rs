//! The status of a pod at a stage of its life, as kubelet writes it. It must not know a clock or a client.

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use serde_json::{Map, Value, json};

use super::timeline::{self, Stage};
use crate::condition::{self, Condition};
use crate::pod::{self, Failure};
use crate::{hash, read};

/// Where a pod runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The node's address.
    pub host_ip: String,
    /// The pod's own address.
    pub pod_ip: String,
    /// When the node took it up.
    pub taken: Timestamp,
}

/// The whole status of the pod at a stage.
pub(crate) fn at_stage(pod: &Value, placement: &Placement, stage: &Stage) -> Value {
    let mut status = pod.get("status").and_then(Value::as_object).cloned().unwrap_or_default();
    let generation = object::generation(pod);
    if generation > 0 {
        status.insert("observedGeneration".to_owned(), json!(generation));
    }
    status.insert("phase".to_owned(), json!(phase(stage)));
    status.insert("startTime".to_owned(), json!(start_time(pod, placement)));
    status.insert("hostIP".to_owned(), json!(placement.host_ip));
    status.insert("hostIPs".to_owned(), json!([{ "ip": placement.host_ip }]));
    if !matches!(stage, Stage::Creating) {
        status.insert("podIP".to_owned(), json!(placement.pod_ip));
        status.insert("podIPs".to_owned(), json!([{ "ip": placement.pod_ip }]));
    }
    status.insert("conditions".to_owned(), Value::from(conditions(pod, placement, stage)));
    status.insert("containerStatuses".to_owned(), Value::from(containers(pod, stage)));
    let init = init_containers(pod, placement, stage);
    if !init.is_empty() {
        status.insert("initContainerStatuses".to_owned(), Value::from(init));
    }
    Value::Object(status)
}

fn start_time(pod: &Value, placement: &Placement) -> String {
    read::text(pod, "/status/startTime").map_or_else(|| read::rfc3339(placement.taken), str::to_owned)
}

fn phase(stage: &Stage) -> &'static str {
    match stage {
        Stage::Creating | Stage::PullFailed { .. } => "Pending",
        Stage::Running { .. } | Stage::CrashBackOff { .. } => "Running",
        Stage::Finished { succeeded: true, .. } => "Succeeded",
        Stage::Finished { succeeded: false, .. } => "Failed",
    }
}

/// When the stage began, for the conditions that change with it.
fn began(stage: &Stage, taken: Timestamp) -> Timestamp {
    match stage {
        Stage::Creating => taken,
        Stage::PullFailed { since, .. } | Stage::CrashBackOff { since, .. } => *since,
        Stage::Running { since, ready, .. } => ready.unwrap_or(*since),
        Stage::Finished { at, .. } => *at,
    }
}

fn conditions(pod: &Value, placement: &Placement, stage: &Stage) -> Vec<Value> {
    let mut conditions = condition::all(pod);
    let creating = matches!(stage, Stage::Creating);
    let at = began(stage, placement.taken);
    let initialized = if creating && has_init_containers(pod) {
        let message = format!("containers with incomplete status: [{}]", names(pod, "/spec/initContainers"));
        Condition::new("Initialized", false, "ContainersNotInitialized", message)
    } else {
        Condition::new("Initialized", true, initialized_reason(stage), "")
    };
    let wanted = [
        Condition::new("PodReadyToStartContainers", !creating && !finished(stage), "", ""),
        initialized,
        readiness("Ready", pod, stage),
        readiness("ContainersReady", pod, stage),
        Condition::new("PodScheduled", true, "", ""),
    ];
    for condition in &wanted {
        condition::set(&mut conditions, condition, at);
    }
    conditions
}

fn finished(stage: &Stage) -> bool {
    matches!(stage, Stage::Finished { .. })
}

fn initialized_reason(stage: &Stage) -> &'static str {
    if matches!(stage, Stage::Finished { succeeded: true, .. }) { "PodCompleted" } else { "" }
}

fn readiness(kind: &'static str, pod: &Value, stage: &Stage) -> Condition {
    match stage {
        Stage::Running { ready: Some(_), .. } => Condition::new(kind, true, "", ""),
        Stage::Finished { succeeded: true, .. } => Condition::new(kind, false, "PodCompleted", ""),
        Stage::Finished { .. } => Condition::new(kind, false, "PodFailed", ""),
        _ => {
            let message = format!("containers with unready status: [{}]", names(pod, "/spec/containers"));
            Condition::new(kind, false, "ContainersNotReady", message)
        }
    }
}

fn has_init_containers(pod: &Value) -> bool {
    read::items(pod, "/spec/initContainers").next().is_some()
}

fn names(pod: &Value, pointer: &str) -> String {
    read::items(pod, pointer).filter_map(|container| read::text(container, "/name")).collect::<Vec<_>>().join(" ")
}

fn containers(pod: &Value, stage: &Stage) -> Vec<Value> {
    read::items(pod, "/spec/containers").map(|container| container_status(pod, container, stage)).collect()
}

fn container_status(pod: &Value, container: &Value, stage: &Stage) -> Value {
    let restarts = match stage {
        Stage::Running { restarts, .. } | Stage::CrashBackOff { restarts, .. } => *restarts,
        _ => 0,
    };
    let (state, last_state) = keep_known(pod, container, restarts, states(pod, container, stage));
    let ready = matches!(stage, Stage::Running { ready: Some(_), .. });
    let started = matches!(stage, Stage::Running { .. });
    base_status(pod, container, restarts, (ready, started), (state, last_state))
}

/// What is told already stays as it was told. The times of a stage are counted from when the pod was taken up, which a
/// restart only knows to the second: without this, a restarted kubelet would write every pod anew.
fn keep_known(pod: &Value, container: &Value, restarts: i64, computed: (Value, Value)) -> (Value, Value) {
    let known = read::items(pod, "/status/containerStatuses")
        .find(|known| known.get("name") == container.get("name") && read::count(known, "/restartCount") == restarts);
    let Some(known) = known else { return computed };
    let keep = |field: &str, computed: Value| match known.get(field) {
        Some(told) if is_same_kind(told, &computed) => told.clone(),
        _ => computed,
    };
    (keep("state", computed.0), keep("lastState", computed.1))
}

/// Whether both are running, or both terminated.
fn is_same_kind(told: &Value, computed: &Value) -> bool {
    ["running", "terminated"].iter().any(|kind| told.get(kind).is_some() && computed.get(kind).is_some())
}

fn base_status(
    pod: &Value,
    container: &Value,
    restarts: i64,
    (ready, started): (bool, bool),
    (state, last_state): (Value, Value),
) -> Value {
    let image = read::text(container, "/image").unwrap_or_default();
    let never_ran = state.get("waiting").is_some() && last_state.as_object().is_none_or(Map::is_empty);
    json!({
        "name": container.get("name"),
        "image": image,
        "imageID": if never_ran { String::new() } else { image_id(image) },
        "containerID": if never_ran { String::new() } else { container_id(pod, container, restarts) },
        "ready": ready,
        "started": started,
        "restartCount": restarts,
        "state": state,
        "lastState": last_state,
    })
}

/// An id that says that nothing was pulled.
fn image_id(image: &str) -> String {
    format!("simulated://{image}")
}

fn container_id(pod: &Value, container: &Value, restarts: i64) -> String {
    let name = read::text(container, "/name").unwrap_or_default();
    let hash = hash::fnv(format!("{}/{name}/{restarts}", object::uid(pod)).as_bytes());
    format!("simulated://{hash:08x}")
}

/// `state` and `lastState` of a container.
fn states(pod: &Value, container: &Value, stage: &Stage) -> (Value, Value) {
    let none = json!({});
    match stage {
        Stage::Creating if has_init_containers(pod) => (waiting("PodInitializing", None), none),
        Stage::Creating => (waiting("ContainerCreating", None), none),
        Stage::PullFailed { backing_off, .. } => (pull_failure(container, *backing_off), none),
        Stage::Running { since, restarts: 0, .. } => (running(*since), none),
        Stage::Running { since, .. } => (running(*since), terminated(*since, *since, exit_code(pod, false))),
        Stage::CrashBackOff { since, started, pause, .. } => {
            let who =
                format!("container={} pod={}", read::text(container, "/name").unwrap_or_default(), pod::full_name(pod));
            let message = format!("back-off {} restarting failed {who}", short(*pause));
            (waiting("CrashLoopBackOff", Some(message)), terminated(*started, *since, exit_code(pod, false)))
        }
        Stage::Finished { at, started, succeeded } => (terminated(*started, *at, exit_code(pod, *succeeded)), none),
    }
}

fn waiting(reason: &str, message: Option<String>) -> Value {
    match message {
        Some(message) => json!({"waiting": {"reason": reason, "message": message}}),
        None => json!({"waiting": {"reason": reason}}),
    }
}

fn running(since: Timestamp) -> Value {
    json!({"running": {"startedAt": read::rfc3339(since)}})
}

fn exit_code(pod: &Value, succeeded: bool) -> i32 {
    match pod::requested_failure(pod) {
        Some(Failure::Exit(code)) if !succeeded => code,
        _ => i32::from(!succeeded),
    }
}

fn terminated(started: Timestamp, at: Timestamp, exit_code: i32) -> Value {
    json!({"terminated": {
        "exitCode": exit_code,
        "reason": if exit_code == 0 { "Completed" } else { "Error" },
        "startedAt": read::rfc3339(started),
        "finishedAt": read::rfc3339(at),
    }})
}

fn pull_failure(container: &Value, backing_off: bool) -> Value {
    let image = read::text(container, "/image").unwrap_or_default();
    if backing_off {
        waiting("ImagePullBackOff", Some(format!("Back-off pulling image \"{image}\"")))
    } else {
        waiting("ErrImagePull", Some(pull_error(image)))
    }
}

/// Why an image could not be pulled.
pub(crate) fn pull_error(image: &str) -> String {
    format!("failed to pull image \"{image}\": simulated, as annotation {} asks", crate::FAIL)
}

/// A pause as Go prints it: `10s`, `2m40s`.
fn short(pause: SignedDuration) -> String {
    let (minutes, seconds) = (pause.as_secs() / 60, pause.as_secs() % 60);
    if minutes > 0 { format!("{minutes}m{seconds}s") } else { format!("{seconds}s") }
}

fn init_containers(pod: &Value, placement: &Placement, stage: &Stage) -> Vec<Value> {
    let done = !matches!(stage, Stage::Creating | Stage::PullFailed { .. });
    read::items(pod, "/spec/initContainers")
        .map(|container| {
            let sidecar = timeline::is_sidecar(container) && !finished(stage);
            let state = match (done, sidecar) {
                (false, _) => waiting("PodInitializing", None),
                (true, true) => running(placement.taken),
                (true, false) => terminated(placement.taken, placement.taken, 0),
            };
            base_status(pod, container, 0, (done, done && sidecar), (state, json!({})))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_apimachinery::object;

    fn pod() -> Value {
        json!({"metadata": {"name": "p", "uid": "u"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]},
               "status": {"phase": "Pending", "qosClass": "BestEffort"}})
    }

    fn s(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn at(pod: &Value, stage: &Stage) -> Value {
        let placement = Placement { host_ip: "1.1.1.1".into(), pod_ip: "2.2.2.2".into(), taken: s(1) };
        let mut pod = pod.clone();
        pod["status"] = at_stage(&pod, &placement, stage);
        pod
    }

    #[test]
    fn a_pod_being_created_is_pending_without_an_address() {
        let pod = at(&pod(), &Stage::Creating);
        assert_eq!(pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "ContainerCreating");
        assert!(pod["status"].get("podIP").is_none());
        assert!(condition::is_true(&pod, "Initialized") && condition::is_true(&pod, "PodScheduled"));
        assert_eq!(pod["status"]["qosClass"], "BestEffort");
    }

    #[test]
    fn a_ready_pod_tells_since_when() {
        let created = at(&pod(), &Stage::Creating);
        let ready = at(&created, &Stage::Running { since: s(2), ready: Some(s(7)), restarts: 0 });
        let condition = condition::find(&ready, "Ready").unwrap();
        assert_eq!(read::time(condition, "/lastTransitionTime"), Some(s(7)));
        let initialized = condition::find(&ready, "Initialized").unwrap();
        assert_eq!(read::time(initialized, "/lastTransitionTime"), Some(s(1)));
        assert_eq!(crate::pod::phase(&ready), "Running");
        assert_eq!(at(&ready, &Stage::Running { since: s(2), ready: Some(s(7)), restarts: 0 }), ready);
    }

    #[test]
    fn a_kubelet_that_knows_the_start_less_exactly_writes_nothing() {
        let running = |since| Stage::Running { since, ready: Some(since), restarts: 0 };
        let ready = at(&at(&pod(), &Stage::Creating), &running(s(3)));
        assert_eq!(at(&ready, &running(s(2))), ready);
    }

    #[test]
    fn a_crash_loop_shows_the_last_exit() {
        let stage =
            Stage::CrashBackOff { since: s(9), started: s(8), restarts: 4, pause: SignedDuration::from_secs(160) };
        let container = at(&pod(), &stage)["status"]["containerStatuses"][0].clone();
        assert_eq!(container["state"]["waiting"]["reason"], "CrashLoopBackOff");
        assert_eq!(container["state"]["waiting"]["message"], "back-off 2m40s restarting failed container=c pod=p_(u)");
        assert_eq!(
            (&container["restartCount"], &container["lastState"]["terminated"]["exitCode"]),
            (&json!(4), &json!(1))
        );
    }

    #[test]
    fn a_finished_pod_is_not_ready() {
        let done = at(&pod(), &Stage::Finished { at: s(9), started: s(8), succeeded: true });
        assert_eq!(crate::pod::phase(&done), "Succeeded");
        assert!(!crate::pod::is_ready(&done));
        assert_eq!(object::uid(&done), "u");
    }
}
