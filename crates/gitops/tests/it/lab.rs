//! A control cluster with a member, a repository, and GitOps running between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use mainstay_api::argoproj;
use mainstay_apimachinery::{GroupVersionKind, object};
use mainstay_apiserver::Identity;
use mainstay_controller_runtime::context::Seams;
use mainstay_controller_runtime::{Api, CancellationToken, Context, DeleteOptions, IdleProbe};
use mainstay_git::{Author, Change, GitHost, HostOptions, NewCommit, Options, Repositories};
use mainstay_gitops::{Clusters, GitopsContext, Told};
use mainstay_testkit::{Setup, TestCluster, build};
use serde_json::{Value, json};

const CONTROL: &str = "baseline-cluster1";
pub(crate) const MEMBER: &str = "dev";
pub(crate) const APPLICATION: (&str, &str) = ("argoproj.io/v1alpha1", "Application");
pub(crate) const CONFIG_MAP: (&str, &str) = ("v1", "ConfigMap");

pub(crate) struct Lab {
    pub(crate) cluster: TestCluster,
    pub(crate) url: String,
    host: GitHost,
    _directory: tempfile::TempDir,
}

struct Members(Vec<Context>);

impl Clusters for Members {
    fn get(&self, name_or_server: &str) -> Option<Context> {
        let name = match name_or_server {
            argoproj::IN_CLUSTER | argoproj::IN_CLUSTER_SERVER => CONTROL,
            name => name,
        };
        self.0.iter().find(|context| context.cluster == name).cloned()
    }
}

impl Lab {
    pub(crate) async fn start() -> Self {
        let lab = Self::without_gitops().await;
        lab.run_gitops();
        lab
    }

    pub(crate) async fn without_gitops() -> Self {
        let cluster = Setup::default().clusters(&[CONTROL, MEMBER]).start().await;
        for definition in argoproj::custom_resource_definitions() {
            cluster.apply(&definition).await;
        }
        cluster.grant("gitops", mainstay_gitops::rules()).await;
        cluster.apply(&build::namespace("argocd")).await;
        cluster.apply(&argoproj::default_project("argocd")).await;
        let directory = tempfile::tempdir().unwrap();
        let clock = cluster.seams().clock.clone();
        let host = GitHost::open(directory.path().join("git"), HostOptions::new(move || clock.now())).await.unwrap();
        host.create("apps").await.unwrap();
        host.add_base_url("http://127.0.0.1:1/git");
        let url = host.url("apps").unwrap();
        Self { cluster, url, host, _directory: directory }
    }

    /// Starts GitOps; a second time beside the first, which must not matter.
    pub(crate) fn run_gitops(&self) {
        let identity = Identity::controller("gitops");
        self.run_gitops_in([CONTROL, MEMBER].map(|name| self.cluster.context(name, &identity)).into());
    }

    /// Starts GitOps that is killed when it is about to report a sync of which it has applied something.
    pub(crate) fn run_gitops_killed_before_it_reports(&self) {
        let seams = Seams {
            probe: IdleProbe::new(),
            shutdown: self.cluster.seams().shutdown.child_token(),
            ..self.cluster.seams().clone()
        };
        let mortal = Mortal { dead: seams.shutdown.clone(), applied: Arc::default() };
        let identity = Identity::controller("gitops");
        let context = |name| {
            let client = mortal.client(self.cluster.server().client(name, identity.clone()));
            Context::new(name, client, seams.clone())
        };
        self.run_gitops_in([CONTROL, MEMBER].map(context).into());
    }

    /// Starts GitOps that hears of no push.
    pub(crate) fn run_gitops_that_is_told_nothing(&self) {
        let identity = Identity::controller("gitops");
        let members = [CONTROL, MEMBER].map(|name| self.cluster.context(name, &identity));
        tokio::spawn(mainstay_gitops::run(self.gitops(members.into())));
    }

    fn gitops(&self, members: Vec<Context>) -> GitopsContext {
        let control = members[0].clone();
        let cache = self._directory.path().join("mirrors");
        let repositories = Repositories::new(Options::new(cache).with_host(self.host.clone()));
        GitopsContext::new(control, Arc::new(Members(members)), repositories)
    }

    fn run_gitops_in(&self, members: Vec<Context>) {
        let host = self.host.clone();
        let pushes = futures::stream::unfold(self.host.pushes(), |mut pushes| async move {
            let push = pushes.recv().await.ok()?;
            Some((push, pushes))
        })
        .map(move |push| Told::Pushed(host.url(&push.repo).unwrap()))
        .boxed();
        tokio::spawn(mainstay_gitops::run(self.gitops(members).told(pushes)));
    }

    /// The git host.
    pub(crate) fn host(&self) -> GitHost {
        self.host.clone()
    }

