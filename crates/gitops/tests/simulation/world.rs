//! A control cluster, a destination, a git host, and the GitOps that lives through a script.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use mainstay_apiserver::Identity;
use mainstay_controller_runtime::context::{Seams, resource};
use mainstay_controller_runtime::{Api, CancellationToken, Context, DeleteOptions, IdleProbe};
use mainstay_git::{Author, Change, GitHost, HostOptions, NewCommit, Options, Repositories};
use mainstay_gitops::{Clusters, GitopsContext, Told};
use mainstay_testkit::{Setup, TestCluster, build};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::calls::{Calls, Weather, lock};
use crate::ledger::Ledger;
use crate::random::Random;
use crate::script::{Files, Object, Policy, Script, Step};

const CONTROL: &str = "baseline-cluster1";
const MEMBER: &str = "dev";
/// Longer than any backoff, and than a poll.
const LONG: Duration = Duration::from_secs(400);
/// Longer than watches that failed wait before they are begun again, which nobody who waits for rest can see.
const CATCH_UP: Duration = Duration::from_secs(150);
/// How long it is looked whether anything happens: longer than two looks.
const QUIET: Duration = Duration::from_secs(650);

pub(crate) struct World {
    cluster: TestCluster,
    host: GitHost,
    url: String,
    directory: tempfile::TempDir,
    calls: Calls,
    process: Process,
}

/// A run of GitOps.
struct Process {
    dead: CancellationToken,
    probe: IdleProbe,
    told: mpsc::UnboundedSender<Told>,
}

struct Two(Context, Context);

impl Clusters for Two {
    fn get(&self, name_or_server: &str) -> Option<Context> {
        match name_or_server {
            argoproj::IN_CLUSTER | argoproj::IN_CLUSTER_SERVER => Some(self.0.clone()),
            MEMBER => Some(self.1.clone()),
            _ => None,
        }
    }
}

/// One application of the world, and what is known of its directory.
struct Life<'a> {
    world: &'a mut World,
    script: &'a Script,
    name: String,
    /// Commits of this life, and what they hold.
    shas: Vec<(String, Files)>,
    wrong: Vec<String>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let cluster = Setup::default().clusters(&[CONTROL, MEMBER]).start().await;
        for definition in argoproj::custom_resource_definitions() {
            cluster.apply(&definition).await;
        }
        cluster.grant("gitops", mainstay_gitops::rules()).await;
        cluster.apply(&build::namespace("argocd")).await;
        cluster.apply(&argoproj::default_project("argocd")).await;
        // Where there is a file system in memory it is quicker.
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let clock = cluster.seams().clock.clone();
        let host = GitHost::open(directory.path().join("git"), HostOptions::new(move || clock.now())).await.unwrap();
        host.create("apps").await.unwrap();
        host.add_base_url("http://127.0.0.1:1/git");
        let url = host.url("apps").unwrap();
        let weather = Weather { random: Random::new(0), storm: 0, partition: false, crash: None };
        let calls = Calls { weather: Arc::new(Mutex::new(weather)), ledger: Arc::default() };
        let process = Process::start(&cluster, (&host, directory.path().join("mirrors")), &calls);
        Self { cluster, host, url, directory, calls, process }
    }

    /// Lives through a script; gives what went wrong.
    pub(crate) async fn play(&mut self, script: &Script) -> Vec<String> {
        lock(&self.calls.weather).random = Random::new(!script.seed);
        *lock(&self.calls.ledger) = Ledger::new(script.policy.prune);
        let name = format!("s{}", script.seed);
        let mut life = Life { world: self, script, name, shas: Vec::new(), wrong: Vec::new() };
        life.live().await;
        life.wrong
    }

    fn restart_if_dead(&mut self) {
        if self.process.dead.is_cancelled() {
            let git = (&self.host, self.directory.path().join("mirrors"));
            self.process = Process::start(&self.cluster, git, &self.calls);
        }
    }

    async fn settle(&mut self) {
        for _ in 0..20 {
            self.restart_if_dead();
            let idle = tokio::time::timeout(LONG, self.process.probe.idle()).await;
            if idle.is_ok() && !self.process.dead.is_cancelled() {
                self.cluster.settle().await;
                return;
            }
        }
    }

    fn repository(&self) -> PathBuf {
        self.directory.path().join("git/apps.git")
    }

    fn applications(&self) -> Api {
        let kind = resource(argoproj::GROUP, argoproj::VERSION, "Application", "applications");
        self.cluster.admin(CONTROL).api(&kind, Some("argocd"))
    }

    fn config_maps(&self, namespace: &str) -> Api {
        self.cluster.admin(MEMBER).api(&resource("", "v1", "ConfigMap", "configmaps"), Some(namespace))
    }
}

