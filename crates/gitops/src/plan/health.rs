//! Health of a whole application: the worst of its resources that count. As Argo CD's `setApplicationHealth`.
//! It must not know how live objects are got, nor how one object is judged.

use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use serde_json::Value;

use super::compare::{Comparison, Live};
use super::key::Key;

pub use mainstay_apimachinery::health::{Health, Status, of};

/// How many resources a message names.
const NAMED: usize = 3;

/// The health of an application: the worst of its resources that count.
#[must_use]
pub fn aggregate(app: &str, comparison: &Comparison, live: &Live) -> Health {
    let mut worst = Status::Healthy;
    let mut culprits: Vec<&Key> = Vec::new();
    for resource in &comparison.resources {
        let Some(health) = live.get(&resource.key).and_then(|live| counted(app, &resource.key, live)) else { continue };
        if health > worst {
            worst = health;
            culprits.clear();
        }
        if health == worst && health != Status::Healthy {
            culprits.push(&resource.key);
        }
    }
    let nothing_live = !comparison.resources.is_empty() && !comparison.resources.iter().any(|resource| resource.live);
    if nothing_live {
        return Health { status: Status::Missing, message: String::new() };
    }
    Health { status: worst, message: caused_by(&culprits) }
}

/// The health that a live resource brings to its application, if it counts.
fn counted(app: &str, key: &Key, live: &Value) -> Option<Status> {
    if object::annotation(live, argoproj::IGNORE_HEALTHCHECK) == Some("true") {
        return None;
    }
    let application = key.group == argoproj::GROUP && key.kind == "Application";
    if application && key.name == app {
        return None;
    }
    let status = of(live)?.status;
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
        };
        let comparison = Comparison { sync: Sync::Synced, resources: live.keys().map(resource).collect() };
        aggregate("apps", &comparison, &live)
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
}
