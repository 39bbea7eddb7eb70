//! The arguments of `cargo xtask crash`. It must not know what a round does.

use std::path::PathBuf;
use std::time::Duration;

use xtask::crash::{self, Options};

/// Kills of a run that is not told how many: a minute or two.
const ROUNDS: usize = 20;
/// Longest time of load before a kill.
const SECONDS: f64 = 1.0;
const WRITERS: usize = 8;

/// Runs the harness.
pub(crate) fn run(arguments: &[String]) -> Result<String, String> {
    let options = parse(arguments)?;
    println!("seed {}, {} writers, {}", options.seed, options.writers, options.binary.display());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("failed to start the runtime: {error}"))?;
    let summary = runtime.block_on(crash::run(&options, &mut |line| println!("{line}")))?;
    Ok(summary.line())
}

fn parse(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options {
        binary: beside_this()?,
        rounds: ROUNDS,
        longest: Duration::from_secs_f64(SECONDS),
        seed: u64::from(std::process::id()),
        writers: WRITERS,
    };
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return Err(format!("{} needs a value", pair.concat())) };
        let wrong = |error: &dyn std::fmt::Display| format!("{name} {value}: {error}");
        match name.as_str() {
            "--rounds" => options.rounds = value.parse().map_err(|error| wrong(&error))?,
            "--writers" => options.writers = value.parse().map_err(|error| wrong(&error))?,
            "--seed" => options.seed = value.parse().map_err(|error| wrong(&error))?,
            "--binary" => options.binary = value.into(),
            "--seconds" => {
                let seconds: f64 = value.parse().map_err(|error| wrong(&error))?;
                options.longest = Duration::try_from_secs_f64(seconds).map_err(|error| wrong(&error))?;
            }
            _ => return Err(format!("there is no option {name}")),
        }
    }
    match options.binary.is_file() {
        true => Ok(options),
        false => Err(format!("there is no {}: build it, or name one with --binary", options.binary.display())),
    }
}

/// The server that was built with this command.
fn beside_this() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| format!("failed to find this program: {error}"))?;
    Ok(this.with_file_name(format!("mainstay{}", std::env::consts::EXE_SUFFIX)))
}