impl Process {
    fn start(cluster: &TestCluster, (host, mirrors): (&GitHost, PathBuf), calls: &Calls) -> Self {
        let (probe, dead) = (IdleProbe::new(), cluster.seams().shutdown.child_token());
        let seams = Seams { probe: probe.clone(), shutdown: dead.clone(), ..cluster.seams().clone() };
        let context = |name: &str| {
            let client = cluster.server().client(name, Identity::controller("gitops"));
            Context::new(name, calls.client(client, name == MEMBER, &dead), seams.clone())
        };
        let (told, heard) = mpsc::unbounded_channel();
        let heard = futures::stream::unfold(heard, |mut heard| async move { Some((heard.recv().await?, heard)) });
        let repositories = Repositories::new(Options::new(mirrors).with_host(host.clone()));
        let control = context(CONTROL);
        let clusters = Arc::new(Two(control.clone(), context(MEMBER)));
        tokio::spawn(mainstay_gitops::run(GitopsContext::new(control, clusters, repositories).told(heard.boxed())));
        Self { dead, probe, told }
    }
}

impl Life<'_> {
    async fn live(&mut self) {
        let script = self.script;
        let mut steps = script.steps.iter();
        // The repository is there before the application.
        self.step(steps.next().unwrap()).await;
        self.world.applications().create("test", &self.application(&script.policy)).await.unwrap();
        for step in steps {
            // Statuses tell seconds: two operations at one revision within one second are told apart by nothing.
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.step(step).await;
            self.world.restart_if_dead();
        }
        self.calm_down().await;
        self.commit(&script.last, true).await;
        if !script.policy.automated {
            lock(&self.world.calls.ledger).may_prune = true;
            self.world.settle().await;
            self.operate(json!({"sync": {"prune": true}})).await;
        }
        self.world.settle().await;
        tokio::time::sleep(CATCH_UP).await;
        self.world.settle().await;
        self.check().await;
        self.end().await;
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Commit(files, told) => self.commit(files, *told).await,
            Step::ForceBack => self.force_back(),
            Step::Drift(number, delete) => self.drift(*number, *delete).await,
            Step::Sync(prune) => {
                lock(&self.world.calls.ledger).may_prune |= prune;
                self.operate(json!({"sync": {"prune": prune}})).await;
            }
            Step::Rollback(number) => {
                let (sha, _) = &self.shas[*number as usize % self.shas.len()];
                let revision = sha.clone();
                self.operate(json!({"sync": {"revision": revision}})).await;
            }
            Step::Terminate => {
                let patch = json!({"status": {"operationState": {"phase": "Terminating"}}});
                let app = self.app().await;
                if app.pointer("/status/operationState/phase") == Some(&json!("Running")) {
                    self.world.applications().merge_patch("test", &self.name, None, &patch).await.unwrap();
                }
            }
            Step::Storm(percent) => lock(&self.world.calls.weather).storm = *percent,
            Step::Partition(down) => lock(&self.world.calls.weather).partition = *down,
            Step::GitDown(down) => self.git(*down),
            Step::Crash(writes, done) => lock(&self.world.calls.weather).crash = Some((*writes, *done)),
            Step::Pass(seconds) => tokio::time::sleep(Duration::from_secs(*seconds)).await,
        }
    }

    fn tell(&self) {
        // A dead process hears nothing.
        let _ = self.world.process.told.send(Told::Pushed(self.world.url.clone()));
    }

    async fn commit(&mut self, files: &Files, told: bool) {
        self.git(false);
        let before = self.shas.last().map(|(_, files)| files.clone()).unwrap_or_default();
        let path = |name: &str| format!("{}/{name}.yaml", self.name);
        let mut changes: Vec<Change> = before.objects.keys().map(|name| Change::delete(path(name))).collect();
        changes.extend(files.objects.iter().map(|(name, object)| Change::write(path(name), manifest(name, object))));
        if before.broken {
            changes.push(Change::delete(path("broken")));
        }
        if files.broken {
            changes.push(Change::write(path("broken"), "kind: [\n"));
        }
        // An empty directory is one without manifests, not one that is gone.
        changes.push(Change::write(format!("{}/README.md", self.name), format!("{}\n", self.shas.len())));
        let commit = NewCommit {
            branch: "main".to_owned(),
            changes,
            author: Author::new("Ada", "ada@example.com"),
            message: "change".to_owned(),
            time: self.world.cluster.seams().clock.now(),
        };
        let sha = self.world.host.commit_files("apps", commit).await.unwrap();
        self.note(sha, files.clone());
        if told {
            self.tell();
        }
    }

    fn note(&mut self, sha: String, files: Files) {
        lock(&self.world.calls.ledger).commits.push((sha.clone(), files.clone()));
        self.shas.push((sha, files));
    }

    /// Sets the branch back to the commit before the last.
    #[allow(clippy::disallowed_methods, reason = "a test writes a reference as git does")]
    fn force_back(&mut self) {
        self.git(false);
        let Some((sha, files)) = self.shas.iter().rev().nth(1).cloned() else { return };
        std::fs::write(self.world.repository().join("refs/heads/main"), format!("{sha}\n")).unwrap();
        self.note(sha, files);
        self.tell();
    }

    /// Takes the repository away, or brings it back.
    fn git(&self, down: bool) {
        let (there, away) = (self.world.repository(), self.world.directory.path().join("away.git"));
        if down && there.exists() {
            std::fs::rename(there, away).unwrap();
        } else if !down && away.exists() {
            std::fs::rename(away, there).unwrap();
            self.tell();
        }
    }

    async fn drift(&mut self, number: u64, delete: bool) {
        let maps = self.world.config_maps(&self.name);
        let live: Vec<Value> = self.live_objects().await;
        let live: Vec<&Value> = live.iter().filter(|one| object::name(one).starts_with('o')).collect();
        let Some(one) = live.get(number as usize % live.len().max(1)) else { return };
        let name = object::name(one);
        if delete {
            // GitOps may be quicker.
            let _ = maps.delete(name, &DeleteOptions::default()).await;
        } else {
            let _ = maps.merge_patch("somebody", name, None, &json!({"data": {"value": "drift"}})).await;
        }
    }

    async fn operate(&self, operation: Value) {
        let mut operation = operation;
        operation["initiatedBy"] = json!({"username": "ada"});
        let patch = json!({"operation": operation});
        self.world.applications().merge_patch("test", &self.name, None, &patch).await.unwrap();
    }

    /// Everything works from now on, and nobody holds the application back.
    async fn calm_down(&mut self) {
        {
            let mut weather = lock(&self.world.calls.weather);
            (weather.storm, weather.partition, weather.crash) = (0, false, None);
        }
        self.git(false);
        self.world.restart_if_dead();
        self.world.settle().await;
        let unpin = json!({"metadata": {"annotations": {"mainstay.dev/pinned-revision": null}}});
        self.world.applications().merge_patch("test", &self.name, None, &unpin).await.unwrap();
    }

    async fn app(&self) -> Value {
        self.world.applications().get(&self.name).await.unwrap().unwrap()
    }

    async fn live_objects(&self) -> Vec<Value> {
        let listed = self.world.config_maps(&self.name).list("").await.unwrap();
        listed.into_iter().filter(|one| object::name(one) != "kube-root-ca.crt").collect()
    }

    async fn check(&mut self) {
        let (app, live) = (self.app().await, self.live_objects().await);
        let status = &app["status"];
        let mut wrong = lock(&self.world.calls.ledger).take();
        let (sha, last) = self.shas.last().unwrap();
        let left: Vec<&Value> = status["resources"].as_array().into_iter().flatten().collect();
        let out = left.iter().filter(|one| one["status"] == "OutOfSync" && one["requiresPruning"] != true).count();
        if out > 0 || status["sync"]["revision"] != sha.as_str() {
            wrong.push(format!(
                "it is not synced to {sha}: {}",
                json!([status["sync"], status["conditions"], status["operationState"], left])
            ));
        }
        let phase = status["operationState"]["phase"].as_str().unwrap_or_default();
        if phase != "Succeeded" {
            wrong.push(format!("its operation is {phase}: {}", status["operationState"]["message"]));
        }
        for (name, object) in last.resources() {
            let value = live.iter().find(|one| object::name(one) == name).map(|one| one["data"]["value"].clone());
            if value != Some(json!(object.value.to_string())) {
                wrong.push(format!("{name} is {value:?} and not {}", object.value));
            }
        }
        wrong.extend(self.leftovers(last, &live));
        let ids: Vec<i64> =
            status["history"].as_array().into_iter().flatten().map(|entry| entry["id"].as_i64().unwrap()).collect();
        if !ids.is_sorted_by(|a, b| a < b) {
            wrong.push(format!("its history is out of order: {ids:?}"));
        }
        let before = lock(&self.world.calls.ledger).writes;
        tokio::time::sleep(QUIET).await;
        let after = lock(&self.world.calls.ledger).writes;
        if before != after {
            wrong.push(format!("it writes although nothing happens: {} times in eleven minutes", after - before));
        }
        self.wrong.extend(wrong);
    }

    /// What should have been pruned and was not.
    fn leftovers(&self, last: &Files, live: &[Value]) -> Option<String> {
        let pruned = self.script.policy.prune || !self.script.policy.automated;
        let stays = |one: &Value| object::annotation(one, argoproj::SYNC_OPTIONS) == Some("Prune=false");
        let extra = live.iter().filter(|one| object::name(one).starts_with('o') && !stays(one));
        let extra: BTreeSet<&str> = extra.map(object::name).filter(|name| !last.objects.contains_key(*name)).collect();
        (pruned && !extra.is_empty()).then(|| format!("it was to prune {extra:?}"))
    }

    async fn end(&mut self) {
        lock(&self.world.calls.ledger).ends = true;
        self.world.applications().delete(&self.name, &DeleteOptions::default()).await.unwrap();
        self.world.settle().await;
        if self.world.applications().get(&self.name).await.unwrap().is_some() {
            self.wrong.push("it is not deleted".to_owned());
        }
        let left = self.live_objects().await;
        let left: Vec<&str> = left.iter().map(object::name).filter(|name| name.starts_with('o')).collect();
        if !left.is_empty() {
            self.wrong.push(format!("it left {left:?} behind"));
        }
    }

    fn application(&self, policy: &Policy) -> Value {
        let mut options = vec!["CreateNamespace=true"];
        options.extend(policy.prune_last.then_some("PruneLast=true"));
        let automated = policy.automated.then(|| json!({"prune": policy.prune, "selfHeal": policy.self_heal}));
        json!({
            "apiVersion": argoproj::API_VERSION, "kind": "Application",
            "metadata": {"name": self.name, "namespace": "argocd", "finalizers": [argoproj::RESOURCES_FINALIZER]},
            "spec": {
                "project": "default", "destination": {"name": MEMBER, "namespace": self.name},
                "source": {"repoURL": self.world.url, "targetRevision": "main", "path": self.name},
                "syncPolicy": {"automated": automated, "syncOptions": options},
            },
        })
    }
}

fn manifest(name: &str, object: &Object) -> String {
    let mut annotations = json!({"argocd.argoproj.io/sync-wave": object.wave.to_string()});
    if object.stays {
        annotations[argoproj::SYNC_OPTIONS] = json!("Prune=false");
    }
    if let Some(phase) = object.hook {
        annotations["argocd.argoproj.io/hook"] = json!(phase);
    }
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "annotations": annotations},
        "data": {"value": object.value.to_string()}})
    .to_string()
}