    /// Commits files; `None` deletes one.
    pub(crate) async fn commit(&self, files: &[(&str, Option<&str>)]) -> String {
        self.commit_to("main", files).await
    }

    /// The same on a branch.
    pub(crate) async fn commit_to(&self, branch: &str, files: &[(&str, Option<&str>)]) -> String {
        let change = |(path, content): &(&str, Option<&str>)| match content {
            Some(content) => Change::write(*path, content.as_bytes()),
            None => Change::delete(*path),
        };
        let commit = NewCommit {
            branch: branch.to_owned(),
            changes: files.iter().map(change).collect(),
            author: Author::new("Ada", "ada@example.com"),
            message: "change".into(),
            time: self.cluster.seams().clock.now(),
        };
        self.host.commit_files("apps", commit).await.unwrap()
    }

    /// An automated application of a path, deployed to namespace `shop` of the member.
    pub(crate) fn app(&self, name: &str, path: &str) -> Value {
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": name, "namespace": "argocd"},
            "spec": {
                "project": "default",
                "source": {"repoURL": self.url, "path": path, "targetRevision": "main"},
                "destination": {"name": MEMBER, "namespace": "shop"},
                "syncPolicy": {"automated": {"prune": true, "selfHeal": true}, "syncOptions": ["CreateNamespace=true"]},
            },
        })
    }

    pub(crate) async fn status(&self, app: &str) -> Value {
        self.cluster.get(APPLICATION, "argocd", app).await.unwrap()["status"].clone()
    }

    /// Waits until an application is as wanted.
    pub(crate) async fn until(&self, app: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.cluster.eventually(APPLICATION, ("argocd", app), wanted).await
    }

    /// Waits until an application is synced to a commit by an operation that succeeded.
    pub(crate) async fn synced(&self, app: &str, sha: &str) -> Value {
        let deployed = |app: &Value| {
            let status = &app["status"];
            status["sync"]["status"] == "Synced"
                && status["sync"]["revision"] == sha
                && status["operationState"]["phase"] == "Succeeded"
        };
        self.until(app, deployed).await
    }

    /// The API of a kind in the member.
    pub(crate) async fn member(&self, (api_version, kind): (&str, &str), namespace: &str) -> Api {
        let (group, version) = mainstay_apimachinery::gvk::split_api_version(api_version);
        let admin = self.cluster.admin(MEMBER);
        let mapping = admin.mapper.resolve(&GroupVersionKind::new(group, version, kind)).await.unwrap().unwrap();
        admin.api(&mapping.resource, Some(namespace).filter(|_| mapping.namespaced))
    }

    pub(crate) async fn config(&self, name: &str) -> Option<Value> {
        self.member(CONFIG_MAP, "shop").await.get(name).await.unwrap()
    }

    pub(crate) async fn delete_in_member(&self, kind: (&str, &str), namespace: &str, name: &str) {
        self.member(kind, namespace).await.delete(name, &DeleteOptions::default()).await.unwrap();
    }

    /// The reasons of the Events about an application, in the order they were written.
    pub(crate) async fn events(&self, app: &str) -> Vec<String> {
        let mut events = self.cluster.list(("v1", "Event"), "argocd").await;
        events.retain(|event| event["involvedObject"]["name"] == app);
        // On a paused clock all times are the same.
        events.sort_by_key(|event| resource_version(event).parse::<u64>().unwrap());
        events.iter().map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
    }
}

/// Ends a process between two of its calls.
#[derive(Clone)]
struct Mortal {
    dead: CancellationToken,
    applied: Arc<AtomicBool>,
}

impl Mortal {
    /// A client whose calls are never answered once an Application is to be written after a ConfigMap was.
    fn client(&self, client: kube::Client) -> kube::Client {
        let mortal = self.clone();
        let calls = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let (mortal, client) = (mortal.clone(), client.clone());
            let is_of = |plural: &str| request.method() == "PATCH" && request.uri().path().contains(plural);
            let (reports, applies) = (is_of("/applications/"), is_of("/configmaps/"));
            async move {
                if reports && mortal.applied.load(Ordering::Relaxed) {
                    mortal.dead.cancel();
                }
                if mortal.dead.is_cancelled() {
                    std::future::pending::<()>().await;
                }
                let answer = client.send(request).await;
                mortal.applied.fetch_or(applies, Ordering::Relaxed);
                answer
            }
        });
        kube::Client::new(calls, "default")
    }
}

/// A ConfigMap, as YAML, with some annotations.
pub(crate) fn config(name: &str, value: &str, annotations: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  annotations: {{{annotations}}}\ndata:\n  value: \"{value}\"\n"
    )
}

pub(crate) fn condition<'a>(app: &'a Value, kind: &str) -> Option<&'a str> {
    let conditions = app["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == kind)?["message"].as_str()
}

pub(crate) fn resource_version(value: &Value) -> String {
    object::resource_version(value).unwrap().to_owned()
}
