//! Why an application is not ready: from the Application down to the deepest thing that is broken, and what to do.
//! It must not guess: it says what objects say, and adds advice only for reasons it knows.

use serde::Serialize;
use serde_json::Value;

use super::health::{self, Health, text};
use super::timeline::involved;
use super::{ObjectRef, Tree, World};

/// Conditions of an Application that are no fault.
const HARMLESS: [&str; 2] = ["SharedResourceWarning", "OrphanedResourceWarning"];

/// One reason, with the way that leads to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// From the Application to the object at fault.
    pub path: Vec<ObjectRef>,
    /// How well the last of them is.
    #[serde(serialize_with = "health::as_word")]
    pub health: Health,
    /// Reason in PascalCase, such as `ImagePullBackOff`.
    pub reason: String,
    /// In words.
    pub message: String,
    /// What to do about it; empty if nothing is known.
    pub advice: String,
}

/// Why an application is as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// How well it is.
    #[serde(serialize_with = "health::as_word")]
    pub health: Health,
    /// `Synced`, `OutOfSync` or `Unknown`.
    pub sync: String,
    /// In one sentence.
    pub headline: String,
    /// The reasons, the nearest to git first; empty if all is well.
    pub causes: Vec<Cause>,
}

/// Explains an application's state.
#[must_use]
pub fn why(world: &World, tree: &Tree) -> Explanation {
    let status = &world.application["status"];
    let health = health::parse(&status["health"]["status"]);
    let sync = status["sync"]["status"].as_str().unwrap_or("Unknown").to_owned();
    let mut causes = from_conditions(world);
    causes.extend(from_operation(world));
    causes.extend(from_tree(world, tree));
    let headline = headline(health, &sync, &causes);
    Explanation { health, sync, headline, causes }
}

fn headline(health: Health, sync: &str, causes: &[Cause]) -> String {
    match causes {
        [] if health::is_fine(health) && sync == "Synced" => {
            "Everything is as the commit says, and healthy.".to_owned()
        }
        [] if sync == "OutOfSync" => "What is live differs from the commit, and a sync has not started.".to_owned(),
        [] => format!("It is {health} and {sync}; nothing says why yet."),
        [only] => format!("{}: {}", only.path.last().map(ObjectRef::short).unwrap_or_default(), only.reason),
        [first, rest @ ..] => {
            let of = first.path.last().map(ObjectRef::short).unwrap_or_default();
            format!("{of}: {}, and {} more", first.reason, rest.len())
        }
    }
}

fn from_conditions(world: &World) -> Vec<Cause> {
    let conditions = world.application["status"]["conditions"].as_array().into_iter().flatten();
    let told = conditions.filter(|condition| !HARMLESS.contains(&text(&condition["type"])));
    told.map(|condition| {
        cause(vec![world.root()], Health::Degraded, text(&condition["type"]), text(&condition["message"]))
    })
    .collect()
}

/// The resources that the last sync could not apply, or the sync itself.
fn from_operation(world: &World) -> Vec<Cause> {
    let operation = &world.application["status"]["operationState"];
    if !matches!(text(&operation["phase"]), "Failed" | "Error") {
        return Vec::new();
    }
    let cluster = world.destination();
    let results = operation["syncResult"]["resources"].as_array().into_iter().flatten();
    let failed = results.filter(|result| result["status"] == "SyncFailed" || result["hookPhase"] == "Failed");
    let causes: Vec<Cause> = failed
        .map(|result| {
            let path = vec![world.root(), ObjectRef::named_by(&cluster, result)];
            cause(path, Health::Degraded, "SyncFailed", text(&result["message"]))
        })
        .collect();
    if causes.is_empty() {
        return vec![cause(vec![world.root()], Health::Degraded, "SyncFailed", text(&operation["message"]))];
    }
    causes
}

