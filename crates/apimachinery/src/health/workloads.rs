//! Deployments, StatefulSets, DaemonSets and ReplicaSets, worded as Argo CD words them.
//! It must not know pods.

use serde_json::Value;

use super::{Health, Status, condition, number, text};
use crate::object;

/// `spec.replicas`, where it is set.
fn desired(object: &Value) -> Option<i64> {
    object.pointer("/spec/replicas").and_then(Value::as_i64)
}

fn is_observed(object: &Value) -> bool {
    object::generation(object) <= number(object, "/status/observedGeneration")
}

pub(super) fn deployment(object: &Value) -> Health {
    if object.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        return Health::new(Status::Suspended, "Deployment is paused");
    }
    let waiting = |what: String| Health::progressing(format!("Waiting for rollout to finish: {what}"));
    if !is_observed(object) {
        return waiting("observed deployment generation less than desired generation".to_owned());
    }
    let overdue = |c: super::Condition<'_>| c.get("reason") == "ProgressDeadlineExceeded";
    if condition(object, "Progressing").is_some_and(overdue) {
        return Health::degraded(format!("Deployment {:?} exceeded its progress deadline", object::name(object)));
    }
    let replicas = number(object, "/status/replicas");
    let updated = number(object, "/status/updatedReplicas");
    let available = number(object, "/status/availableReplicas");
    match desired(object) {
        Some(desired) if updated < desired => {
            waiting(format!("{updated} out of {desired} new replicas have been updated..."))
        }
        _ if replicas > updated => waiting(format!("{} old replicas are pending termination...", replicas - updated)),
        _ if available < updated => waiting(format!("{available} of {updated} updated replicas are available...")),
        _ => Health::healthy(""),
    }
}

pub(super) fn stateful_set(object: &Value) -> Health {
    if number(object, "/status/observedGeneration") == 0 || !is_observed(object) {
        return Health::progressing("Waiting for statefulset spec update to be observed...");
    }
    let (ready, updated) = (number(object, "/status/readyReplicas"), number(object, "/status/updatedReplicas"));
    if let Some(missing) = desired(object).map(|desired| desired - ready).filter(|missing| *missing > 0) {
        return Health::progressing(format!("Waiting for {missing} pods to be ready..."));
    }
    let strategy = text(object, "/spec/updateStrategy/type");
    let rolling = object.pointer("/spec/updateStrategy/rollingUpdate").filter(|_| strategy == "RollingUpdate");
    if let Some(rolling) = rolling {
        let partition = rolling.get("partition").and_then(Value::as_i64);
        return match (desired(object), partition) {
            (Some(desired), Some(partition)) if updated < desired - partition => Health::progressing(format!(
                "Waiting for partitioned roll out to finish: {updated} out of {} new pods have been updated...",
                desired - partition
            )),
            _ => Health::healthy(format!("partitioned roll out complete: {updated} new pods have been updated...")),
        };
    }
    if strategy == "OnDelete" {
        return Health::healthy(format!("statefulset has {ready} ready pods"));
    }
    let (new, current) = (text(object, "/status/updateRevision"), text(object, "/status/currentRevision"));
    if new != current {
        return Health::progressing(format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision {new}..."
        ));
    }
    let pods = number(object, "/status/currentReplicas");
    Health::healthy(format!("statefulset rolling update complete {pods} pods at revision {current}..."))
}

pub(super) fn daemon_set(object: &Value) -> Health {
    if !is_observed(object) {
        return Health::progressing(
            "Waiting for rollout to finish: observed daemon set generation less than desired generation",
        );
    }
    let desired = number(object, "/status/desiredNumberScheduled");
    let updated = number(object, "/status/updatedNumberScheduled");
    let available = number(object, "/status/numberAvailable");
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return Health::healthy(format!("daemon set {updated} out of {desired} new pods have been updated"));
    }
    let waiting = |what: String| {
        Health::progressing(format!("Waiting for daemon set {:?} rollout to finish: {what}", object::name(object)))
    };
    if updated < desired {
        return waiting(format!("{updated} out of {desired} new pods have been updated..."));
    }
    if available < desired {
        return waiting(format!("{available} of {desired} updated pods are available..."));
    }
    Health::healthy("")
}

pub(super) fn replica_set(object: &Value) -> Health {
    if !is_observed(object) {
        return Health::progressing(
            "Waiting for rollout to finish: observed replica set generation less than desired generation",
        );
    }
    if let Some(failure) = condition(object, "ReplicaFailure").filter(|c| c.get("status") == "True") {
        return Health::degraded(failure.get("message"));
    }
    let available = number(object, "/status/availableReplicas");
    match desired(object) {
        Some(desired) if available < desired => Health::progressing(format!(
            "Waiting for rollout to finish: {available} out of {desired} new replicas are available..."
        )),
        _ => Health::healthy(""),
    }
}
