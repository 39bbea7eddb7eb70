//! `Priority`: a pod's priority comes from its PriorityClass, and there is one default class at most.
//! It must not know scheduling. Upstream: `plugin/pkg/admission/priority`.

use mainstay_apimachinery::object;
use serde_json::{Value, json};

use super::Operation;
use super::plugin::Plugin;
use super::review::{Review, text};
use crate::Error;

const GROUP: &str = "scheduling.k8s.io";
const CLASSES: &str = "priorityclasses";

/// The plugin.
pub(super) struct Priority;

impl Plugin for Priority {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.is(Operation::Create, "", "pods")
            || review.is(Operation::Update, "", "pods")
            || review.is_of(GROUP, CLASSES)
    }

    fn admit(&self, review: &Review<'_>, object: &mut Value) -> Result<(), Error> {
        if review.is(Operation::Create, "", "pods") {
            return prioritise(review, object);
        }
        if let Some(old) = review.request.old.filter(|_| review.is_of("", "pods")) {
            keep(old, object);
        }
        Ok(())
    }

    fn validate(&self, review: &Review<'_>, object: &Value) -> Result<Vec<String>, Error> {
        if !review.is_of(GROUP, CLASSES) || object.get("globalDefault") != Some(&Value::Bool(true)) {
            return Ok(Vec::new());
        }
        match default(review).filter(|known| object::name(known) != object::name(object)) {
            None => Ok(Vec::new()),
            Some(known) => {
                let name = object::name(&known);
                let why = format!("PriorityClass {name} is already marked as default. Only one default can exist");
                Err(review.forbidden(&why))
            }
        }
    }
}

/// The default class: of several, the one of least priority.
fn default(review: &Review<'_>) -> Option<Value> {
    let all = review.list(GROUP, CLASSES, None).into_iter();
    let defaults = all.filter(|class| class.get("globalDefault") == Some(&Value::Bool(true)));
    defaults.min_by_key(|class| class.get("value").and_then(Value::as_i64))
}

fn prioritise(review: &Review<'_>, pod: &mut Value) -> Result<(), Error> {
    let name = text(pod, "/spec/priorityClassName").to_owned();
    let class = if name.is_empty() { default(review) } else { review.get(GROUP, CLASSES, ("", &name)) };
    if class.is_none() && !name.is_empty() {
        return Err(review.forbidden(&format!("no PriorityClass with name {name} was found")));
    }
    let computed = class.as_ref().and_then(|class| class.get("value")?.as_i64()).unwrap_or(0);
    let preemption = class.as_ref().map_or("PreemptLowerPriority", |class| {
        class.get("preemptionPolicy").and_then(Value::as_str).unwrap_or("PreemptLowerPriority")
    });
    if let Some(given) = pod.pointer("/spec/priority").and_then(Value::as_i64).filter(|given| *given != computed) {
        let why = format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {computed} from the given PriorityClass name"
        );
        return Err(review.forbidden(&why));
    }
    let given = text(pod, "/spec/preemptionPolicy");
    if !given.is_empty() && given != preemption {
        let why = format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller computed {preemption} from the given PriorityClass name"
        );
        return Err(review.forbidden(&why));
    }
    if let (true, Some(class)) = (name.is_empty(), &class) {
        pod["spec"]["priorityClassName"] = Value::from(object::name(class));
    }
    pod["spec"]["priority"] = json!(computed);
    pod["spec"]["preemptionPolicy"] = Value::from(preemption);
    Ok(())
}

/// An update that leaves out what was computed does not take it away.
fn keep(old: &Value, new: &mut Value) {
    for field in ["priority", "preemptionPolicy"] {
        if let (Some(known), Some(spec)) = (old["spec"].get(field), new["spec"].as_object_mut()) {
            spec.entry(field).or_insert_with(|| known.clone());
        }
    }
}
