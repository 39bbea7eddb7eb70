//! A control cluster, a repository, and the controller between them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use mainstay_apiserver::{DEFAULT_CLUSTER, Identity};
use mainstay_applicationset::ApplicationSetContext;
use mainstay_git::{Author, Change, GitHost, HostOptions, NewCommit, Options, Repositories};
use mainstay_testkit::{Setup, TestCluster, build};
use serde_json::{Value, json};

pub(crate) const SET: (&str, &str) = ("argoproj.io/v1alpha1", "ApplicationSet");
pub(crate) const APPLICATION: (&str, &str) = ("argoproj.io/v1alpha1", "Application");

pub(crate) struct Lab {
    pub(crate) cluster: TestCluster,
    pub(crate) url: String,
    host: GitHost,
    _directory: tempfile::TempDir,
}

impl Lab {
    pub(crate) async fn start() -> Self {
        let cluster = Setup::default().clusters(&[DEFAULT_CLUSTER]).start().await;
        for definition in argoproj::custom_resource_definitions() {
            cluster.apply(&definition).await;
        }
        cluster.grant("applicationset", mainstay_applicationset::rules()).await;
        cluster.apply(&build::namespace("argocd")).await;
        let directory = tempfile::tempdir().unwrap();
        let clock = cluster.seams().clock.clone();
        let host = GitHost::open(directory.path().join("git"), HostOptions::new(move || clock.now())).await.unwrap();
        host.create("apps").await.unwrap();
        host.add_base_url("http://127.0.0.1:1/git");
        let url = host.url("apps").unwrap();
        let repositories = Repositories::new(Options::new(directory.path().join("mirrors")).with_host(host.clone()));
        let named = host.clone();
        let pushes = futures::stream::unfold(host.pushes(), |mut pushes| async move {
            let push = pushes.recv().await.ok()?;
            Some((push, pushes))
        })
        .map(move |push| named.url(&push.repo).unwrap())
        .boxed();
        let control = cluster.context(DEFAULT_CLUSTER, &Identity::controller("applicationset"));
        tokio::spawn(mainstay_applicationset::run(ApplicationSetContext::new(control, repositories).pushes(pushes)));
        Self { cluster, url, host, _directory: directory }
    }

    /// Commits files; `None` deletes one.
    pub(crate) async fn commit(&self, files: &[(&str, Option<&str>)]) {
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
        self.host.commit_files("apps", commit).await.unwrap();
    }

    /// Applies a set of these generators.
    pub(crate) async fn set(&self, generators: Value, template: Value, more: Value) {
        let mut set = json!({
            "apiVersion": SET.0, "kind": SET.1, "metadata": {"name": "set", "namespace": "argocd"},
            "spec": {"generators": generators, "template": template},
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            set["spec"][field] = value.clone();
        }
        self.cluster.apply(&set).await;
    }

    /// Waits until the set has these Applications.
    pub(crate) async fn has(&self, names: &[&str]) {
        let listed = |set: &Value| {
            let resources = set["status"]["resources"].as_array().cloned().unwrap_or_default();
            let told: Vec<&str> = resources.iter().filter_map(|one| one["name"].as_str()).collect();
            told == names
        };
        self.until(listed).await;
        self.cluster.settle().await;
        assert_eq!(self.names().await, names);
    }

    /// Waits until the set is as wanted.
    pub(crate) async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.cluster.eventually(SET, ("argocd", "set"), wanted).await
    }

    /// The names of the Applications.
    pub(crate) async fn names(&self) -> Vec<String> {
        let all = self.cluster.list(APPLICATION, "argocd").await;
        let mut names: Vec<String> = all.iter().map(|app| object::name(app).to_owned()).collect();
        names.sort();
        names
    }

    pub(crate) async fn app(&self, name: &str) -> Value {
        self.cluster.get(APPLICATION, "argocd", name).await.unwrap()
    }

    /// Waits until a condition is true, and gives what it says.
    pub(crate) async fn says(&self, kind: &str, what: &str) -> Value {
        let found = |set: &Value| {
            let conditions = set["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.into_iter().find(|one| one["type"] == kind && one["status"] == "True")
        };
        let wanted = |set: &Value| {
            found(set).is_some_and(|one| one["message"].as_str().is_some_and(|message| message.contains(what)))
        };
        found(&self.until(wanted).await).unwrap()
    }

    /// The Secret of a cluster, with labels and annotations.
    pub(crate) async fn member(&self, name: &str, labels: Value, annotations: Value) {
        let mut labels = labels;
        labels["argocd.argoproj.io/secret-type"] = "cluster".into();
        let encoded = |text: &str| STANDARD.encode(text);
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "namespace": "argocd", "labels": labels, "annotations": annotations},
            "data": {"name": encoded(name), "server": encoded(&format!("https://{name}"))},
        });
        self.cluster.apply(&secret).await;
    }
}
