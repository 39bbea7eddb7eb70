//! The row of a pod, as upstream's `printPod`.
//! It must not know other kinds.

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::Value;

use super::access::{condition, int, list, or, text};
use super::cell::{NONE, age, name, since};
use super::printer::{AGE, NAME, Printer, col, wide};

pub(super) fn printers() -> [(&'static str, &'static str, Printer); 1] {
    let columns = const {
        &[
            NAME,
            col("Ready"),
            col("Status"),
            col("Restarts"),
            AGE,
            wide("IP"),
            wide("Node"),
            wide("Nominated Node"),
            wide("Readiness Gates"),
        ]
    };
    [("", "pods", Printer { columns, cells })]
}

fn cells(pod: &Value, now: Timestamp) -> Vec<Value> {
    let summary = Summary::of(pod);
    let ip = list(pod, "/status/podIPs").first().map_or(text(pod, "/status/podIP"), |ip| text(ip, "/ip"));
    vec![
        name(pod),
        format!("{}/{}", summary.ready, summary.total).into(),
        summary.reason.as_str().into(),
        summary.restarts_text(now).into(),
        age(pod, now),
        or(ip, NONE).into(),
        or(text(pod, "/spec/nodeName"), NONE).into(),
        or(text(pod, "/status/nominatedNodeName"), NONE).into(),
        readiness_gates(pod).into(),
    ]
}

/// What the first columns show.
#[derive(Default)]
struct Summary {
    reason: String,
    ready: usize,
    total: usize,
    restarts: i64,
    last_restart: String,
}

impl Summary {
    fn of(pod: &Value) -> Self {
        let mut summary = Self { total: list(pod, "/spec/containers").len(), ..Self::default() };
        summary.reason = or(text(pod, "/status/reason"), text(pod, "/status/phase")).to_owned();
        let scheduled = list(pod, "/status/conditions").iter().find(|c| c["type"] == "PodScheduled");
        if scheduled.is_some_and(|c| c["reason"] == "SchedulingGated") {
            "SchedulingGated".clone_into(&mut summary.reason);
        }
        let sidecar_restarts = summary.add_init_containers(pod);
        if sidecar_restarts.is_some() || condition(pod, "Initialized") == Some("True") {
            summary.restarts = sidecar_restarts.unwrap_or(0);
            summary.add_containers(pod);
        }
        if object::is_deleting(pod) {
            let phase = text(pod, "/status/phase");
            if text(pod, "/status/reason") == "NodeLost" {
                "Unknown".clone_into(&mut summary.reason);
            } else if !matches!(phase, "Succeeded" | "Failed") {
                "Terminating".clone_into(&mut summary.reason);
            }
        }
        summary
    }

    /// Counts the init containers; the restarts of the sidecars if all others are done, else nothing.
    fn add_init_containers(&mut self, pod: &Value) -> Option<i64> {
        let specs = list(pod, "/spec/initContainers");
        let is_sidecar = |name: &str| specs.iter().any(|s| text(s, "/name") == name && s["restartPolicy"] == "Always");
        self.total += specs.iter().filter(|spec| spec["restartPolicy"] == "Always").count();
        let mut sidecar_restarts = 0;
        for (index, status) in list(pod, "/status/initContainerStatuses").iter().enumerate() {
            self.note_restarts(status);
            let sidecar = is_sidecar(text(status, "/name"));
            if sidecar {
                sidecar_restarts += int(status, "/restartCount");
            }
            if status.pointer("/state/terminated").is_some_and(|t| int(t, "/exitCode") == 0) {
                continue;
            }
            if sidecar && status["started"] == true {
                self.ready += usize::from(status["ready"] == true);
                continue;
            }
            self.reason = init_reason(status).unwrap_or_else(|| format!("Init:{index}/{}", specs.len()));
            return None;
        }
        Some(sidecar_restarts)
    }

    fn add_containers(&mut self, pod: &Value) {
        let mut running = false;
        for status in list(pod, "/status/containerStatuses").iter().rev() {
            self.note_restarts(status);
            if let Some(reason) = waiting_reason(status).or_else(|| terminated_reason(status)) {
                self.reason = reason;
            } else if status["ready"] == true && status.pointer("/state/running").is_some() {
                running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" && running {
            let ready = condition(pod, "Ready") == Some("True");
            (if ready { "Running" } else { "NotReady" }).clone_into(&mut self.reason);
        }
    }

    fn note_restarts(&mut self, status: &Value) {
        self.restarts += int(status, "/restartCount");
        let finished = text(status, "/lastState/terminated/finishedAt");
        if finished > self.last_restart.as_str() {
            finished.clone_into(&mut self.last_restart);
        }
    }

    fn restarts_text(&self, now: Timestamp) -> String {
        if self.restarts == 0 || self.last_restart.is_empty() {
            return self.restarts.to_string();
        }
        format!("{} ({} ago)", self.restarts, since(&self.last_restart, now))
    }
}

fn init_reason(status: &Value) -> Option<String> {
    if let Some(reason) = terminated_reason(status) {
        return Some(format!("Init:{reason}"));
    }
    waiting_reason(status).filter(|reason| reason != "PodInitializing").map(|reason| format!("Init:{reason}"))
}

fn waiting_reason(status: &Value) -> Option<String> {
    Some(text(status, "/state/waiting/reason")).filter(|reason| !reason.is_empty()).map(str::to_owned)
}

fn terminated_reason(status: &Value) -> Option<String> {
    let state = status.pointer("/state/terminated")?;
    Some(match (text(state, "/reason"), int(state, "/signal")) {
        ("", 0) => format!("ExitCode:{}", int(state, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    })
}

fn readiness_gates(pod: &Value) -> String {
    let gates = list(pod, "/spec/readinessGates");
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let met = gates.iter().filter(|gate| condition(pod, text(gate, "/conditionType")) == Some("True")).count();
    format!("{met}/{}", gates.len())
}
