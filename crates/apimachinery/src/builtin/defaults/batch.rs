//! Defaults of workloads that depend on other fields. It must not know pods.

use serde_json::{Value, json};

use super::{Object, child, descend, items, made, set, text};

pub(super) fn deployment(deployment: &mut Object) {
    let Some(strategy) = made(deployment, "spec").and_then(|spec| made(spec, "strategy")) else { return };
    rolling(strategy, &[("maxUnavailable", json!("25%")), ("maxSurge", json!("25%"))]);
}

pub(super) fn daemon_set(daemon_set: &mut Object) {
    // Upstream's conversion from the internal type always writes it.
    if let Some(annotations) = made(daemon_set, "metadata").and_then(|metadata| made(metadata, "annotations")) {
        set(annotations, "deprecated.daemonset.template.generation", "1");
    }
    let Some(strategy) = made(daemon_set, "spec").and_then(|spec| made(spec, "updateStrategy")) else { return };
    rolling(strategy, &[("maxUnavailable", json!(1)), ("maxSurge", json!(0))]);
}

pub(super) fn stateful_set(stateful_set: &mut Object) {
    let Some(strategy) = made(stateful_set, "spec").and_then(|spec| made(spec, "updateStrategy")) else { return };
    rolling(strategy, &[("partition", json!(0))]);
}

fn rolling(strategy: &mut Object, values: &[(&str, Value)]) {
    set(strategy, "type", "RollingUpdate");
    if text(strategy, "type") == "RollingUpdate"
        && let Some(update) = made(strategy, "rollingUpdate")
    {
        values.iter().for_each(|(field, value)| set(update, field, value.clone()));
    }
}

/// `SetDefaults_Job`. The selector and the labels that carry the job's uid are the server's to set.
pub(super) fn job(job: &mut Object) {
    let Some(spec) = made(job, "spec") else { return };
    // With parallelism but no completions, one success completes the job.
    if !spec.contains_key("completions") && !spec.contains_key("parallelism") {
        set(spec, "completions", 1);
    }
    set(spec, "parallelism", 1);
    let retries = if spec.contains_key("backoffLimitPerIndex") { i64::from(i32::MAX) } else { 6 };
    set(spec, "backoffLimit", retries);
    let replacement = if spec.contains_key("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    set(spec, "podReplacementPolicy", replacement);
    if let Some(policy) = child(spec, "podFailurePolicy") {
        for rule in items(policy, "rules") {
            items(rule, "onPodConditions").for_each(|condition| set(condition, "status", "True"));
        }
    }
    let labels = descend(spec, &["template", "metadata", "labels"]).cloned();
    labels_from(job, labels);
}

/// `SetDefaults_ReplicationController`: labels and selector come from the template.
pub(super) fn replication_controller(controller: &mut Object) {
    let Some(spec) = made(controller, "spec") else { return };
    let labels = descend(spec, &["template", "metadata", "labels"]).cloned();
    if let Some(labels) = labels.clone() {
        set(spec, "selector", Value::Object(labels));
    }
    labels_from(controller, labels);
}

fn labels_from(object: &mut Object, labels: Option<Object>) {
    let metadata = made(object, "metadata").filter(|metadata| !metadata.contains_key("labels"));
    if let (Some(metadata), Some(labels)) = (metadata, labels) {
        metadata.insert("labels".to_owned(), Value::Object(labels));
    }
}
