//! Clients of other languages and kube-rs over the network, through a restart of the server. `cargo xtask clients`
//! installs the former; where they are not installed the tests say so and pass.

mod kube_rs;
mod scripts;

use std::path::PathBuf;

/// Where `cargo xtask clients` puts what it installs.
pub(crate) fn installed() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("clients")
}
