//! Rows of Deployments, `ReplicaSets`, `StatefulSets`, `DaemonSets`, Jobs, `CronJobs` and autoscalers.
//! It must not know how they are run.

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use super::access::{condition, count, int, list, or, text};
use super::cell::{NONE, age, containers, human_duration, labels, name, plain, selector, since};
use super::printer::{AGE, Column, NAME, Printer, col, number, wide};

const TEMPLATE: &str = "/spec/template/spec/containers";
const CONTAINERS: Column = wide("Containers");
const IMAGES: Column = wide("Images");
const SELECTOR: Column = wide("Selector");

pub(super) fn printers() -> Vec<(&'static str, &'static str, Printer)> {
    let replicas =
        const { &[NAME, number("Desired"), number("Current"), number("Ready"), AGE, CONTAINERS, IMAGES, SELECTOR] };
    vec![
        ("apps", "deployments", DEPLOYMENTS),
        ("apps", "replicasets", Printer { columns: replicas, cells: replica_set }),
        ("", "replicationcontrollers", Printer { columns: replicas, cells: replication_controller }),
        ("apps", "statefulsets", STATEFUL_SETS),
        ("apps", "daemonsets", DAEMON_SETS),
        ("apps", "controllerrevisions", CONTROLLER_REVISIONS),
        ("batch", "jobs", JOBS),
        ("batch", "cronjobs", CRON_JOBS),
        ("autoscaling", "horizontalpodautoscalers", AUTOSCALERS),
        ("policy", "poddisruptionbudgets", DISRUPTION_BUDGETS),
    ]
}

const DEPLOYMENTS: Printer = Printer {
    columns: &[NAME, col("Ready"), col("Up-to-date"), col("Available"), AGE, CONTAINERS, IMAGES, SELECTOR],
    cells: |object, now| {
        let ready = format!("{}/{}", int(object, "/status/readyReplicas"), int(object, "/spec/replicas"));
        let [names, images] = containers(object, TEMPLATE);
        vec![
            name(object),
            ready.into(),
            int(object, "/status/updatedReplicas").into(),
            int(object, "/status/availableReplicas").into(),
            age(object, now),
            names,
            images,
            selector(object.pointer("/spec/selector")).into(),
        ]
    },
};

fn replicas(object: &Value, now: Timestamp, selector: String) -> Vec<Value> {
    let [names, images] = containers(object, TEMPLATE);
    vec![
        name(object),
        int(object, "/spec/replicas").into(),
        int(object, "/status/replicas").into(),
        int(object, "/status/readyReplicas").into(),
        age(object, now),
        names,
        images,
        selector.into(),
    ]
}

fn replica_set(object: &Value, now: Timestamp) -> Vec<Value> {
    replicas(object, now, selector(object.pointer("/spec/selector")))
}

fn replication_controller(object: &Value, now: Timestamp) -> Vec<Value> {
    replicas(object, now, labels(object.pointer("/spec/selector")))
}

const STATEFUL_SETS: Printer = Printer {
    columns: &[NAME, col("Ready"), AGE, CONTAINERS, IMAGES],
    cells: |object, now| {
        let ready = format!("{}/{}", int(object, "/status/readyReplicas"), int(object, "/spec/replicas"));
        let [names, images] = containers(object, TEMPLATE);
        vec![name(object), ready.into(), age(object, now), names, images]
    },
};

const DAEMON_SETS: Printer = Printer {
    columns: &[
        NAME,
        number("Desired"),
        number("Current"),
        number("Ready"),
        number("Up-to-date"),
        number("Available"),
        col("Node Selector"),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ],
    cells: |object, now| {
        let [names, images] = containers(object, TEMPLATE);
        vec![
            name(object),
            int(object, "/status/desiredNumberScheduled").into(),
            int(object, "/status/currentNumberScheduled").into(),
            int(object, "/status/numberReady").into(),
            int(object, "/status/updatedNumberScheduled").into(),
            int(object, "/status/numberAvailable").into(),
            labels(object.pointer("/spec/template/spec/nodeSelector")).into(),
            age(object, now),
            names,
            images,
            selector(object.pointer("/spec/selector")).into(),
        ]
    },
};

const CONTROLLER_REVISIONS: Printer = Printer {
    columns: &[NAME, col("Controller"), number("Revision"), AGE],
    cells: |revision, now| {
        let owner = object::controller_of(revision);
        let owner = owner.map(|o| format!("{}/{}", text(o, "/kind").to_lowercase(), text(o, "/name")));
        let owner = owner.unwrap_or_else(|| NONE.to_owned());
        vec![name(revision), owner.into(), int(revision, "/revision").into(), age(revision, now)]
    },
};

