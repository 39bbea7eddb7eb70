//! Installs the process-wide tracing subscriber. Only a binary's `main` calls it.

use tracing_subscriber::EnvFilter;

/// Log lines go to standard error, filtered by `MAINSTAY_LOG` (or `default_filter`), as JSON when asked.
///
/// Calling it twice keeps the first subscriber.
pub fn init(default_filter: &str, json: bool) {
    let filter = EnvFilter::try_from_env("MAINSTAY_LOG").unwrap_or_else(|_| EnvFilter::new(default_filter));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true);
    let installed = if json { builder.json().try_init() } else { builder.compact().try_init() };
    if installed.is_err() {
        tracing::debug!("a tracing subscriber is already installed");
    }
}
