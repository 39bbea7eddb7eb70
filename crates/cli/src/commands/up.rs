//! `mainstay up`: starts everything and stays until told to stop.

use mainstay_controller_runtime::context::Seams;
use mainstay_server::{Options, Server, Timings};
use serde_json::json;

use crate::arguments::{Common, Format, Up};
use crate::error::Error;
use crate::paint;

pub(crate) async fn run(common: &Common, up: Up) -> Result<(), Error> {
    let options = Options {
        data_dir: Some(common.data_dir.clone()).filter(|_| !up.ephemeral),
        ephemeral: up.ephemeral,
        listen: up.listen,
        seams: Seams::system(),
        simulation: Timings::default(),
    };
    let server = Server::start(options).await.map_err(Error::Server)?;
    match common.output {
        Format::Text => print_welcome(&server),
        Format::Json | Format::Yaml => print_line(&server),
    }
    stop_requested().await?;
    server.stop().await;
    Ok(())
}

/// One line of JSON, which is YAML too.
fn print_line(server: &Server) {
    let line = json!({
        "portal": server.portal_url(), "git": server.git_url(), "api": server.api_url(),
        "kubeconfig": server.kubeconfig(), "clusters": server.clusters(),
    });
    anstream::println!("{line}");
}

fn print_welcome(server: &Server) {
    let kubeconfig = server.kubeconfig().display().to_string();
    let line = |name: &str, value: &str| anstream::println!("  {} {value}", paint::faint(&format!("{name:<11}")));
    anstream::println!("{}\n", paint::strong("Mainstay is up."));
    line("portal", &server.portal_url());
    line("git", &format!("{}/apps.git", server.git_url()));
    line("clusters", &format!("{} {}", server.clusters().join(", "), paint::faint("(simulated)")));
    line("kubeconfig", &kubeconfig);
    anstream::println!("\nNext:");
    for command in [
        "mainstay get".to_owned(),
        "mainstay tree sample-dev".to_owned(),
        format!("kubectl --kubeconfig {kubeconfig} --context dev get pods -A"),
        format!("git clone {}/apps.git", server.git_url()),
        "mainstay new application shop --image ghcr.io/acme/shop:1.0.0".to_owned(),
    ] {
        anstream::println!("  {}", paint::good(&command));
    }
    anstream::println!("\n{}", paint::faint("Ctrl-C stops it."));
}

async fn stop_requested() -> Result<(), Error> {
    let failed = |error| Error::Io("listen for signals".to_owned(), error);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(failed),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(failed)
}
