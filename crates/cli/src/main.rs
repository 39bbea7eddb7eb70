//! The `mainstay` binary. It must not do anything itself: see the crate's library.

use std::process::ExitCode;

fn main() -> ExitCode {
    mainstay_cli::main()
}
