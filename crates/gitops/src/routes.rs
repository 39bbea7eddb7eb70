//! Which applications a push concerns: those that follow the revision that moved and read a path that changed.
//! It must not know what an application deploys.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mainstay_api::argoproj::{ApplicationSpec, Source};
use mainstay_controller_runtime::ObjectKey;
use mainstay_webhook::RepositoryKey;
use serde::Deserialize;
use serde_json::Value;

use crate::plan::source::Selection;
use crate::plan::target::hash;
use crate::revisions::Asked;
use crate::validate;

/// What one application follows.
#[derive(Default)]
struct Route {
    project: String,
    sources: Vec<Followed>,
}

/// A source that is followed.
struct Followed {
    asked: Asked,
    /// Paths that a look has read; `None` before the first: then every change concerns it.
    reads: Option<Vec<String>>,
    /// Which files below them count, if the source says so.
    selection: Option<Selection>,
}

/// What all applications follow, by application and by repository.
#[derive(Default)]
struct Table {
    routes: BTreeMap<ObjectKey, Route>,
    readers: HashMap<RepositoryKey, BTreeSet<ObjectKey>>,
}

impl Table {
    fn insert(&mut self, app: ObjectKey, route: Route) {
        self.remove(&app);
        for repository in route.repositories() {
            self.readers.entry(repository).or_default().insert(app.clone());
        }
        self.routes.insert(app, route);
    }

    fn remove(&mut self, app: &ObjectKey) {
        let Some(route) = self.routes.remove(app) else { return };
        for repository in route.repositories() {
            let Some(readers) = self.readers.get_mut(&repository) else { continue };
            readers.remove(app);
            if readers.is_empty() {
                self.readers.remove(&repository);
            }
        }
    }

    /// Applications that read a repository.
    fn readers(&self, url: &str) -> impl Iterator<Item = (&ObjectKey, &Route)> {
        let readers = self.readers.get(&RepositoryKey::of(url)).into_iter().flatten();
        readers.filter_map(|app| Some((app, self.routes.get(app)?)))
    }
}

/// What all applications follow, kept current by their watch.
#[derive(Default)]
pub(crate) struct Routes {
    table: Mutex<Table>,
    /// A hash of what of an application asks for a look; its status does not, or every report would.
    relevant: Mutex<HashMap<ObjectKey, u64>>,
}

impl Routes {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an application as it is now. False if nothing changed that asks for a look.
    pub(crate) fn applied(&self, app: &Value) -> bool {
        let key = ObjectKey::of(app);
        let relevant = relevant(app);
        let before = self.relevant.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), relevant);
        if before == Some(relevant) {
            return false;
        }
        self.table().insert(key, route(app));
        true
    }

    /// Notes what a look has read of each source.
    pub(crate) fn learn(&self, app: &ObjectKey, reads: Vec<Vec<String>>) {
        let mut table = self.table();
        let Some(route) = table.routes.get_mut(app).filter(|route| route.sources.len() == reads.len()) else { return };
        for (followed, reads) in route.sources.iter_mut().zip(reads) {
            followed.reads = Some(reads);
        }
    }

    /// Forgets an application.
    pub(crate) fn deleted(&self, app: &Value) {
        let key = ObjectKey::of(app);
        self.relevant.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.table().remove(&key);
    }

    /// Applications of a repository, with what they follow of it.
    pub(crate) fn of_repository(&self, url: &str) -> Vec<(ObjectKey, Asked)> {
        let table = self.table();
        let repository = RepositoryKey::of(url);
        let of_url = |source: &&Followed| RepositoryKey::of(&source.asked.url) == repository;
        let readers = table.readers(url).flat_map(|(key, route)| {
            route.sources.iter().filter(of_url).map(move |source| (key.clone(), source.asked.clone()))
        });
        readers.collect()
    }

    /// All applications.
    pub(crate) fn all(&self) -> Vec<ObjectKey> {
        self.table().routes.keys().cloned().collect()
    }

    /// Applications of the repositories whose URL is as wanted.
    pub(crate) fn of_repositories(&self, wanted: impl Fn(&str) -> bool) -> Vec<ObjectKey> {
        let reads = |route: &Route| route.sources.iter().any(|source| wanted(&source.asked.url));
        self.table().routes.iter().filter(|(_, route)| reads(route)).map(|(key, _)| key.clone()).collect()
    }

    /// Applications of a project.
    pub(crate) fn of_project(&self, project: &str) -> Vec<ObjectKey> {
        let table = self.table();
        table.routes.iter().filter(|(_, route)| route.project == project).map(|(key, _)| key.clone()).collect()
    }

    /// Applications that follow a revision and read one of the changed paths, which are sorted.
    pub(crate) fn concerned(&self, asked: &Asked, changed: &[String]) -> Vec<ObjectKey> {
        let reads = |source: &Followed| source.asked == *asked && source.concerned(changed);
        let table = self.table();
        let readers = table.readers(&asked.url).filter(|(_, route)| route.sources.iter().any(reads));
        readers.map(|(key, _)| key.clone()).collect()
    }
}

