//! `mainstay bench golden-path`: a fresh server, N applications in one commit, and the time until each is ready.
//!
//! Everything is real: the push goes through the git program and the port, the engines are those of `up`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::context::{Seams, resource};
use mainstay_controller_runtime::{Clock, Context, Event};
use mainstay_git::{Author, Change, NewCommit, Repositories};
use mainstay_server::Server;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{peak_rss_mib, percentile, print as print_line, within};
use crate::arguments::{BenchGoldenPath, Common, Format};
use crate::connection::{CONTROL, applications};
use crate::error::Error;
use crate::template::Template;
use crate::{memory, paint};

/// Environment the applications go to.
const ENVIRONMENT: &str = "dev";
/// What the names of the applications begin with.
const PREFIX: &str = "bench-";

pub(crate) async fn run(common: &Common, options: BenchGoldenPath) -> Result<(), Error> {
    memory::use_small_pages();
    let seams = Seams::system();
    let data_dir = tempfile::TempDir::with_prefix("mainstay-bench-")
        .map_err(|error| Error::Io("make a temporary directory".to_owned(), error))?;
    let place = if options.keep { common.data_dir.clone() } else { data_dir.path().to_owned() };
    let server = super::server(place, options.ephemeral, seams.clone()).await?;
    if options.keep {
        anstream::eprintln!("{} {}", paint::faint("kubeconfig"), server.kubeconfig().display());
    }
    let measured = measure(&server, &options, seams).await;
    server.stop().await;
    print(common.output, &measured?)
}

/// What was measured.
struct Measured {
    apply: Vec<Duration>,
    ready: Vec<Duration>,
    wall: Duration,
    objects: usize,
    api_calls: u64,
}

async fn measure(server: &Server, options: &BenchGoldenPath, seams: Seams) -> Result<Measured, Error> {
    let limit = Duration::from_secs(options.timeout_s);
    let marks = Marks::watch(server, &seams);
    let progress = progress_bar(options.apps);
    within(limit, marks.reached(|seen| seen.settled_sample), "the platform did not become ready").await?;
    let calls_before = server.api_calls();
    let start = Instant::now();
    push(server, options.apps).await?;
    let apps = options.apps;
    let shown = progress.clone();
    let done = marks.reached(move |seen| {
        shown.set_position(seen.ready.len() as u64);
        seen.ready.len() >= apps
    });
    within(limit, done, "not all applications became ready").await?;
    let wall = start.elapsed();
    progress.finish_and_clear();
    let seen = marks.seen.borrow();
    let since = |times: &BTreeMap<String, Instant>| times.values().map(|at| at.duration_since(start)).collect();
    Ok(Measured {
        apply: since(&seen.applied),
        ready: since(&seen.ready),
        wall,
        objects: server.objects(),
        api_calls: server.api_calls() - calls_before,
    })
}

/// When what was first seen, by name of the application. It is ready when its instance is (all seven kinds, and so
/// its pods) and its Argo CD Application is Synced and Healthy.
#[derive(Default)]
struct Seen {
    applied: BTreeMap<String, Instant>,
    instances: BTreeMap<String, Instant>,
    healthy: BTreeMap<String, Instant>,
    ready: BTreeMap<String, Instant>,
    settled_sample: bool,
}

impl Seen {
    /// An application is ready from the later of its two marks on.
    fn settle(&mut self, name: &str) {
        if let (Some(instance), Some(healthy)) = (self.instances.get(name), self.healthy.get(name)) {
            self.ready.entry(name.to_owned()).or_insert(*instance.max(healthy));
        }
    }
}

struct Marks {
    seen: watch::Sender<Seen>,
}

impl Marks {
    /// Watches instances in the environment and Applications in the control plane, as any client would.
    fn watch(server: &Server, seams: &Seams) -> Arc<Self> {
        let marks = Arc::new(Self { seen: watch::Sender::default() });
        let member = Context::new(ENVIRONMENT, server.client(ENVIRONMENT), seams.clone());
        let control = Context::new(CONTROL, server.client(CONTROL), seams.clone());
        let instances = resource("platform.mainstay.dev", "v1alpha1", "Application", "applications");
        let applied = Arc::clone(&marks);
        member.informers.informer(&instances).add_handler(move |event| applied.instance(event));
        let ready = Arc::clone(&marks);
        control.informers.informer(&applications()).add_handler(move |event| ready.application(event));
        marks
    }

