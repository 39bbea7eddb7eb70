//! The pods of a Job: which come next, and how each is made. It must not know when a Job ends.

use mainstay_apimachinery::object;
use serde_json::{Value, json};

use super::indexes::{self, INDEX};
use super::tally::{INDEX_FAILURES, Tally, is_indexed};
use crate::{hash, pod, read};

/// As many pods as are asked for, of the first indexes that neither run, nor are done, nor have failed.
pub(super) fn new(job: &Value, pods: &[Value], tally: &Tally, count: usize) -> Vec<Value> {
    let template = pod::from_template(job);
    let taken = |name: &str| pods.iter().any(|pod| object::name(pod) == name);
    if !is_indexed(job) {
        return pod::named(&template, object::name(job), taken).take(count).collect();
    }
    let completions = read::int(job, "/spec/completions").unwrap_or(0);
    let runs = |index: &i64| pods.iter().any(|pod| !pod::is_finished(pod) && indexes::of(pod) == Some(*index));
    let open = (0..completions).filter(|index| !tally.completed.has(*index) && !tally.failed_indexes.has(*index));
    open.filter(|index| !runs(index)).take(count).map(|index| indexed(job, &template, index, (tally, &taken))).collect()
}

fn indexed(job: &Value, template: &Value, index: i64, (tally, taken): (&Tally, &dyn Fn(&str) -> bool)) -> Value {
    let name = format!("{}-{index}", object::name(job));
    let mut pod = template.clone();
    let mut attempts =
        (0_u32..).map(|attempt| format!("{name}-{}", hash::suffix(&format!("{}/{name}/{attempt}", object::uid(job)))));
    let free = attempts.find(|name| !taken(name)).unwrap_or_default();
    let metadata = object::metadata_mut(&mut pod);
    metadata.insert("name".to_owned(), json!(free));
    metadata.insert("generateName".to_owned(), json!(format!("{name}-")));
    object::set_annotation(&mut pod, INDEX, &index.to_string());
    object::set_label(&mut pod, INDEX, &index.to_string());
    if read::int(job, "/spec/backoffLimitPerIndex").is_some() {
        let failures = tally.failures.get(&index).copied().unwrap_or(0);
        object::set_annotation(&mut pod, INDEX_FAILURES, &failures.to_string());
    }
    pod["spec"]["hostname"] = json!(name);
    for containers in ["containers", "initContainers"] {
        tell_index(&mut pod, containers);
    }
    pod
}

/// Upstream: `addCompletionIndexEnvVariable`.
fn tell_index(pod: &mut Value, containers: &str) {
    let variable = json!({
        "name": "JOB_COMPLETION_INDEX",
        "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": format!("metadata.labels['{INDEX}']")}},
    });
    let Some(containers) = pod["spec"].get_mut(containers).and_then(Value::as_array_mut) else { return };
    for container in containers {
        let mut env: Vec<Value> = read::items(container, "/env").cloned().collect();
        if !env.iter().any(|known| known.get("name") == variable.get("name")) {
            env.push(variable.clone());
            container["env"] = Value::from(env);
        }
    }
}

/// The names of active pods to delete, those that matter least first.
pub(super) fn surplus(pods: &[Value], count: i64) -> Vec<String> {
    let mut active: Vec<&Value> = pods.iter().filter(|pod| pod::is_active(pod)).collect();
    active.sort_by_cached_key(|pod| pod::deletion_rank(pod));
    let count = usize::try_from(count).unwrap_or(0);
    active.into_iter().take(count).map(|pod| object::name(pod).to_owned()).collect()
}

/// The names of active pods whose index has failed for good or is not wanted any more.
pub(super) fn needless(job: &Value, pods: &[Value], tally: &Tally) -> Vec<String> {
    let completions = read::int(job, "/spec/completions").unwrap_or(i64::MAX);
    let needless = |pod: &&Value| {
        let index = indexes::of(pod);
        index.is_some_and(|index| index >= completions || tally.failed_indexes.has(index) || tally.completed.has(index))
    };
    pods.iter().filter(|pod| pod::is_active(pod)).filter(needless).map(|pod| object::name(pod).to_owned()).collect()
}
