//! `LimitRanger`: defaults, minima and maxima of what pods and claims ask for, by the LimitRanges of their namespace.
//! It must not know quotas. Upstream: `plugin/pkg/admission/limitranger`.

use std::collections::{BTreeMap, BTreeSet};

use mainstay_apimachinery::object;
use mainstay_apimachinery::quantity::Quantity;
use serde_json::{Value, json};

use super::Operation;
use super::plugin::Plugin;
use super::review::{Review, items, text};
use crate::Error;

/// The annotation that says what was set.
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// The plugin.
pub(super) struct LimitRanger;

impl Plugin for LimitRanger {
    fn handles(&self, review: &Review<'_>) -> bool {
        // What a pod's containers ask for cannot be changed later, so its updates are not looked at.
        review.is(Operation::Create, "", "pods")
            || review.is(Operation::Create, "", "persistentvolumeclaims")
            || review.is(Operation::Update, "", "persistentvolumeclaims")
    }

    fn admit(&self, review: &Review<'_>, object: &mut Value) -> Result<(), Error> {
        if review.is_of("", "pods") {
            ranges(review).iter().for_each(|range| set_defaults(range, object));
        }
        Ok(())
    }

    fn validate(&self, review: &Review<'_>, object: &Value) -> Result<Vec<String>, Error> {
        if object::is_deleting(object) {
            return Ok(Vec::new());
        }
        for range in ranges(review) {
            let errors = match review.is_of("", "pods") {
                true => pod_errors(&range, object),
                false => claim_errors(&range, object),
            };
            if !errors.is_empty() {
                return Err(review.forbidden(&aggregate(&errors)));
            }
        }
        Ok(Vec::new())
    }
}

fn ranges(review: &Review<'_>) -> Vec<Value> {
    review.list("", "limitranges", Some(review.request.namespace))
}

/// As `utilerrors.NewAggregate`: each text once, in brackets if there are several.
pub(super) fn aggregate(errors: &[String]) -> String {
    let mut seen = BTreeSet::new();
    let unique: Vec<&str> = errors.iter().map(String::as_str).filter(|error| seen.insert(*error)).collect();
    if unique.len() == 1 { unique[0].to_owned() } else { format!("[{}]", unique.join(", ")) }
}

fn limits<'r>(range: &'r Value, kind: &'static str) -> impl Iterator<Item = &'r Value> {
    items(range, "/spec/limits").filter(move |limit| text(limit, "/type") == kind)
}

fn set_defaults(range: &Value, pod: &mut Value) {
    let merged = |field: &str| -> BTreeMap<String, Value> {
        let given = limits(range, "Container").filter_map(|limit| limit.get(field)?.as_object());
        given.flatten().map(|(name, amount)| (name.clone(), amount.clone())).collect()
    };
    let (limits, requests) = (merged("default"), merged("defaultRequest"));
    let mut notes = Vec::new();
    for (field, word) in [("containers", "container"), ("initContainers", "init container")] {
        let Some(containers) = pod.pointer_mut(&format!("/spec/{field}")).and_then(Value::as_array_mut) else {
            continue;
        };
        for container in containers {
            let limited = fill(container, "limits", &limits);
            let requested = fill(container, "requests", &requests);
            let name = text(container, "/name");
            for (set, what) in [(requested, "request"), (limited, "limit")] {
                if !set.is_empty() {
                    notes.push(format!("{} {what} for {word} {name}", set.join(", ")));
                }
            }
        }
    }
    if !notes.is_empty() {
        object::set_annotation(pod, ANNOTATION, &format!("LimitRanger plugin set: {}", notes.join("; ")));
    }
}