/// The unwell objects below which nothing is unwell; of several children of one parent that say the same, the first.
fn from_tree(world: &World, tree: &Tree) -> Vec<Cause> {
    let unwell = |node: usize| tree.nodes[node].health().is_some_and(|health| !health::is_fine(health));
    let mut causes: Vec<Cause> = Vec::new();
    for position in 1..tree.nodes.len() {
        if !unwell(position) || tree.children(position).any(unwell) {
            continue;
        }
        let path = tree.path_to(position).into_iter().map(|at| tree.nodes[at].object.clone()).collect();
        let found = explain(world, tree, position, path);
        let is_told = |known: &Cause| {
            known.reason == found.reason
                && known.message == found.message
                && known.path.split_last().map(|(_, rest)| rest) == found.path.split_last().map(|(_, rest)| rest)
        };
        if !causes.iter().any(is_told) {
            causes.push(found);
        }
    }
    causes
}

fn explain(world: &World, tree: &Tree, position: usize, path: Vec<ObjectRef>) -> Cause {
    let node = &tree.nodes[position];
    let verdict = node.verdict.clone().unwrap_or_default();
    let live = world.find(&node.object.to_string()).map(|located| located.object).unwrap_or_default();
    if let Some((reason, message)) = health::waiting(&live) {
        return cause(path, verdict.health, reason, message);
    }
    if let Some(condition) = failed_condition(&live) {
        let reason =
            condition["reason"].as_str().filter(|reason| !reason.is_empty()).unwrap_or(text(&condition["type"]));
        return cause(path, verdict.health, reason, text(&condition["message"]));
    }
    match last_warning(world, &node.object) {
        Some(event) => cause(path, verdict.health, text(&event["reason"]), text(&event["message"])),
        None => cause(path, verdict.health, verdict.health.as_str(), &verdict.message),
    }
}

/// The condition that says what is wrong: a particular one rather than `Ready`, which only sums up.
fn failed_condition(object: &Value) -> Option<&Value> {
    let conditions = object["status"]["conditions"].as_array()?;
    let failed = |condition: &&Value| condition["status"] == "False" && !text(&condition["message"]).is_empty();
    let sums_up = |condition: &&Value| matches!(text(&condition["type"]), "Ready" | "ContainersReady");
    let particular = conditions.iter().filter(failed).find(|condition| !sums_up(condition));
    particular.or_else(|| conditions.iter().find(failed))
}

fn last_warning<'a>(world: &'a World, object: &ObjectRef) -> Option<&'a Value> {
    let about = world.events.iter().filter(|event| event.object["type"] == "Warning");
    let about = about.filter(|event| involved(&event.cluster, &event.object).key() == object.key());
    about.map(|event| &event.object).max_by_key(|event| text(&event["eventTime"]).to_owned())
}

fn cause(path: Vec<ObjectRef>, health: Health, reason: &str, message: &str) -> Cause {
    let advice = advice(reason, path.last()).unwrap_or_default();
    Cause { path, health, reason: reason.to_owned(), message: message.to_owned(), advice }
}

/// What to do about reasons that Kubernetes, Argo CD and kro are known to give. `{cluster}`, `{namespace}` and `{name}`
/// are those of the object.
const ADVICE: [(&str, &str); 18] = [
    ("ImagePullBackOff", IMAGE),
    ("ErrImagePull", IMAGE),
    ("InvalidImageName", IMAGE),
    (
        "CrashLoopBackOff",
        "the container starts and ends again; see why with `kubectl --context {cluster} -n {namespace} logs {name} --previous`",
    ),
    ("Unschedulable", "no node has room for it; lower its requests in git, or add nodes"),
    ("ContainersNotReady", PROBE),
    ("NotReady", "it waits for what the message names; look at that first"),
    ("ApplyFailed", REFUSED),
    ("ProgressDeadlineExceeded", "the new version does not become ready; revert the commit, or correct it"),
    ("FailedCreate", "its namespace refuses the pod; compare the quota the message names with what it asks for"),
    ("ComparisonError", CORRECT),
    ("InvalidSpecError", CORRECT),
    ("InvalidSpec", CORRECT),
    ("InvalidResourceGraph", CORRECT),
    ("ExpressionFailed", "correct the expression in its definition, or the field that it reads, in git and push"),
    ("SyncFailed", REFUSED),
    ("SyncError", REFUSED),
    ("Missing", "it is applied by the next sync; if it stays missing, look for a failed sync above"),
];
const IMAGE: &str = "check the image's name and tag, and that the cluster may pull it; correct it in git and push";
const PROBE: &str = "the container runs but its readiness probe fails; check the probe's path and port";
const CORRECT: &str = "correct what the message names in git and push";
const REFUSED: &str = "the cluster refused it; correct what the message names in git and push, the sync runs again";

