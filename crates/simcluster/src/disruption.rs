//! PodDisruptionBudgets: how many of their pods may go. It must not know who wants pods to go.

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use mainstay_apimachinery::selector::LabelSelector;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, Informer, ObjectKey};
use serde_json::{Map, Value, json};

use crate::cluster::{self, CONTROLLER_MANAGER, Cluster};
use crate::condition::{self, Condition};
use crate::{kinds, owner, pod, read};

/// After so long an eviction that was let happen is taken not to have; upstream's `DeletionTimeout`.
const GONE_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let budgets = cluster.informer(&kinds::disruption_budgets());
    let pods = cluster.informer(&kinds::pods());
    let sets = cluster.informer(&kinds::replica_sets());
    let deployments = cluster.informer(&kinds::deployments());
    let known = budgets.clone();
    let cluster = cluster.clone();
    Controller::new("disruption", &cluster.context.clone())
        .watch(&budgets, |event| [ObjectKey::of(event.object())])
        .watch(&pods, move |event| covering(&known, event.object()))
        .reads(&sets)
        .reads(&deployments)
        .spawn(move |key| reconcile(cluster.clone(), key));
}

fn covers(budget: &Value, pod: &Value) -> bool {
    let selector = budget.pointer("/spec/selector").and_then(|selector| LabelSelector::from_object(selector).ok());
    selector.is_some_and(|selector| selector.matches(object::labels(pod)))
}

fn covering(budgets: &Informer, pod: &Value) -> Vec<ObjectKey> {
    let near = budgets.list_namespace(object::namespace(pod).unwrap_or_default());
    near.iter().filter(|budget| covers(budget, pod)).map(ObjectKey::of).collect()
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(budget) = cluster.informer(&kinds::disruption_budgets()).get_key(&key) else {
        return Ok(Action::done());
    };
    let mut pods = cluster.informer(&kinds::pods()).list_namespace(&key.namespace);
    pods.retain(|pod| covers(&budget, pod));
    let now = cluster.now();
    let disrupted = Disrupted::of(&budget, &pods, now);
    let scale = expected_scale(&cluster, &key.namespace, &pods);
    let status = status(&budget, &pods, (scale, &disrupted), now);
    if let Some(patch) = read::status_patch(&budget, &status) {
        cluster.patch_status(CONTROLLER_MANAGER, &kinds::disruption_budgets(), &budget, &patch).await?;
    }
    Ok(cluster::again_in(disrupted.next.map(|at| cluster::until(now, at))))
}

/// The pods that the API server let be evicted and that are not seen to go yet. Upstream: `buildDisruptedPodMap`.
#[derive(Debug, Default, PartialEq)]
struct Disrupted {
    /// `status.disruptedPods` as it is to be.
    pods: Map<String, Value>,
    /// When the next one is given up.
    next: Option<Timestamp>,
}

impl Disrupted {
    fn of(budget: &Value, pods: &[Value], now: Timestamp) -> Self {
        let mut found = Self::default();
        let told = budget.pointer("/status/disruptedPods").and_then(Value::as_object);
        for (name, since) in told.into_iter().flatten() {
            let stays = pods.iter().any(|pod| object::name(pod) == name && pod::is_active(pod));
            let until =
                since.as_str().and_then(|since| since.parse::<Timestamp>().ok()).map(|since| since + GONE_AFTER);
            if let Some(until) = until.filter(|until| stays && *until > now) {
                found.pods.insert(name.clone(), since.clone());
                found.next = Some(found.next.map_or(until, |next| next.min(until)));
            }
        }
        found
    }
}

/// How many pods the pods' controllers want together. Upstream: `getExpectedScale`.
fn expected_scale(cluster: &Cluster, namespace: &str, pods: &[Value]) -> i64 {
    let mut controllers: Vec<ObjectKey> =
        pods.iter().filter_map(|pod| top_controller(cluster, namespace, pod)).collect();
    controllers.sort();
    controllers.dedup();
    let scale = |key: &ObjectKey| {
        let found = [kinds::deployments(), kinds::replica_sets(), kinds::stateful_sets()];
        let object = found.iter().find_map(|resource| {
            let name = key.name.strip_prefix(&format!("{}/", resource.kind))?;
            cluster.informer(resource).get(&key.namespace, name)
        });
        object.and_then(|object| read::int(&object, "/spec/replicas")).unwrap_or(0)
    };
    controllers.iter().map(scale).sum()
}

