//! `cargo xtask crash`: a real server is killed under write load again and again, and must have lost nothing.
//! It must not know how the server keeps its data: it talks HTTPS to it, and asks `mainstay store verify`.
//!
//! A round: start, hold what is there against the model, write until the kill, verify the files. The model (`model.rs`)
//! knows what was acknowledged; `load.rs` writes; `process.rs` starts and kills.

mod load;
mod model;
mod process;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use load::Load;
use model::{Model, Random};
use process::Process;

/// How the harness runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `mainstay` binary.
    pub binary: PathBuf,
    /// Kills.
    pub rounds: usize,
    /// Longest time of load before a kill, from the first write that is acknowledged.
    pub longest: Duration,
    /// Where the moments and the writes come from.
    pub seed: u64,
    /// Clients that write at the same time.
    pub writers: usize,
}

/// Shortest time of load before a kill: some writes have to be on their way.
const SHORTEST: Duration = Duration::from_millis(50);

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Kills.
    pub rounds: usize,
    /// Writes that were acknowledged, and held against what was there after the kill.
    pub acknowledged: usize,
    /// Writes that were on their way at a kill.
    pub unanswered: usize,
    /// Of these, how many took place.
    pub applied: usize,
    /// Times from start to the first answer, in milliseconds, ascending.
    pub starts_ms: Vec<u64>,
}

impl Summary {
    /// One line.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { rounds, acknowledged, unanswered, applied, .. } = self;
        let (median, worst) = (self.start_ms(0.5), self.start_ms(1.0));
        format!(
            "{rounds} kills: {acknowledged} acknowledged writes, none lost; {unanswered} unanswered, {applied} of them \
             applied whole; store sound after each; start in {median} ms (median), {worst} ms (worst)"
        )
    }

    fn start_ms(&self, part: f64) -> u64 {
        let last = self.starts_ms.len().saturating_sub(1);
        self.starts_ms.get((last as f64 * part) as usize).copied().unwrap_or(0)
    }
}

/// Runs the rounds; `report` gets a line for each.
///
/// # Errors
/// With what was lost or is damaged; the data directory is kept then, and named.
pub async fn run(options: &Options, report: &mut (dyn FnMut(String) + Send)) -> Result<Summary, String> {
    let directory = tempfile::TempDir::with_prefix("mainstay-crash-").map_err(|error| error.to_string())?;
    let outcome = rounds(options, directory.path(), report).await;
    outcome.map_err(|error| format!("{error}\nthe data directory is kept: {}", directory.keep().display()))
}

async fn rounds(
    options: &Options,
    data_dir: &Path,
    report: &mut (dyn FnMut(String) + Send),
) -> Result<Summary, String> {
    let mut model = Model::new(options.writers, options.seed);
    let mut moments = Random(options.seed);
    let mut summary = Summary::default();
    for round in 1..=options.rounds {
        let failed = |error: String| format!("round {round}, seed {}: {error}", options.seed);
        let longest = options.longest.as_millis().max(SHORTEST.as_millis() + 1) as u64;
        let moment = SHORTEST + Duration::from_millis(moments.below(longest - SHORTEST.as_millis() as u64));
        let (acknowledged, start) = one_round(&options.binary, data_dir, &mut model, moment).await.map_err(failed)?;
        verify_files(&options.binary, data_dir).await.map_err(failed)?;
        summary.rounds += 1;
        summary.acknowledged += acknowledged;
        summary.starts_ms.push(start.as_millis() as u64);
        report(format!(
            "round {round}/{}: started in {} ms, {acknowledged} writes in {} ms, killed, files sound",
            options.rounds,
            start.as_millis(),
            moment.as_millis()
        ));
    }
    // The last kill is held against the model too.
    let process = Process::start(&options.binary, data_dir).await?;
    model.compare(&process.client().await?).await?;
    process.kill().await?;
    (summary.unanswered, summary.applied) = (model.unanswered(), model.applied());
    summary.starts_ms.sort_unstable();
    Ok(summary)
}

async fn one_round(
    binary: &Path,
    data_dir: &Path,
    model: &mut Model,
    moment: Duration,
) -> Result<(usize, Duration), String> {
    let process = Process::start(binary, data_dir).await?;
    let start = process.ready_after();
    model.compare(&process.client().await?).await?;
    let load = Load::begin(&process, model).await?;
    load.answered().await?;
    tokio::time::sleep(moment).await;
    process.kill().await?;
    let acknowledged = load.end(model).await?;
    Ok((acknowledged, start))
}

/// `mainstay store verify` on the files as the kill left them.
async fn verify_files(binary: &Path, data_dir: &Path) -> Result<(), String> {
    let output = process::run(binary, &["store", "verify", "--output", "json"], data_dir).await?;
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    if output.status.success() && answer["sound"] == true {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("the store is damaged: {answer:#}\n{said}"))
}
