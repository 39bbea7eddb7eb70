//! `mainstay bench`: measurements that anybody can repeat. It must not know what is measured, or how.

mod api;
mod gitops;
mod golden_path;

use std::path::PathBuf;
use std::time::Duration;

use mainstay_controller_runtime::context::Seams;
use mainstay_server::{Options, Server, Timings};
use serde_json::Value;

use crate::arguments::{Bench, BenchKind, Common, Format};
use crate::error::Error;
use crate::paint;

pub(crate) async fn run(common: &Common, bench: Bench) -> Result<(), Error> {
    match bench.kind {
        BenchKind::GoldenPath(options) => golden_path::run(common, options).await,
        BenchKind::Gitops(options) => gitops::run(common, options).await,
        BenchKind::Api(options) => api::run(common, options).await,
    }
}

/// A fresh server on a port of its own.
async fn server(data_dir: PathBuf, ephemeral: bool, seams: Seams) -> Result<Server, Error> {
    let options = Options {
        data_dir: Some(data_dir),
        ephemeral,
        listen: ([127, 0, 0, 1], 0).into(),
        seams,
        simulation: Timings::default(),
        only_api: false,
        audit: None,
    };
    Server::start(options).await.map_err(Error::Server)
}

/// A condition that is to hold within a time.
async fn within(limit: Duration, condition: impl Future<Output = ()>, failed: &str) -> Result<(), Error> {
    let outcome = tokio::time::timeout(limit, condition).await;
    outcome.map_err(|_| Error::Refused(format!("{failed} within {} s", limit.as_secs())))
}

/// Prints figures, one a line or all in one line for a machine.
fn print(format: Format, figures: &Value) {
    if format != Format::Text {
        anstream::println!("{figures}");
        return;
    }
    for (name, value) in figures.as_object().into_iter().flatten() {
        anstream::println!("{} {value}", paint::faint(&format!("{name:<26}")));
    }
}

/// The most memory this process ever had resident, in MiB, as Linux tells it; null elsewhere.
fn peak_rss_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
    Some(kib / 1024)
}

/// The nearest-rank percentile; zero of nothing.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