impl Route {
    fn repositories(&self) -> BTreeSet<RepositoryKey> {
        self.sources.iter().map(|source| RepositoryKey::of(&source.asked.url)).collect()
    }
}

impl Followed {
    fn concerned(&self, changed: &[String]) -> bool {
        let Some(reads) = &self.reads else { return true };
        reads.iter().any(|root| {
            let from = changed.partition_point(|path| path.as_str() < root.as_str());
            let below = changed[from..].iter().take_while(|path| path.starts_with(root.as_str()));
            let mut below = below.filter(|path| is_below(path, root));
            below.any(|path| self.selection.as_ref().is_none_or(|selection| selection.wants(path)))
        })
    }
}

fn is_below(path: &str, root: &str) -> bool {
    root.is_empty() || path[root.len()..].is_empty() || path[root.len()..].starts_with('/')
}

fn route(app: &Value) -> Route {
    let spec: ApplicationSpec =
        app.get("spec").and_then(|spec| ApplicationSpec::deserialize(spec).ok()).unwrap_or_default();
    let hydrated = spec.source_hydrator.as_ref().map(|hydrator| [hydrator.synced(), hydrator.dry()]);
    let sources = match &hydrated {
        Some(sources) => sources.as_slice(),
        None if spec.sources.is_empty() => spec.source.as_slice(),
        None => &spec.sources,
    };
    let own = if hydrated.is_some() { 1 } else { sources.len() };
    let pinned = validate::pinned(app, own);
    let followed = |(index, source): (usize, &Source)| {
        let pinned = pinned.as_ref().and_then(|pinned| pinned.get(index));
        let revision = pinned.map_or(source.revision(), String::as_str).to_owned();
        // Without such a block the files decide which tool reads them.
        let selection = source.directory.as_ref().and_then(|_| Selection::new(source).ok());
        let asked = Asked { url: source.repo_url.clone(), chart: source.chart.clone(), revision };
        Followed { asked, reads: None, selection }
    };
    let project = if spec.project.is_empty() { "default" } else { &spec.project };
    Route { project: project.to_owned(), sources: sources.iter().enumerate().map(followed).collect() }
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
            let path = crate::plan::source::root(app["spec"]["source"]["path"].as_str().unwrap());
            routes.learn(&ObjectKey::of(&app), vec![vec![path]]);
        }
        assert!(routes.applied(&app("new", "new", "")), "nothing is known of it yet");
        let asked = Asked { url: "http://git/apps.git".into(), chart: String::new(), revision: "HEAD".into() };
        let names = |changed: &[&str]| {
            let changed: Vec<String> = changed.iter().map(|path| (*path).to_owned()).collect();
            routes.concerned(&asked, &changed).into_iter().map(|key| key.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["shop/dev/application.yaml"]), ["new", "shop"]);
        assert_eq!(names(&["shop/argocd.yaml", "shopping/a.yaml"]), ["apps", "new", "shop", "shopping"]);
        assert_eq!(names(&["README.md"]), ["new"]);
    }

    #[test]
    fn readers_of_a_repository_are_found_by_any_of_its_urls() {
        let routes = Routes::default();
        let mut moving = app("shop", "shop", "");
        routes.applied(&moving);
        let readers = |url: &str| routes.of_repository(url).len();
        assert_eq!(["http://git/apps.git", "git@git:apps", "http://git/other"].map(readers), [1, 1, 0]);
        moving["spec"]["source"]["repoURL"] = "http://git/other.git".into();
        routes.applied(&moving);
        assert_eq!(["http://git/apps.git", "http://git/other"].map(readers), [0, 1]);
        routes.deleted(&moving);
        assert_eq!(readers("http://git/other"), 0);
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
