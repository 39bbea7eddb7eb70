//! Health of a whole application: the worst of its resources that count. As Argo CD's `setApplicationHealth`.
//! It must not know how live objects are got, nor how one object is judged.

use std::collections::BTreeSet;

use jiff::Timestamp;
use mainstay_api::{argoproj, kro};
use mainstay_apimachinery::{GroupKind, health, object};
use serde_json::Value;

use super::compare::{Comparison, Live};
use super::key::Key;
use super::settings::Settings;
use super::tracking::Owner;

pub use mainstay_apimachinery::health::{Health, Status};

/// How many resources a message names.
const NAMED: usize = 3;

/// Kinds whose objects are healthy only when they say so of their present generation: instances of graphs. Of other
/// custom resources nobody knows whether a controller will ever write a status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reporting(BTreeSet<GroupKind>);

impl Reporting {
    /// Adds a kind.
    pub fn add(&mut self, kind: GroupKind) {
        self.0.insert(kind);
    }

    fn has(&self, key: &Key) -> bool {
        // A graph's own status is as sure to come.
        let graph = key.group == kro::GROUP && key.kind == kro::KIND;
        graph || self.is_instance(key)
    }

    /// Whether an object is an instance of a graph.
    #[must_use]
    pub fn is_instance(&self, key: &Key) -> bool {
        self.0.contains(&key.group_kind())
    }
}

/// Live objects, and what is known of their kinds.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// The objects.
    pub live: &'a Live,
    /// Kinds that have to report.
    pub reporting: &'a Reporting,
    /// What users' scripts say.
    pub settings: &'a Settings,
    /// The time, as scripts are told it.
    pub now: Timestamp,
}

impl Judge<'_> {
    /// The health of a resource; `None` if it is not live, or of a kind that has none.
    #[must_use]
    pub fn of(&self, key: &Key) -> Option<Health> {
        let live = self.live.get(key)?;
        if let Some(verdict) = self.settings.health(live, self.now) {
            return verdict.unwrap_or_else(|why| Some(Health::new(Status::Unknown, why)));
        }
        let said = health::of(live);
        if !self.reporting.has(key) || object::is_deleting(live) {
            return said;
        }
        Some(unreported(live).or(said).unwrap_or_else(|| waiting("report")))
    }

    /// Why a user's script fails on a resource that is live.
    #[must_use]
    pub fn failure(&self, key: &Key) -> Option<String> {
        self.settings.health(self.live.get(key)?, self.now)?.err()
    }
}

/// Whether a group belongs to custom resources, going by the names Kubernetes keeps for itself.
#[must_use]
pub fn is_custom(group: &str) -> bool {
    group.contains('.') && !group.ends_with(".k8s.io")
}

fn waiting(what: &str) -> Health {
    Health::new(Status::Progressing, format!("waiting for its controller to {what}"))
}

/// The health of an object whose status is not about its present generation, or not complete.
fn unreported(live: &Value) -> Option<Health> {
    let conditions = live.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == kro::READY);
    let generation = object::generation(live);
    match ready.map(|ready| ready["observedGeneration"].as_i64()) {
        Some(Some(observed)) if observed != generation => {
            Some(waiting(&format!("observe generation {generation}, it has seen {observed}")))
        }
        _ => None,
    }
}

