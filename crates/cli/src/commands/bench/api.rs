//! `mainstay bench api`: how fast an API server answers, over HTTPS and in process, and what memory it takes.
//!
//! The server under test is a process of its own, so that its memory and its start are its own; the load comes from
//! this one, on the same processors. Against a kubeconfig the same calls are made in a namespace that is deleted after.

mod call;
mod figures;
mod https;
mod in_process;
mod load;
mod server;
mod watch;

use std::path::Path;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use mainstay_controller_runtime::Ids;
use tokio::time::{Instant, timeout};

use crate::arguments::{BenchApi, Common};
use crate::error::Error;
use crate::paint;
use call::{Call, Target};
use figures::Figures;
use https::Endpoint;
use load::{Extent, Load};
use server::Child;

/// Objects that are applied and updated over and over.
const CHANGED: usize = 2_000;
/// Times a list is asked for; the median counts.
const LISTS: usize = 5;
/// Fresh servers whose start is timed; the median counts.
const STARTS: usize = 3;
/// Time that the namespace has to be accepted for deletion in the end.
const CLEANUP: Duration = Duration::from_secs(30);

pub(crate) async fn run(common: &Common, options: BenchApi) -> Result<(), Error> {
    let mut figures = Figures::default();
    match &common.kubeconfig {
        Some(path) => of_kubeconfig(path, &options, &mut figures).await?,
        None => of_own(&options, &mut figures).await?,
    }
    figures.print(common.output);
    Ok(())
}

/// Measures fresh servers of this binary.
async fn of_own(options: &BenchApi, figures: &mut Figures) -> Result<(), Error> {
    start_and_rest(figures).await?;
    let server = Child::start(true).await?;
    let endpoint = Endpoint::of_kubeconfig(server.kubeconfig(), None).await?;
    over_https(&endpoint, options, Some(&server), figures).await?;
    server.stop().await?;
    within(options, in_process::measure(options, figures)).await
}

/// Gives up a measurement that takes too long.
async fn within(options: &BenchApi, measured: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let limit = Duration::from_secs(options.timeout_s);
    let late = || failed(format!("the measurement took longer than {} s", options.timeout_s));
    timeout(limit, measured).await.unwrap_or_else(|_| Err(late()))
}

/// The time until a fresh server is ready, and its memory at rest: of the API alone, and of all that `up` starts.
async fn start_and_rest(figures: &mut Figures) -> Result<(), Error> {
    for (only_api, ready, rss) in [(true, "ready_ms", "idle_rss_mib"), (false, "up_ready_ms", "up_idle_rss_mib")] {
        say(if only_api { "start of the API alone" } else { "start of everything" });
        let mut took = Vec::new();
        for round in 1..=STARTS {
            let server = Child::start(only_api).await?;
            took.push(server.ready);
            if round == STARTS {
                server.rest().await;
                figures.memory(rss, server.rss());
            }
            server.stop().await?;
        }
        figures.milliseconds(ready, &took, 50);
    }
    Ok(())
}

/// Measures the server of a kubeconfig, in a namespace that is deleted after, also after a failure or Ctrl-C.
async fn of_kubeconfig(path: &Path, options: &BenchApi, figures: &mut Figures) -> Result<(), Error> {
    let endpoint = Endpoint::of_kubeconfig(path, options.context.as_deref()).await?;
    over_https(&endpoint, options, None, figures).await
}

async fn over_https(
    endpoint: &Endpoint,
    options: &BenchApi,
    server: Option<&Child>,
    figures: &mut Figures,
) -> Result<(), Error> {
    let target = Target::new(&format!("bench-{}", Ids::system().suffix(8)));
    endpoint.connect().await?.expect(&target.make_namespace()).await?;
    let measured = tokio::select! {
        measured = within(options, phases(endpoint, &target, (options, server), figures)) => measured,
        _ = tokio::signal::ctrl_c() => Err(failed("interrupted".to_owned())),
    };
    say("deletion of the namespace");
    let deleted = timeout(CLEANUP, async { endpoint.connect().await?.expect(&target.delete_namespace()).await });
    let deleted = deleted.await.unwrap_or_else(|_| Err(failed(format!("{} was not deleted", target.namespace()))));
    measured.and(deleted.map(drop))
}

async fn phases(
    endpoint: &Endpoint,
    target: &Target,
    (options, server): (&BenchApi, Option<&Child>),
    figures: &mut Figures,
) -> Result<(), Error> {
    let mut load = Load::connect(endpoint, options.clients).await?;
    let rss = |name: &'static str, figures: &mut Figures| {
        server.into_iter().for_each(|server| figures.memory(name, server.rss()));
    };
    let duration = Duration::from_secs(options.seconds);

    let small = options.small.max(1);
    let some = CHANGED.min(small);
    say("create");
    figures.rate("create", &load.run(target, Call::Create, Extent::objects(0, small)).await?);
    lists(endpoint, target, ("list_10k_ms", small), figures).await?;
    rss("rss_10k_mib", figures);
    say("get");
    figures.rate("get", &load.run(target, Call::Get, Extent::lasting(small, duration)).await?);
    say("apply");
    let applied = target.series("applied");
    figures.rate("ssa_create", &load.run(&applied, Call::Apply, Extent::objects(0, some)).await?);
    figures.rate("ssa_patch", &load.run(&applied, Call::Apply, Extent::lasting(some, duration)).await?);
    say("update");
    let updated = target.series("updated");
    load.run(&updated, Call::Create, Extent::objects(0, some)).await?;
    figures.rate("update", &load.run(&updated, Call::Update, Extent::lasting(some, duration)).await?);
    say("watch");
    let watched = target.series("watched");
    let latencies = watch::latencies(endpoint, &watched, 3 * duration).await?;
    figures.milliseconds("watch_p50_ms", &latencies, 50);
    figures.milliseconds("watch_p99_ms", &latencies, 99);
    let others = 2 * some + latencies.len();
    if let Some(end) = options.objects.checked_sub(others).filter(|end| *end > small) {
        say("create the rest");
        figures.rate("bulk_create", &load.run(target, Call::Create, Extent::objects(small, end)).await?);
        rss("rss_50k_mib", figures);
        lists(endpoint, target, ("list_50k_ms", options.objects), figures).await?;
    }
    Ok(())
}

/// Times of lists of all objects of the first series, one client, bytes read to the end.
async fn lists(
    endpoint: &Endpoint,
    target: &Target,
    (name, objects): (&'static str, usize),
    figures: &mut Figures,
) -> Result<(), Error> {
    say(name);
    let mut one = endpoint.connect().await?;
    // One buffer for all: growing it is not the server's time.
    let (mut took, mut listed) = (Vec::new(), Vec::new());
    for _ in 0..LISTS {
        let start = Instant::now();
        one.call(&target.list(), &mut listed).await?;
        took.push(start.elapsed());
        target.check_list(&listed, objects)?;
    }
    figures.milliseconds(name, &took, 50);
    Ok(())
}

fn say(what: &str) {
    anstream::eprintln!("{} {what}", paint::faint("bench"));
}

fn failed(why: String) -> Error {
    Error::Refused(why)
}

/// A configuration of one context.
async fn config(path: &Path, context: Option<&str>) -> Result<kube::Config, Error> {
    let wrap = |source| Error::Kubeconfig { path: path.to_owned(), source: Box::new(source) };
    let kubeconfig = Kubeconfig::read_from(path).map_err(wrap)?;
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(wrap)
}