const JOBS: Printer = Printer {
    columns: &[NAME, col("Status"), col("Completions"), col("Duration"), AGE, CONTAINERS, IMAGES, SELECTOR],
    cells: |job, now| {
        let [names, images] = containers(job, TEMPLATE);
        vec![
            name(job),
            job_status(job).into(),
            completions(job).into(),
            job_duration(job, now).into(),
            age(job, now),
            names,
            images,
            selector(job.pointer("/spec/selector")).into(),
        ]
    },
};

fn job_status(job: &Value) -> &'static str {
    let is = |type_| condition(job, type_) == Some("True");
    match () {
        () if is("Complete") => "Complete",
        () if is("Failed") => "Failed",
        () if object::is_deleting(job) => "Terminating",
        () if is("Suspended") => "Suspended",
        () if is("FailureTarget") => "FailureTarget",
        () if is("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn completions(job: &Value) -> String {
    let succeeded = int(job, "/status/succeeded");
    match (job.pointer("/spec/completions").and_then(Value::as_i64), int(job, "/spec/parallelism")) {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, parallelism) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    }
}

fn job_duration(job: &Value, now: Timestamp) -> String {
    let Ok(start) = text(job, "/status/startTime").parse::<Timestamp>() else { return String::new() };
    let end = text(job, "/status/completionTime").parse().unwrap_or(now);
    human_duration(end.duration_since(start).as_secs())
}

const CRON_JOBS: Printer = Printer {
    columns: &[
        NAME,
        col("Schedule"),
        col("Timezone"),
        col("Suspend").of_type("boolean"),
        number("Active"),
        col("Last Schedule"),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ],
    cells: |object, now| {
        let [names, images] = containers(object, "/spec/jobTemplate/spec/template/spec/containers");
        let last = text(object, "/status/lastScheduleTime");
        vec![
            name(object),
            text(object, "/spec/schedule").into(),
            or(text(object, "/spec/timeZone"), NONE).into(),
            json!(object.pointer("/spec/suspend") == Some(&Value::Bool(true))),
            count(object, "/status/active").into(),
            if last.is_empty() { NONE.into() } else { since(last, now).into() },
            age(object, now),
            names,
            images,
            selector(object.pointer("/spec/jobTemplate/spec/selector")).into(),
        ]
    },
};

const AUTOSCALERS: Printer = Printer {
    columns: &[NAME, col("Reference"), col("Targets"), col("MinPods"), col("MaxPods"), col("Replicas"), AGE],
    cells: |object, now| {
        let target =
            format!("{}/{}", text(object, "/spec/scaleTargetRef/kind"), text(object, "/spec/scaleTargetRef/name"));
        let minimum = object.pointer("/spec/minReplicas").map_or_else(|| "<unset>".to_owned(), plain);
        vec![
            name(object),
            target.into(),
            targets(object).into(),
            minimum.into(),
            int(object, "/spec/maxReplicas").into(),
            int(object, "/status/currentReplicas").into(),
            age(object, now),
        ]
    },
};

/// At most two targets, as upstream.
fn targets(autoscaler: &Value) -> String {
    let metrics = list(autoscaler, "/spec/metrics");
    if metrics.is_empty() {
        return NONE.to_owned();
    }
    let current = list(autoscaler, "/status/currentMetrics");
    let shown: Vec<String> = metrics.iter().take(2).enumerate().map(|(i, m)| target(m, current.get(i))).collect();
    let more = metrics.len().saturating_sub(2);
    let text = shown.join(", ");
    if more > 0 { format!("{text} + {more} more...") } else { text }
}

fn target(metric: &Value, current: Option<&Value>) -> String {
    let type_ = text(metric, "/type");
    let field = format!("{}{}", type_[..type_.len().min(1)].to_lowercase(), &type_[type_.len().min(1)..]);
    let value = |object: &Value, place: &str| {
        let place = object.get(field.as_str())?.get(place)?;
        let percent = place.get("averageUtilization").and_then(Value::as_i64).map(|percent| format!("{percent}%"));
        percent.or_else(|| place.get("averageValue").or_else(|| place.get("value")).map(plain))
    };
    let now = current.and_then(|current| value(current, "current")).unwrap_or_else(|| "<unknown>".to_owned());
    let wanted = value(metric, "target").unwrap_or_else(|| "<auto>".to_owned());
    match metric.get(field.as_str()).map_or("", |source| text(source, "/name")) {
        "" => format!("{now}/{wanted}"),
        resource => format!("{resource}: {now}/{wanted}"),
    }
}

const DISRUPTION_BUDGETS: Printer = Printer {
    columns: &[NAME, col("Min Available"), col("Max Unavailable"), number("Allowed Disruptions"), AGE],
    cells: |object, now| {
        let bound = |field| object.pointer(field).map_or_else(|| "N/A".to_owned(), plain);
        vec![
            name(object),
            bound("/spec/minAvailable").into(),
            bound("/spec/maxUnavailable").into(),
            int(object, "/status/disruptionsAllowed").into(),
            age(object, now),
        ]
    },
};
