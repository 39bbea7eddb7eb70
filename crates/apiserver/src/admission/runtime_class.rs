//! `RuntimeClass`: a pod gets the overhead and the scheduling constraints of its class.
//! It must not know runtimes. Upstream: `plugin/pkg/admission/runtimeclass`.

use serde_json::{Value, json};

use super::Operation;
use super::plugin::Plugin;
use super::review::{Review, items, text};
use crate::Error;

/// The plugin.
pub(super) struct RuntimeClass;

impl Plugin for RuntimeClass {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.is(Operation::Create, "", "pods")
    }

    fn admit(&self, review: &Review<'_>, pod: &mut Value) -> Result<(), Error> {
        let Some(class) = class(review, pod)? else { return Ok(()) };
        if let Some(fixed) = class.pointer("/overhead/podFixed").filter(|fixed| !fixed.is_null()) {
            let given =
                pod.pointer("/spec/overhead").filter(|given| given.as_object().is_some_and(|map| !map.is_empty()));
            if given.is_some_and(|given| given != fixed) {
                let why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
                return Err(review.forbidden(why));
            }
            pod["spec"]["overhead"] = fixed.clone();
        }
        schedule(review, &class, pod)
    }

    fn validate(&self, review: &Review<'_>, pod: &Value) -> Result<Vec<String>, Error> {
        let class = class(review, pod)?;
        let given = pod.pointer("/spec/overhead").and_then(Value::as_object).is_some_and(|map| !map.is_empty());
        let defined = class.as_ref().is_some_and(|class| class.pointer("/overhead/podFixed").is_some());
        if given && !defined {
            let why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";
            return Err(review.forbidden(why));
        }
        Ok(Vec::new())
    }
}

fn class(review: &Review<'_>, pod: &Value) -> Result<Option<Value>, Error> {
    let name = text(pod, "/spec/runtimeClassName");
    if name.is_empty() {
        return Ok(None);
    }
    let found = review.get("node.k8s.io", "runtimeclasses", ("", name));
    let refused = || review.forbidden(&format!("pod rejected: RuntimeClass \"{name}\" not found"));
    found.map(Some).ok_or_else(refused)
}

fn schedule(review: &Review<'_>, class: &Value, pod: &mut Value) -> Result<(), Error> {
    for (key, value) in class.pointer("/scheduling/nodeSelector").and_then(Value::as_object).into_iter().flatten() {
        let given = pod.pointer("/spec/nodeSelector").and_then(|selector| selector.get(key)).cloned();
        if let Some(given) = given.filter(|given| given != value) {
            let (value, given) = (value.as_str().unwrap_or_default(), given.as_str().unwrap_or_default().to_owned());
            let why = format!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {given}"
            );
            return Err(review.forbidden(&why));
        }
        pod["spec"]["nodeSelector"][key] = value.clone();
    }
    let more: Vec<Value> = items(class, "/scheduling/tolerations").cloned().collect();
    let Some(spec) = pod["spec"].as_object_mut().filter(|_| !more.is_empty()) else { return Ok(()) };
    if let Some(known) = spec.entry("tolerations").or_insert_with(|| json!([])).as_array_mut() {
        for toleration in more {
            if !known.contains(&toleration) {
                known.push(toleration);
            }
        }
    }
    Ok(())
}
