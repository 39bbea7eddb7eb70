//! What developer commands and tests have in common: the crash harness. It must not know the command line.

pub mod crash;
