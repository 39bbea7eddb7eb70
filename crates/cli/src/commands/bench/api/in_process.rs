//! The same calls without a network: `kube::Client` over the service, in this process, durable all the same.
//! It must not know HTTP connections.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use mainstay_controller_runtime::context::Seams;
use mainstay_server::{Options, Server};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::call::{Call, Request, Target};
use super::figures::Figures;
use super::load::{Extent, Outcome, Plan};
use super::{CHANGED, failed, say};
use crate::arguments::BenchApi;
use crate::connection::CONTROL;
use crate::error::Error;
use crate::memory;

/// Measures a server in this process.
///
/// # Errors
/// When it does not start, or a call fails.
pub(super) async fn measure(options: &BenchApi, figures: &mut Figures) -> Result<(), Error> {
    memory::use_small_pages();
    say("in process");
    let directory = TempDir::with_prefix("mainstay-bench-")
        .map_err(|error| Error::Io("make a temporary directory".to_owned(), error))?;
    let seams = Seams::system();
    let server = Server::start(Options {
        data_dir: Some(directory.path().to_owned()),
        ephemeral: false,
        only_api: true,
        ..Options::ephemeral(seams)
    });
    let server = server.await.map_err(Error::Server)?;
    let measured = phases(&server.client(CONTROL), options, figures).await;
    server.stop().await;
    measured
}

async fn phases(client: &Client, options: &BenchApi, figures: &mut Figures) -> Result<(), Error> {
    let (duration, target) = (Duration::from_secs(options.seconds), Target::new("bench"));
    let small = options.small.max(1);
    let some = CHANGED.min(small);
    call(client, &target.make_namespace()).await?;
    let (applied, updated) = (target.series("applied"), target.series("updated"));
    let run = async |target: &Target, call, extent| load((client, options.clients), target, call, extent).await;
    figures.rate("in_process_create", &run(&target, Call::Create, Extent::objects(0, small)).await?);
    figures.rate("in_process_get", &run(&target, Call::Get, Extent::lasting(small, duration)).await?);
    run(&applied, Call::Apply, Extent::objects(0, some)).await?;
    figures.rate("in_process_ssa_patch", &run(&applied, Call::Apply, Extent::lasting(some, duration)).await?);
    run(&updated, Call::Create, Extent::objects(0, some)).await?;
    figures.rate("in_process_update", &run(&updated, Call::Update, Extent::lasting(some, duration)).await?);
    Ok(())
}

async fn load(
    (client, clients): (&Client, usize),
    target: &Target,
    call: Call,
    extent: Extent,
) -> Result<Outcome, Error> {
    let plan = Plan::new(call, extent);
    let mut tasks = JoinSet::new();
    for _ in 0..clients.max(1) {
        tasks.spawn(one(client.clone(), plan.clone(), target.clone()));
    }
    let mut latencies = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        latencies.push(ended.map_err(|error| failed(error.to_string()))??);
    }
    Ok(plan.outcome(latencies))
}

async fn one(client: Client, plan: Arc<Plan>, target: Target) -> Result<Vec<Duration>, Error> {
    let (mut request, mut latencies) = (Request::default(), Vec::new());
    while plan.next(&target, &mut request) {
        let start = Instant::now();
        call(&client, &request).await?;
        latencies.push(start.elapsed());
    }
    Ok(latencies)
}

async fn call(client: &Client, request: &Request) -> Result<String, Error> {
    let wrap = |source| Error::Connect { cluster: CONTROL.to_owned(), source: Box::new(source) };
    let built = http::Request::builder().method(request.method).uri(&request.path);
    let built = if request.body.is_empty() { built } else { built.header("content-type", request.content_type) };
    let built = built.body(request.body.clone().into_bytes()).map_err(|error| wrap(kube::Error::HttpError(error)))?;
    client.request_text(built).await.map_err(wrap)
}
