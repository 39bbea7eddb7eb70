//! Developer commands: `cargo xtask <command>`. Each command is a module of its own; this file only dispatches.
//! It must not know how any command works.

mod check;
mod clients;
mod codegen;
mod crash_command;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <command>

commands:
  check             formatting, lints and house rules: what CI runs before the tests
  clients           install the real clients that tests drive, pinned, into target/clients
  crash [--rounds N] [--seconds S] [--seed N] [--writers N] [--binary FILE]
                    kill a server under write load again and again; nothing acknowledged may be lost
  codegen [WHEEL]   make the table of built-in schemas anew, from the PyPI package kubernetes-validate
  codegen-protobuf DIR
                    make the table of protobuf messages anew, from the unpacked crate k8s-pb
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome: Result<String, String> = match args.first().map(String::as_str) {
        Some("check") => check::run(),
        Some("clients") => clients::run().map_err(|error| error.to_string()),
        Some("crash") => crash_command::run(&args[1..]),
        Some("codegen") => codegen::run(&args[1..]).map_err(|error| error.to_string()),
        Some("codegen-protobuf") => codegen::protobuf::run(&args[1..]),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
