//! The `mainstay` binary. It must not do anything itself: see the crate's library.

use std::process::ExitCode;

/// Half of the time of a busy server went into small allocations of the C library.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mainstay_cli::main()
}