/// Sets what is missing; gives its names.
fn fill(container: &mut Value, field: &str, defaults: &BTreeMap<String, Value>) -> Vec<String> {
    let absent = |(name, _): &(&String, &Value)| container.pointer(&format!("/resources/{field}/{name}")).is_none();
    let missing: Vec<(String, Value)> =
        defaults.iter().filter(absent).map(|(name, amount)| (name.clone(), amount.clone())).collect();
    for (name, amount) in &missing {
        container["resources"][field][name] = amount.clone();
    }
    missing.into_iter().map(|(name, _)| name).collect()
}

/// What is asked for: requests and limits by name.
#[derive(Default)]
struct Asked {
    requests: BTreeMap<String, Quantity>,
    limits: BTreeMap<String, Quantity>,
}

impl Asked {
    fn of(resources: Option<&Value>) -> Self {
        let read = |field: &str| -> BTreeMap<String, Quantity> {
            let given = resources.and_then(|given| given.get(field)?.as_object()).into_iter().flatten();
            given.filter_map(|(name, amount)| Some((name.clone(), Quantity::from_value(amount).ok()?))).collect()
        };
        Self { requests: read("requests"), limits: read("limits") }
    }

    /// A pod's: the sum of its containers, or what its greediest init container asks for.
    fn of_pod(pod: &Value) -> Self {
        let mut whole = Self::default();
        for container in items(pod, "/spec/containers") {
            whole.combine(&Self::of(container.get("resources")), |known, more| known + more);
        }
        for container in items(pod, "/spec/initContainers") {
            whole.combine(&Self::of(container.get("resources")), Ord::max);
        }
        whole
    }

    fn combine(&mut self, other: &Self, how: fn(Quantity, Quantity) -> Quantity) {
        for (own, more) in [(&mut self.requests, &other.requests), (&mut self.limits, &other.limits)] {
            for (name, amount) in more {
                own.entry(name.clone()).and_modify(|known| *known = how(*known, *amount)).or_insert(*amount);
            }
        }
    }
}

fn pod_errors(range: &Value, pod: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    for limit in items(range, "/spec/limits") {
        match text(limit, "/type") {
            "Container" => {
                for container in items(pod, "/spec/containers").chain(items(pod, "/spec/initContainers")) {
                    errors.extend(bounds(limit, "Container", &Asked::of(container.get("resources"))));
                }
            }
            "Pod" => errors.extend(bounds(limit, "Pod", &Asked::of_pod(pod))),
            _ => {}
        }
    }
    errors
}

/// What a bound of one resource is held against.
struct Bound<'a> {
    resource: &'a str,
    kind: &'a str,
    enforced: Quantity,
    request: Option<Quantity>,
    limit: Option<Quantity>,
}

