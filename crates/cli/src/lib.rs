//! The command line: arguments to one function per command, answers as text, JSON or YAML.
//!
//! It changes the world only as a user would, by writing an object or a git commit. It must not know how any engine
//! works. Start at [`arguments`], then the command's file in `commands/`.

mod arguments;
mod commands;
mod connection;
mod error;
mod memory;
mod output;
mod paint;
mod suggest;
mod template;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::error::Error;

/// Runs the command that the process's arguments name; the exit code is 0, 1 for a failure, 2 for wrong usage.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    mainstay_telemetry::tracing_setup::init(arguments.default_log_filter(), false);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return report(&Error::Runtime(error)),
    };
    let outcome = runtime.block_on(run(arguments));
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

/// Few threads for blocking work (reading git), and long-lived: each keeps a heap of its own, and what a thread that
/// ends leaves behind is not given back for long.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(8)
        .thread_keep_alive(Duration::from_secs(600))
        .enable_all()
        .build()
}

async fn run(arguments: Arguments) -> Result<(), Error> {
    let common = arguments.common;
    match arguments.command {
        Command::Up(up) => commands::up::run(&common, up).await,
        Command::New(new) => commands::new::run(&common, new).await,
        Command::Get(get) => commands::get::run(&common, get).await,
        Command::Tree(app) => commands::inspect::tree(&common, app).await,
        Command::Status(status) => commands::status::run(&common, status).await,
        Command::Why(app) => commands::inspect::why(&common, app).await,
        Command::Timeline(app) => commands::inspect::timeline(&common, app).await,
        Command::App(app) => commands::app::run(&common, app).await,
        Command::Explain(explain) => commands::explain::run(&common, explain),
        Command::Store(store) => commands::store::run(&common, store).await,
        Command::Bench(bench) => commands::bench::run(&common, bench).await,
        Command::Completion(completion) => {
            commands::completion::run(&completion);
            Ok(())
        }
    }
}

fn report(error: &Error) -> ExitCode {
    anstream::eprintln!("{} {}", paint::bad("error:"), mainstay_telemetry::chain(error));
    if let Some(hint) = error.hint() {
        anstream::eprintln!("{} {hint}", paint::faint("hint:"));
    }
    ExitCode::FAILURE
}
