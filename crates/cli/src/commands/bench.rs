//! `mainstay bench`: measurements that anybody can repeat. It must not know what is measured, or how.

mod api;
mod golden_path;

use std::time::Duration;

use crate::arguments::{Bench, BenchKind, Common};
use crate::error::Error;

pub(crate) async fn run(common: &Common, bench: Bench) -> Result<(), Error> {
    match bench.kind {
        BenchKind::GoldenPath(options) => golden_path::run(common, options).await,
        BenchKind::Api(options) => api::run(common, options).await,
    }
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