/// The reasons that [`why`] has advice on.
pub fn known_reasons() -> impl Iterator<Item = &'static str> {
    ADVICE.iter().map(|(reason, _)| *reason)
}

fn advice(reason: &str, object: Option<&ObjectRef>) -> Option<String> {
    let object = object?;
    let (_, advice) = ADVICE.iter().find(|(known, _)| *known == reason)?;
    let advice = advice.replace("{cluster}", &object.cluster);
    Some(advice.replace("{namespace}", &object.namespace).replace("{name}", &object.name))
}

#[cfg(test)]
mod tests {
    use super::super::{Located, tree};
    use super::*;
    use serde_json::json;

    fn world(status: Value, objects: Vec<Value>) -> World {
        let application = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"namespace": "argocd", "name": "a"},
            "spec": {"destination": {"name": "dev"}}, "status": status,
        });
        let objects = objects.into_iter().map(|object| Located { cluster: "dev".into(), object }).collect();
        World { control: "control".into(), application, objects, ..World::default() }
    }

    #[test]
    fn all_is_well() {
        let world = world(json!({"health": {"status": "Healthy"}, "sync": {"status": "Synced"}}), Vec::new());
        let explanation = why(&world, &tree(&world));
        assert!(explanation.causes.is_empty());
        assert!(explanation.headline.contains("healthy"));
    }

    #[test]
    fn goes_down_to_the_pod() {
        let waiting = json!([{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}}}]);
        let owner = |kind: &str| json!([{"kind": kind, "uid": kind, "controller": true}]);
        let pod = |name: &str| {
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "a", "name": name, "uid": name,
            "ownerReferences": owner("Deployment")}, "status": {"containerStatuses": waiting}})
        };
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "a", "name": "a", "uid": "Deployment"}});
        let resources =
            json!([{"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "a", "name": "a"}]);
        let status = json!({"health": {"status": "Progressing"}, "sync": {"status": "Synced"}, "resources": resources});
        let world = world(status, vec![deployment, pod("p1"), pod("p2")]);
        let explanation = why(&world, &tree(&world));
        assert_eq!(explanation.causes.len(), 1, "two pods that say the same are one cause");
        let cause = &explanation.causes[0];
        let path: Vec<String> = cause.path.iter().map(ObjectRef::short).collect();
        assert_eq!(path, ["Application a", "Deployment a", "Pod p1"]);
        assert_eq!((cause.reason.as_str(), cause.message.as_str()), ("ImagePullBackOff", "no such tag"));
        assert!(cause.advice.contains("tag"));
    }

    #[test]
    fn a_refused_resource_is_told() {
        let status = json!({"operationState": {"phase": "Failed", "syncResult": {"resources": [
            {"kind": "Service", "name": "s", "status": "SyncFailed", "message": "spec.ports: Required value"}]}}});
        let world = world(status, Vec::new());
        let explanation = why(&world, &tree(&world));
        assert_eq!(explanation.headline, "Service s: SyncFailed");
        assert!(explanation.causes[0].advice.contains("correct"));
    }
}
