//! `mainstay bench gitops`: a fresh server, N Argo CD Applications of plain manifests, and the time until all are
//! synced; then a commit that concerns one of them, an application of five waves, and the first page of the list.
//!
//! Everything is real: pushes go through the git program and the port, the engines are those of `up`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::ListParams;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::context::{Seams, resource};
use mainstay_controller_runtime::{ApiResource, Context, Event};
use mainstay_git::{Author, Change, NewCommit, Repositories};
use mainstay_server::Server;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{peak_rss_mib, print, within};
use crate::arguments::{BenchGitops, Common};
use crate::connection::{CONTROL, applications};
use crate::error::Error;
use crate::memory;

/// Where the applications go, and in which namespace.
const ENVIRONMENT: &str = "dev";
const NAMESPACE: &str = "bench";
/// How many Applications are written at a time.
const WRITERS: usize = 16;
/// How long without a call is rest.
const QUIET: Duration = Duration::from_secs(1);
/// How many Applications a page of the list has.
const PAGE: u32 = 500;

pub(crate) async fn run(common: &Common, options: BenchGitops) -> Result<(), Error> {
    memory::use_small_pages();
    let seams = Seams::system();
    let data_dir = tempfile::TempDir::with_prefix("mainstay-bench-")
        .map_err(|error| Error::Io("make a temporary directory".to_owned(), error))?;
    let server = super::server(data_dir.path().to_owned(), false, seams.clone()).await?;
    let cache = tempfile::TempDir::with_prefix("mainstay-bench-git-")
        .map_err(|error| Error::Io("make a temporary directory".to_owned(), error))?;
    let repositories = Repositories::new(mainstay_git::Options::new(cache.path()));
    let bench = Bench::new(&server, &options, repositories, seams);
    let measured = bench.measure().await;
    server.stop().await;
    print(common.output, &measured?);
    Ok(())
}

struct Bench<'a> {
    server: &'a Server,
    options: &'a BenchGitops,
    control: Context,
    /// What pushes. It keeps its clone, so that a push costs what changed.
    repositories: Repositories,
    seen: Arc<watch::Sender<Seen>>,
}

/// What was seen so far.
#[derive(Default)]
struct Seen {
    /// Names of the Applications that were synced by an operation that succeeded.
    synced: BTreeSet<String>,
    /// The last value of the ConfigMap that is changed.
    value: String,
}

fn config_maps() -> ApiResource {
    resource("", "v1", "ConfigMap", "configmaps")
}

fn name(index: usize) -> String {
    format!("bench-{index:05}")
}

fn config(name: &str, value: &str, wave: usize) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  annotations: {{argocd.argoproj.io/sync-wave: \"{wave}\"}}\ndata: {{value: \"{value}\"}}\n"
    )
}

impl<'a> Bench<'a> {
    fn new(server: &'a Server, options: &'a BenchGitops, repositories: Repositories, seams: Seams) -> Self {
        let seen: Arc<watch::Sender<Seen>> = Arc::default();
        let control = Context::new(CONTROL, server.client(CONTROL), seams.clone());
        let member = Context::new(ENVIRONMENT, server.client(ENVIRONMENT), seams);
        let synced = Arc::clone(&seen);
        control.informers.informer(&applications()).add_handler(move |event| note_application(&synced, event));
        let applied = Arc::clone(&seen);
        member.informers.informer(&config_maps()).add_handler(move |event| note_config(&applied, event));
        Self { server, options, control, repositories, seen }
    }

    async fn measure(&self) -> Result<Value, Error> {
        let calls = self.server.api_calls();
        let sync = self.cold_sync().await?;
        let (calls, memory) = (self.server.api_calls() - calls, peak_rss_mib());
        self.rest().await;
        let [push, applied] = self.one_of_all().await?;
        let waves = self.five_waves().await?;
        let list = self.first_page().await?;
        let milliseconds = |time: Duration| (time.as_secs_f64() * 10_000.0).round() / 10.0;
        Ok(json!({
            "applications": self.options.apps,
            "objects_each": self.options.objects,
            "sync_wall_s": (sync.as_secs_f64() * 100.0).round() / 100.0,
            "sync_rss_mib": memory,
            "sync_api_calls": calls,
            "push_of_one_ms": milliseconds(push),
            "applied_after_push_ms": milliseconds(applied),
            "five_waves_ms": milliseconds(waves),
            "list_first_page_ms": milliseconds(list),
        }))
    }