/// Everything that the health of an object can be told from, whatever its kind is: equal for equal health.
#[must_use]
pub fn trace(live: &Value, settings: &Settings, now: Timestamp) -> [Option<(&'static str, String)>; 3] {
    let own = settings.health(live, now);
    let own = own.and_then(|verdict| verdict.unwrap_or_else(|why| Some(Health::new(Status::Unknown, why))));
    [health::of(live), unreported(live), own]
        .map(|health| health.map(|health| (health.status.as_str(), health.message)))
}

/// The health of an application: the worst of its resources that count.
#[must_use]
pub fn aggregate(app: &Owner, comparison: &Comparison, judge: &Judge<'_>) -> Health {
    let mut worst = Status::Healthy;
    let mut culprits: Vec<&Key> = Vec::new();
    let resources = || comparison.resources.iter().filter(|resource| !resource.hook);
    for resource in resources() {
        let Some(health) = counted(app, &resource.key, judge) else { continue };
        if health > worst {
            worst = health;
            culprits.clear();
        }
        if health == worst && health != Status::Healthy {
            culprits.push(&resource.key);
        }
    }
    let nothing_live = resources().next().is_some() && !resources().any(|resource| resource.live);
    if nothing_live {
        return Health { status: Status::Missing, message: String::new() };
    }
    Health { status: worst, message: caused_by(&culprits) }
}

/// Whether a live resource asks that its health does not count.
#[must_use]
pub fn is_ignored(live: &Value) -> bool {
    object::annotation(live, argoproj::IGNORE_HEALTHCHECK) == Some("true")
}

/// The health that a live resource brings to its application, if it counts.
fn counted(app: &Owner, key: &Key, judge: &Judge<'_>) -> Option<Status> {
    let live = judge.live.get(key)?;
    if is_ignored(live) {
        return None;
    }
    let application = key.group == argoproj::GROUP && key.kind == "Application";
    if app.is(key) {
        return None;
    }
    let status = judge.of(key)?.status;
    let harmless = application && matches!(status, Status::Missing | Status::Unknown);
    (!harmless).then_some(status)
}

fn caused_by(culprits: &[&Key]) -> String {
    if culprits.is_empty() {
        return String::new();
    }
    let names: Vec<_> = culprits.iter().take(NAMED).map(ToString::to_string).collect();
    let more = culprits.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("Caused by {}{rest}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::compare::{Resource, Sync};
    use super::*;
    use serde_json::json;

    fn judge<'a>(live: &'a Live, reporting: &'a Reporting, settings: &'a Settings) -> Judge<'a> {
        Judge { live, reporting, settings, now: Timestamp::UNIX_EPOCH }
    }

    fn look(objects: &[Value]) -> Health {
        let live: Live = objects.iter().map(|object| (Key::of(object), object.clone())).collect();
        let resource = |key: &Key| Resource {
            key: key.clone(),
            version: "v1".into(),
            sync: Sync::Synced,
            desired: true,
            live: true,
            wave: 0,
            counts: true,
            hook: false,
        };
        let comparison = Comparison { sync: Sync::Synced, resources: live.keys().map(resource).collect() };
        let owner = Owner { name: "apps".into(), namespace: "argocd".into(), ..Owner::default() };
        aggregate(&owner, &comparison, &judge(&live, &Reporting::default(), &Settings::default()))
    }

    #[test]
    fn an_instance_of_a_graph_is_healthy_when_it_says_so_of_its_present_generation() {
        let instance = |status: Value| json!({"apiVersion": "x.io/v1", "kind": "Shop", "metadata": {"name": "a", "generation": 2}, "status": status});
        let ready = |status: &str, seen: i64, state: &str| json!({"state": state, "conditions": [{"type": "Ready", "status": status, "observedGeneration": seen}]});
        let mut reporting = Reporting::default();
        reporting.add(GroupKind { group: "x.io".into(), kind: "Shop".into() });
        let judge = |status: Value, reporting: &Reporting| {
            let (live, key) = (instance(status), Key::of(&instance(Value::Null)));
            let live = Live::from([(key.clone(), live)]);
            super::tests::judge(&live, reporting, &Settings::default()).of(&key).map(|health| health.status)
        };
        for (status, expected) in [
            (Value::Null, Status::Progressing),
            (ready("True", 1, "ACTIVE"), Status::Progressing),
            (ready("False", 1, "ERROR"), Status::Progressing),
            (ready("False", 2, "IN_PROGRESS"), Status::Progressing),
            (ready("False", 2, "ERROR"), Status::Degraded),
            (ready("True", 2, "ACTIVE"), Status::Healthy),
        ] {
            assert_eq!(judge(status.clone(), &reporting), Some(expected), "{status}");
        }
        assert_eq!(judge(Value::Null, &Reporting::default()), None, "another kind may have no controller");
    }

    fn child(name: &str, health: &str) -> Value {
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name, "namespace": "argocd"},
            "status": {"health": {"status": health}}})
    }

    #[test]
    fn the_worst_counts_but_not_itself_nor_children_that_are_missing() {
        let worst =
            look(&[child("a", "Healthy"), child("b", "Degraded"), child("c", "Progressing"), child("apps", "Unknown")]);
        assert_eq!(worst, Health::new(Status::Degraded, "Caused by Application.argoproj.io/argocd/b"));
        assert_eq!(look(&[child("a", "Missing"), child("b", "Healthy")]).status, Status::Healthy);
        assert_eq!(look(&[]).status, Status::Healthy);
    }
    #[test]
    fn a_users_script_decides_before_what_is_built_in() {
        let script = |text: &str| {
            Settings::new(&[("resource.customizations.health.Pod".to_owned(), text.to_owned())].into(), &[].into())
        };
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "status": {"phase": "Failed"}});
        let (key, live) = (Key::of(&pod), Live::from([(Key::of(&pod), pod.clone())]));
        let of = |settings: &Settings| judge(&live, &Reporting::default(), settings).of(&key);
        assert_eq!(of(&Settings::default()).unwrap().status, Status::Degraded);
        assert_eq!(
            of(&script("return {status = 'Healthy', message = obj.status.phase}")),
            Some(Health::new(Status::Healthy, "Failed"))
        );
        assert_eq!(of(&script("return nil")), None);
        let broken = script("return obj.a.b");
        let health = of(&broken).unwrap();
        assert!(
            health.status == Status::Unknown && health.message.contains("health.lua:1: attempt to index field 'a'")
        );
        assert_eq!(judge(&live, &Reporting::default(), &broken).failure(&key), Some(health.message));
    }
}