/// The Deployment of a pod's ReplicaSet, or the pod's controller itself; the name has the kind in front.
fn top_controller(cluster: &Cluster, namespace: &str, pod: &Value) -> Option<ObjectKey> {
    let named = |reference: &Value| Some(format!("{}/{}", reference["kind"].as_str()?, reference["name"].as_str()?));
    let direct = object::controller_of(pod)?;
    let set =
        owner::controller_key(pod, "ReplicaSet").and_then(|key| cluster.informer(&kinds::replica_sets()).get_key(&key));
    let above = set.as_ref().and_then(object::controller_of).and_then(named);
    Some(ObjectKey::new(namespace, above.or_else(|| named(direct))?))
}

/// Upstream: `updatePdbStatus`, `countHealthyPods`.
fn status(budget: &Value, pods: &[Value], (scale, disrupted): (i64, &Disrupted), now: Timestamp) -> Value {
    let present = i64::try_from(pods.len()).unwrap_or(i64::MAX);
    let counts = |pod: &&Value| {
        pod::is_ready(pod) && !object::is_deleting(pod) && !disrupted.pods.contains_key(object::name(pod))
    };
    let healthy = i64::try_from(pods.iter().filter(counts).count()).unwrap_or(i64::MAX);
    let (expected, desired) = expectation(budget, present, scale);
    let allowed = if expected > 0 { (healthy - desired).max(0) } else { 0 };
    let condition = if allowed > 0 {
        Condition::new("DisruptionAllowed", true, "SufficientPods", "")
    } else {
        Condition::new("DisruptionAllowed", false, "InsufficientPods", "")
    };
    let mut conditions = condition::all(budget);
    condition::set(&mut conditions, &condition, now);
    for condition in &mut conditions {
        // metav1.Condition must have a message, be it empty.
        condition["message"] = json!("");
        condition["observedGeneration"] = json!(object::generation(budget));
    }
    let mut status = json!({
        "observedGeneration": object::generation(budget),
        "expectedPods": expected, "currentHealthy": healthy, "desiredHealthy": desired,
        "disruptionsAllowed": allowed, "conditions": conditions,
    });
    if !disrupted.pods.is_empty() {
        status["disruptedPods"] = Value::from(disrupted.pods.clone());
    }
    status
}

/// How many pods are expected and how many must be healthy. Upstream: `getExpectedPodCount`.
fn expectation(budget: &Value, present: i64, scale: i64) -> (i64, i64) {
    if let Some(unavailable) = budget.pointer("/spec/maxUnavailable") {
        let most = read::scaled(unavailable, scale, true).unwrap_or(0);
        return (scale, (scale - most).max(0));
    }
    match budget.pointer("/spec/minAvailable") {
        Some(Value::Number(least)) => (present, least.as_i64().unwrap_or(0)),
        Some(percent) => (scale, read::scaled(percent, scale, true).unwrap_or(0)),
        None => (present, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Value {
        json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    }

    #[test]
    fn disruptions_are_what_is_healthy_beyond_what_must_be() {
        let budget = json!({"spec": {"minAvailable": 1}});
        let two = status(&budget, &[ready(), ready()], (2, &Disrupted::default()), Timestamp::UNIX_EPOCH);
        assert_eq!((&two["disruptionsAllowed"], &two["expectedPods"]), (&json!(1), &json!(2)));
        let one = status(&budget, &[ready(), json!({})], (2, &Disrupted::default()), Timestamp::UNIX_EPOCH);
        assert_eq!(one["conditions"][0]["reason"], "InsufficientPods");
    }

    #[test]
    fn an_eviction_that_was_let_happen_counts_until_it_is_seen_or_given_up() {
        let named = |name: &str| {
            let mut pod = ready();
            pod["metadata"] = json!({ "name": name });
            pod
        };
        let mut budget = json!({"spec": {"minAvailable": 1}});
        budget["status"] = json!({"disruptedPods": {"a": "1970-01-01T00:00:10Z", "gone": "1970-01-01T00:00:10Z"}});
        let pods = [named("a"), named("b")];
        let at = |second| Timestamp::from_second(second).unwrap();
        let disrupted = Disrupted::of(&budget, &pods, at(11));
        assert_eq!(disrupted.next, Some(at(130)));
        let told = status(&budget, &pods, (2, &disrupted), at(11));
        assert_eq!((&told["disruptionsAllowed"], &told["currentHealthy"]), (&json!(0), &json!(1)));
        assert_eq!(told["disruptedPods"], json!({"a": "1970-01-01T00:00:10Z"}));
        assert_eq!(Disrupted::of(&budget, &pods, at(130)), Disrupted::default());
    }

    #[test]
    fn per_cents_are_of_the_wanted_scale() {
        let quarter = json!({"spec": {"maxUnavailable": "25%"}});
        assert_eq!(expectation(&quarter, 3, 4), (4, 3));
        let half = json!({"spec": {"minAvailable": "50%"}});
        assert_eq!(expectation(&half, 3, 5), (5, 3));
    }
}