/// What breaks a bound, in words.
type Rule = fn(&Bound<'_>) -> Option<String>;

fn bounds(limit: &Value, kind: &str, asked: &Asked) -> Vec<String> {
    let rules: [(&str, Rule); 3] = [("min", minimum), ("max", maximum), ("maxLimitRequestRatio", ratio)];
    let mut errors = Vec::new();
    for (field, rule) in rules {
        for (resource, enforced) in limit.get(field).and_then(Value::as_object).into_iter().flatten() {
            let Ok(enforced) = Quantity::from_value(enforced) else { continue };
            let request = asked.requests.get(resource).copied();
            let bound = Bound { resource, kind, enforced, request, limit: asked.limits.get(resource).copied() };
            errors.extend(rule(&bound));
        }
    }
    errors
}

fn minimum(bound: &Bound<'_>) -> Option<String> {
    let Bound { resource, kind, enforced, request, limit } = bound;
    let prefix = format!("minimum {resource} usage per {kind} is {enforced}");
    match (request, limit) {
        (None, _) => Some(format!("{prefix}.  No request is specified")),
        (Some(request), _) if request < enforced => Some(format!("{prefix}, but request is {request}")),
        (_, Some(limit)) if limit < enforced => Some(format!("{prefix}, but limit is {limit}")),
        _ => None,
    }
}

fn maximum(bound: &Bound<'_>) -> Option<String> {
    let Bound { resource, kind, enforced, request, limit } = bound;
    let prefix = format!("maximum {resource} usage per {kind} is {enforced}");
    match (limit, request) {
        (None, _) => Some(format!("{prefix}.  No limit is specified")),
        (Some(limit), _) if limit > enforced => Some(format!("{prefix}, but limit is {limit}")),
        (_, Some(request)) if request > enforced => Some(format!("{prefix}, but request is {request}")),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "upstream compares ratios as floats")]
fn ratio(bound: &Bound<'_>) -> Option<String> {
    let Bound { resource, kind, enforced, request, limit } = bound;
    let prefix = format!("{resource} max limit to request ratio per {kind} is {enforced}");
    let Some(request) = request.filter(|request| !request.is_zero()) else {
        return Some(format!("{prefix}, but no request is specified or request is 0"));
    };
    let Some(limit) = limit.filter(|limit| !limit.is_zero()) else {
        return Some(format!("{prefix}, but no limit is specified or limit is 0"));
    };
    let observed = limit.milli_value() as f64 / request.milli_value() as f64;
    let over = observed * 1000.0 > enforced.milli_value() as f64;
    over.then(|| format!("{prefix}, but provided ratio is {observed:.6}"))
}

fn claim_errors(range: &Value, claim: &Value) -> Vec<String> {
    let asked = Asked::of(claim.pointer("/spec/resources"));
    let kind = "PersistentVolumeClaim";
    let mut errors = Vec::new();
    for limit in limits(range, kind) {
        errors.extend(bounds(
            &json!({"min": limit.get("min")}),
            kind,
            &Asked { limits: BTreeMap::new(), ..copy(&asked) },
        ));
        // A claim has no limit: its request is held against the maximum.
        let requested = Asked { limits: asked.requests.clone(), requests: asked.requests.clone() };
        let over = bounds(&json!({"max": limit.get("max")}), kind, &requested);
        errors.extend(over.into_iter().map(|text| {
            text.replace("No limit is specified", "No request is specified").replace("but limit is", "but request is")
        }));
    }
    errors
}

fn copy(asked: &Asked) -> Asked {
    Asked { requests: asked.requests.clone(), limits: asked.limits.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(limit: Value) -> Value {
        json!({"spec": {"limits": [limit]}})
    }

    fn pod(resources: Value) -> Value {
        json!({"spec": {"containers": [{"name": "c", "resources": resources}]}})
    }

    #[test]
    fn defaults_are_set_and_said() {
        let range = range(
            json!({"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1", "memory": "1Gi"}}),
        );
        let mut pod = pod(json!({"requests": {"cpu": "2"}}));
        set_defaults(&range, &mut pod);
        let resources = json!({"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"cpu": "1"}});
        assert_eq!(pod["spec"]["containers"][0]["resources"], resources);
        let said = "LimitRanger plugin set: memory request for container c; cpu limit for container c";
        assert_eq!(object::annotation(&pod, ANNOTATION), Some(said));
    }

    #[test]
    fn ratios_and_what_is_missing() {
        let range = range(json!({"type": "Container", "min": {"memory": "1"}, "maxLimitRequestRatio": {"cpu": "2"}}));
        let errors = pod_errors(&range, &pod(json!({"requests": {"cpu": "1"}, "limits": {"cpu": "3"}})));
        let expected = [
            "minimum memory usage per Container is 1.  No request is specified",
            "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
        ];
        assert_eq!(errors, expected);
        assert_eq!(aggregate(&errors), format!("[{}]", expected.join(", ")));
    }

    #[test]
    fn claims_have_requests_only() {
        let range =
            range(json!({"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}}));
        let claim = |size: &str| json!({"spec": {"resources": {"requests": {"storage": size}}}});
        assert_eq!(claim_errors(&range, &claim("1Gi")), Vec::<String>::new());
        let over = "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi";
        assert_eq!(claim_errors(&range, &claim("3Gi")), [over]);
    }
}
