//! `mainstay up`: starts everything and stays until told to stop. It must not know what everything is.

use std::net::SocketAddr;
use std::path::Path;

use mainstay_controller_runtime::context::Seams;
use mainstay_server::{AuditLog, Options, Server, Timings};
use serde_json::json;

use crate::arguments::{Common, DEFAULT_DATA_DIR, Format, Up};
use crate::error::Error;
use crate::output::say;
use crate::{memory, paint};

pub(crate) async fn run(common: &Common, up: Up) -> Result<(), Error> {
    memory::use_small_pages();
    let options = Options {
        data_dir: Some(common.data_dir.clone()).filter(|_| !up.ephemeral),
        ephemeral: up.ephemeral,
        listen: up.listen,
        seams: Seams::system(),
        simulation: Timings::default(),
        audit: up.audit_log.clone().map(|file| AuditLog { file, policy: up.audit_policy_file.clone() }),
        only_api: up.only_api,
    };
    let server = Server::start(options).await.map_err(Error::Server)?;
    let stop = Stop::listen()?;
    warn_if_exposed(up.listen);
    match common.output {
        Format::Text if up.only_api => print_api(&server),
        Format::Text => print_welcome(&server, common),
        Format::Json | Format::Yaml => print_line(&server, up.only_api),
    }
    stop.requested().await?;
    server.stop().await;
    Ok(())
}

/// The API asks for a token; the portal and the git host ask for nothing.
fn warn_if_exposed(address: SocketAddr) {
    if !address.ip().is_loopback() {
        anstream::eprintln!(
            "{} {} is open to other machines, and git and portal have no sign-in: whoever reaches it can push",
            paint::busy("warning:"),
            address.ip()
        );
    }
}

/// One line of JSON, which is YAML too.
fn print_line(server: &Server, only_api: bool) {
    let mut line = json!({"api": server.api_url(), "kubeconfig": server.kubeconfig(), "clusters": server.clusters()});
    if !only_api {
        line["portal"] = server.portal_url().into();
        line["git"] = server.git_url().into();
    }
    say!("{line}");
}

fn print_api(server: &Server) {
    say!("{}\n", paint::strong("The Kubernetes API is up."));
    say!("  {} {}", paint::faint("clusters   "), server.clusters().join(", "));
    say!("  {} {}", paint::faint("kubeconfig "), server.kubeconfig().display());
    say!("\n{}", paint::faint("Ctrl-C stops it."));
}

fn print_welcome(server: &Server, common: &Common) {
    let kubeconfig = server.kubeconfig().display().to_string();
    let line = |name: &str, value: &str| say!("  {} {value}", paint::faint(&format!("{name:<11}")));
    say!("{}\n", paint::strong("Mainstay is up."));
    line("portal", &server.portal_url());
    line("git", &format!("{}/apps.git", server.git_url()));
    line("clusters", &format!("{} {}", server.clusters().join(", "), paint::faint("(simulated)")));
    line("kubeconfig", &kubeconfig);
    say!("\nNext:");
    if server.kubeconfig() != Path::new(DEFAULT_DATA_DIR).canonicalize().unwrap_or_default().join("kubeconfig")
        && common.kubeconfig.as_deref() != Some(server.kubeconfig().as_path())
    {
        say!("  {}", paint::good(&format!("export MAINSTAY_KUBECONFIG={kubeconfig}")));
    }
    for command in [
        "mainstay get".to_owned(),
        "mainstay tree sample-dev".to_owned(),
        format!("kubectl --kubeconfig {kubeconfig} --context dev get pods -A"),
        format!("git clone {}/apps.git", server.git_url()),
        "mainstay new application shop --image ghcr.io/acme/shop:1.0.0".to_owned(),
    ] {
        say!("  {}", paint::good(&command));
    }
    say!("\n{}", paint::faint("Ctrl-C stops it."));
}

/// What tells the server to stop. Made before anybody is told that it runs, so that no signal is missed.
struct Stop {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> Result<Self, Error> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(failed)?,
        })
    }

    async fn requested(mut self) -> Result<(), Error> {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(failed),
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await.map_err(failed)
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::Io("listen for signals".to_owned(), error)
}
