//! A control cluster, a repository, and the ApplicationSet controller between them.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use mainstay_apiserver::Identity;
use mainstay_applicationset::{ApplicationSetContext, Clusters, Told};
use mainstay_git::{Author, Change, GitHost, HostOptions, NewCommit, Options, Repositories};
use mainstay_testkit::{CLUSTER, TestCluster, build};
use serde_json::{Value, json};

pub(crate) const SET: (&str, &str) = ("argoproj.io/v1alpha1", "ApplicationSet");
pub(crate) const APPLICATION: (&str, &str) = ("argoproj.io/v1alpha1", "Application");

pub(crate) struct Lab {
    pub(crate) cluster: TestCluster,
    pub(crate) url: String,
    host: GitHost,
    _directory: tempfile::TempDir,
}

struct Embedded;

impl Clusters for Embedded {
    fn has(&self, name_or_server: &str) -> bool {
        name_or_server == CLUSTER
    }
}

impl Lab {
    pub(crate) async fn start() -> Self {
        Self::with_rules(json!([])).await
    }

    /// With more rules than the controller has by itself.
    pub(crate) async fn with_rules(more: Value) -> Self {
        let cluster = TestCluster::start().await;
        for definition in argoproj::custom_resource_definitions() {
            cluster.apply(&definition).await;
        }
        let mut rules = mainstay_applicationset::rules();
        rules.as_array_mut().unwrap().extend(more.as_array().unwrap().clone());
        cluster.grant("applicationset", rules).await;
        cluster.apply(&build::namespace("argocd")).await;
        cluster.apply(&argoproj::default_project("argocd")).await;
        let directory = tempfile::tempdir().unwrap();
        let clock = cluster.seams().clock.clone();
        let host = GitHost::open(directory.path().join("git"), HostOptions::new(move || clock.now())).await.unwrap();
        host.create("apps").await.unwrap();
        host.add_base_url("http://127.0.0.1:1/git");
        let url = host.url("apps").unwrap();
        let lab = Self { cluster, url, host, _directory: directory };
        lab.run();
        lab
    }

    fn run(&self) {
        let control = self.cluster.context(CLUSTER, &Identity::controller("applicationset"));
        let (repositories, pushes) = self.repositories();
        let context = ApplicationSetContext::new(control, Arc::new(Embedded), repositories)
            .told(pushes.map(Told::Pushed).boxed());
        tokio::spawn(mainstay_applicationset::run(context));
    }

    /// A reader of repositories, and the URLs of those that are pushed to.
    pub(crate) fn repositories(&self) -> (Repositories, BoxStream<'static, String>) {
        let cache = self._directory.path().join("mirrors");
        let repositories = Repositories::new(Options::new(cache).with_host(self.host.clone()));
        let host = self.host.clone();
        let pushes = futures::stream::unfold(self.host.pushes(), |mut pushes| async move {
            let push = pushes.recv().await.ok()?;
            Some((push, pushes))
        })
        .map(move |push| host.url(&push.repo).unwrap());
        (repositories, pushes.boxed())
    }

    /// Commits files; `None` deletes one.
    pub(crate) async fn commit(&self, files: &[(&str, Option<&str>)]) -> String {
        let change = |(path, content): &(&str, Option<&str>)| match content {
            Some(content) => Change::write(*path, content.as_bytes()),
            None => Change::delete(*path),
        };
        let commit = NewCommit {
            branch: "main".into(),
            changes: files.iter().map(change).collect(),
            author: Author::new("Ada", "ada@example.com"),
            message: "change".into(),
            time: self.cluster.seams().clock.now(),
        };
        self.host.commit_files("apps", commit).await.unwrap()
    }

    /// Writes a set of these generators and this template.
    pub(crate) async fn set(&self, name: &str, spec: Value) -> Value {
        let set = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet",
            "metadata": {"name": name, "namespace": "argocd"}, "spec": spec,
        });
        self.cluster.apply(&set).await
    }

    /// Merge-patches an object of the set's namespace.
    pub(crate) async fn patch(&self, kind: (&str, &str), name: &str, patch: Value) {
        self.cluster.api(kind, "argocd").await.merge_patch("test", name, None, &patch).await.unwrap();
    }

    /// Waits until a set is as wanted.
    pub(crate) async fn until(&self, set: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.cluster.eventually(SET, ("argocd", set), wanted).await
    }

    /// The names of the Applications, sorted, once all is at rest.
    pub(crate) async fn names(&self) -> Vec<String> {
        self.cluster.settle().await;
        let applications = self.cluster.list(APPLICATION, "argocd").await;
        let mut names: Vec<String> = applications.iter().map(|it| object::name(it).to_owned()).collect();
        names.sort();
        names
    }

    pub(crate) async fn application(&self, name: &str) -> Value {
        self.cluster.get(APPLICATION, "argocd", name).await.unwrap()
    }

    /// Deletes the finalizer of an Application that is being deleted, as GitOps does when its resources are gone.
    pub(crate) async fn let_go(&self, name: &str) {
        self.patch(APPLICATION, name, json!({"metadata": {"finalizers": null}})).await;
    }
}

/// A template whose Applications have this name, path and labels.
pub(crate) fn template(name: &str, path: &str, labels: Value) -> Value {
    json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "project": "default",
            "source": {"repoURL": "http://127.0.0.1:1/git/apps.git", "path": path, "targetRevision": "main"},
            "destination": {"name": "in-cluster", "namespace": "default"},
        },
    })
}

/// A list generator whose elements have these names.
pub(crate) fn list(names: &[&str]) -> Value {
    let elements: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    json!([{"list": {"elements": elements}}])
}

/// Status and reason of a condition.
pub(crate) fn condition<'a>(set: &'a Value, kind: &str) -> Option<(&'a str, &'a str)> {
    let conditions = set["status"]["conditions"].as_array()?;
    let condition = conditions.iter().find(|condition| condition["type"] == kind)?;
    Some((condition["status"].as_str()?, condition["reason"].as_str()?))
}

pub(crate) fn is_up_to_date(set: &Value) -> bool {
    condition(set, "ResourcesUpToDate") == Some(("True", "ApplicationSetUpToDate"))
}