    /// From the first Application that is written until all are synced.
    async fn cold_sync(&self) -> Result<Duration, Error> {
        let apps = self.options.apps;
        let files = (0..apps).map(|index| {
            let configs = (0..self.options.objects).map(|object| config(&format!("{}-{object}", name(index)), "1", 0));
            (format!("bench/{}/all.yaml", name(index)), configs.collect::<Vec<_>>().join("---\n"))
        });
        self.push(files.collect()).await?;
        let start = Instant::now();
        self.write((0..apps).map(name).collect()).await?;
        self.until("not all applications were synced", move |seen| seen.synced.len() >= apps).await?;
        Ok(start.elapsed())
    }

    /// Waits until the engines have nothing left to do: a while without a call.
    async fn rest(&self) {
        let mut before = None;
        while before != Some(self.server.api_calls()) {
            before = Some(self.server.api_calls());
            self.control.clock.sleep(QUIET).await;
        }
    }

    /// How long the push of a commit takes that concerns one application, and how long after it the change is applied.
    async fn one_of_all(&self) -> Result<[Duration; 2], Error> {
        let start = Instant::now();
        let configs = (0..self.options.objects).map(|object| config(&format!("{}-{object}", name(0)), "2", 0));
        self.push(vec![(format!("bench/{}/all.yaml", name(0)), configs.collect::<Vec<_>>().join("---\n"))]).await?;
        let pushed = start.elapsed();
        self.until("the change was not applied", |seen| seen.value == "2").await?;
        Ok([pushed, start.elapsed() - pushed])
    }

    /// From an Application of five waves being written until it is synced.
    async fn five_waves(&self) -> Result<Duration, Error> {
        let configs = (0..5).map(|wave| config(&format!("wave-{wave}"), "1", wave));
        self.push(vec![("bench/waves/all.yaml".to_owned(), configs.collect::<Vec<_>>().join("---\n"))]).await?;
        let start = Instant::now();
        self.write(vec!["waves".to_owned()]).await?;
        self.until("the waves were not synced", |seen| seen.synced.contains("waves")).await?;
        Ok(start.elapsed())
    }

    async fn first_page(&self) -> Result<Duration, Error> {
        let api: kube::Api<kube::core::DynamicObject> =
            kube::Api::namespaced_with(self.control.client.clone(), "argocd", &applications());
        let start = Instant::now();
        let page = api.list(&ListParams::default().limit(PAGE)).await;
        page.map_err(|error| Error::Refused(format!("failed to list applications: {error}")))?;
        Ok(start.elapsed())
    }

    async fn until(&self, failed: &str, condition: impl Fn(&Seen) -> bool) -> Result<(), Error> {
        let limit = Duration::from_secs(self.options.timeout_s);
        let mut seen = self.seen.subscribe();
        // The sender lives in self, so waiting cannot fail.
        within(limit, async { drop(seen.wait_for(condition).await) }, failed).await
    }

    async fn push(&self, files: Vec<(String, String)>) -> Result<(), Error> {
        let commit = NewCommit {
            branch: mainstay_git::DEFAULT_BRANCH.to_owned(),
            changes: files.into_iter().map(|(path, text)| Change::write(path, text)).collect(),
            author: Author::new("bench", "bench@localhost"),
            message: "Change what is measured\n".to_owned(),
            time: self.control.clock.now(),
        };
        let url = format!("{}/apps.git", self.server.git_url());
        self.repositories.commit_files(&url, commit).await.map(drop).map_err(Error::Git)
    }

    async fn write(&self, names: Vec<String>) -> Result<(), Error> {
        let api = self.control.api(&applications(), Some("argocd"));
        let url = self.server.in_cluster_git_url("apps");
        let made = names.iter().map(|name| {
            let (api, application) = (&api, application(name, &url));
            async move { api.create("mainstay-bench", &application).await.map(drop) }
        });
        let made = stream::iter(made).buffer_unordered(WRITERS).try_collect::<()>().await;
        made.map_err(|error| Error::Refused(format!("failed to write an application: {error}")))
    }
}

fn application(name: &str, url: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": url, "path": format!("bench/{name}"), "targetRevision": "main"},
            "destination": {"name": ENVIRONMENT, "namespace": NAMESPACE},
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}, "syncOptions": ["CreateNamespace=true"]},
        },
    })
}

fn note_application(seen: &watch::Sender<Seen>, event: &Event<'_>) {
    let Event::Applied { object } = event else { return };
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let of_bench = text("/spec/destination/namespace") == NAMESPACE;
    if of_bench && text("/status/sync/status") == "Synced" && text("/status/operationState/phase") == "Succeeded" {
        seen.send_if_modified(|seen| seen.synced.insert(object::name(object).to_owned()));
    }
}

fn note_config(seen: &watch::Sender<Seen>, event: &Event<'_>) {
    let Event::Applied { object } = event else { return };
    if object::name(object) == format!("{}-0", name(0)) {
        let value = object["data"]["value"].as_str().unwrap_or_default();
        seen.send_modify(|seen| value.clone_into(&mut seen.value));
    }
}