    fn instance(&self, event: &Event<'_>) {
        let Event::Applied { object } = event else { return };
        if !object::name(object).starts_with(PREFIX) {
            return;
        }
        let name = object::name(object).to_owned();
        let ready = is_ready(object);
        self.seen.send_modify(|seen| {
            seen.applied.entry(name.clone()).or_insert_with(Instant::now);
            if ready {
                seen.instances.entry(name.clone()).or_insert_with(Instant::now);
                seen.settle(&name);
            }
        });
    }

    fn application(&self, event: &Event<'_>) {
        let Event::Applied { object } = event else { return };
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if text("/status/sync/status") != "Synced" || text("/status/health/status") != "Healthy" {
            return;
        }
        let name = object::name(object).to_owned();
        self.seen.send_modify(|seen| {
            seen.settled_sample |= name == format!("sample-{ENVIRONMENT}");
            if let Some(instance) = name.strip_suffix("-dev").filter(|name| name.starts_with(PREFIX)) {
                seen.healthy.entry(instance.to_owned()).or_insert_with(Instant::now);
                seen.settle(instance);
            }
        });
    }

    async fn reached(&self, condition: impl Fn(&Seen) -> bool) {
        // The sender lives in self, so waiting cannot fail.
        let _ = self.seen.subscribe().wait_for(condition).await;
    }
}

/// Whether an instance says it is ready, of what it is asked to be now.
fn is_ready(instance: &Value) -> bool {
    let conditions = instance.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        let current = condition.get("observedGeneration").and_then(Value::as_i64) == Some(object::generation(instance));
        condition["type"] == "Ready" && condition["status"] == "True" && current
    })
}

async fn push(server: &Server, apps: usize) -> Result<(), Error> {
    let environments = [ENVIRONMENT.to_owned()];
    let repository = server.in_cluster_git_url("apps");
    let names: Vec<_> = (0..apps).map(|index| format!("{PREFIX}{index:05}")).collect();
    let files: Vec<Change> = names
        .iter()
        .flat_map(|name| {
            let hostname = format!("{name}.example.com");
            Template {
                name,
                image: "ghcr.io/mainstay/sample:1.0.0",
                port: 8080,
                hostname: Some(&hostname),
                owner: "bench",
                repository: &repository,
                environments: &environments,
            }
            .files()
        })
        .collect();
    let commit = NewCommit {
        branch: mainstay_git::DEFAULT_BRANCH.to_owned(),
        changes: files,
        author: Author::new("bench", "bench@localhost"),
        message: format!("Add {apps} applications\n"),
        time: Clock::system().now(),
    };
    let cache = tempfile::TempDir::with_prefix("mainstay-bench-git-")
        .map_err(|error| Error::Io("make a temporary directory".to_owned(), error))?;
    let repositories = Repositories::new(mainstay_git::Options::new(cache.path()));
    let url = format!("{}/apps.git", server.git_url());
    repositories.commit_files(&url, commit).await.map(drop).map_err(Error::Git)
}

fn progress_bar(apps: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} ready {elapsed}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(apps as u64).with_style(style)
}

fn print(format: Format, measured: &Measured) -> Result<(), Error> {
    let milliseconds = |times: &[Duration], percent: usize| percentile(times, percent).as_secs_f64() * 1000.0;
    let round = |value: f64| (value * 10.0).round() / 10.0;
    let line = json!({
        "commit_to_apply_p50_ms": round(milliseconds(&measured.apply, 50)),
        "commit_to_apply_p99_ms": round(milliseconds(&measured.apply, 99)),
        "commit_to_ready_p50_ms": round(milliseconds(&measured.ready, 50)),
        "commit_to_ready_p99_ms": round(milliseconds(&measured.ready, 99)),
        "wall_s": (measured.wall.as_secs_f64() * 100.0).round() / 100.0,
        "rss_mib": peak_rss_mib(),
        "objects": measured.objects,
        "api_calls": measured.api_calls,
    });
    print_line(format, &line);
    Ok(())
}
