//! Which applications a push concerns: those that follow the revision that moved and read a path that changed.
//! It must not know what an application deploys.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mainstay_api::argoproj::{self, Source};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::ObjectKey;
use serde_json::Value;

use crate::plan::source::Selection;
use crate::plan::target::hash;
use crate::revisions::{Asked, same_repository};

/// What one application follows.
struct Route {
    asked: Asked,
    project: String,
    /// `None` where the source cannot be read: then every change concerns it, so that it can be reported.
    selection: Option<Selection>,
}

/// What all applications follow, kept current by their watch.
#[derive(Default)]
pub(crate) struct Routes {
    routes: Mutex<BTreeMap<ObjectKey, Route>>,
    /// A hash of what of an application asks for a look; its status does not, or every report would.
    relevant: Mutex<HashMap<ObjectKey, u64>>,
}

impl Routes {
    fn routes(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Route>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an application as it is now. False if nothing changed that asks for a look.
    pub(crate) fn applied(&self, app: &Value) -> bool {
        let key = ObjectKey::of(app);
        let relevant = relevant(app);
        let before = self.relevant.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), relevant);
        if before == Some(relevant) {
            return false;
        }
        self.routes().insert(key, route(app));
        true
    }

    /// Forgets an application.
    pub(crate) fn deleted(&self, app: &Value) {
        let key = ObjectKey::of(app);
        self.relevant.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.routes().remove(&key);
    }

    /// Applications of a repository, with what they follow.
    pub(crate) fn of_repository(&self, url: &str) -> Vec<(ObjectKey, Asked)> {
        let routes = self.routes();
        let of = routes.iter().filter(|(_, route)| same_repository(&route.asked.url, url));
        of.map(|(key, route)| (key.clone(), route.asked.clone())).collect()
    }

    /// Applications of a project.
    pub(crate) fn of_project(&self, project: &str) -> Vec<ObjectKey> {
        self.routes().iter().filter(|(_, route)| route.project == project).map(|(key, _)| key.clone()).collect()
    }

    /// Applications that follow a revision and read one of the changed paths, which are sorted.
    pub(crate) fn concerned(&self, asked: &Asked, changed: &[String]) -> Vec<ObjectKey> {
        let routes = self.routes();
        let following = routes.iter().filter(|(_, route)| route.asked == *asked);
        following.filter(|(_, route)| route.reads(changed)).map(|(key, _)| key.clone()).collect()
    }
}

impl Route {
    fn reads(&self, changed: &[String]) -> bool {
        let Some(selection) = &self.selection else { return true };
        let root = selection.root();
        let from = changed.partition_point(|path| path.as_str() < root);
        let below = changed[from..].iter().take_while(|path| path.starts_with(root));
        below.into_iter().any(|path| selection.wants(path))
    }
}

fn route(app: &Value) -> Route {
    let text = |pointer: &str| app.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let or = |text: String, fallback: &str| if text.is_empty() { fallback.to_owned() } else { text };
    let pinned = object::annotation(app, argoproj::PINNED_REVISION).unwrap_or_default().to_owned();
    let revision = if pinned.is_empty() { or(text("/spec/source/targetRevision"), "HEAD") } else { pinned };
    let source: Option<Source> =
        app.pointer("/spec/source").and_then(|source| serde_json::from_value(source.clone()).ok());
    Route {
        asked: Asked { url: text("/spec/source/repoURL"), revision },
        project: or(text("/spec/project"), "default"),
        selection: source.and_then(|source| Selection::new(&source).ok()),
    }
}

/// What of an application asks for a look: everything but its status, the bookkeeping of the server, and the thread.
fn relevant(app: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    for field in ["spec", "operation"] {
        app.get(field).map(hash).hash(&mut hasher);
    }
    let metadata = app.get("metadata");
    for field in ["uid", "annotations", "deletionTimestamp", "finalizers"] {
        metadata.and_then(|metadata| metadata.get(field)).map(hash).hash(&mut hasher);
    }
    let terminating = app.pointer("/status/operationState/phase").and_then(Value::as_str) == Some("Terminating");
    terminating.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn app(name: &str, path: &str, include: &str) -> Value {
        json!({"metadata": {"name": name, "namespace": "argocd"}, "spec": {"source": {
            "repoURL": "http://git/apps.git", "path": path, "directory": {"recurse": true, "include": include}}}})
    }

    #[test]
    fn only_readers_of_a_changed_path_are_concerned() {
        let routes = Routes::default();
        for app in [app("shop", "shop", ""), app("shopping", "shopping", ""), app("apps", ".", "*argocd.yaml")] {
            assert!(routes.applied(&app));
        }
        let asked = Asked { url: "http://git/apps.git".into(), revision: "HEAD".into() };
        let names = |changed: &[&str]| {
            let changed: Vec<String> = changed.iter().map(|path| (*path).to_owned()).collect();
            routes.concerned(&asked, &changed).into_iter().map(|key| key.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["shop/dev/application.yaml"]), ["shop"]);
        assert_eq!(names(&["shop/argocd.yaml", "shopping/a.yaml"]), ["apps", "shop", "shopping"]);
        assert_eq!(names(&["README.md"]), Vec::<String>::new());
    }

    #[test]
    fn a_status_asks_for_no_look() {
        let routes = Routes::default();
        let mut app = app("shop", "shop", "");
        assert!(routes.applied(&app));
        app["status"] = json!({"sync": {"status": "Synced"}});
        assert!(!routes.applied(&app));
        app["operation"] = json!({"sync": {}});
        assert!(routes.applied(&app));
    }
}
