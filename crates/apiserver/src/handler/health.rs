//! Health: `/healthz`, `/livez` and `/readyz`, whole or check by check, as `apiserver/pkg/server/healthz`.
//! It must not know resources.

use crate::respond::{Reply, page_not_found, text};
use crate::route::Query;

/// Checks of each endpoint. They hold as long as the process answers at all: what is not ready is not served, and a
/// store that cannot write says so to the writers.
const ALIVE: [&str; 3] = ["ping", "log", "etcd"];
const READY: [&str; 5] = ["ping", "log", "etcd", "informer-sync", "shutdown"];

/// Whether a path asks about health; then the answer to it.
pub(crate) fn answer(path: &str, query: &Query) -> Option<Reply> {
    let (endpoint, check) = match path.trim_start_matches('/').split_once('/') {
        Some((endpoint, check)) => (endpoint, check.trim_end_matches('/')),
        None => (path.trim_start_matches('/'), ""),
    };
    let checks: &[&str] = match endpoint {
        "healthz" | "livez" => &ALIVE,
        "readyz" => &READY,
        _ => return None,
    };
    Some(match check {
        "" if query.has("verbose") => text(200, verbose(endpoint, checks, query)),
        "" => text(200, "ok"),
        check if checks.contains(&check) => text(200, "ok"),
        _ => page_not_found(),
    })
}

/// The checks that can be asked for one by one.
pub(super) fn paths() -> impl Iterator<Item = String> {
    let of = |endpoint: &'static str, checks: &'static [&'static str]| {
        std::iter::once(format!("/{endpoint}")).chain(checks.iter().map(move |check| format!("/{endpoint}/{check}")))
    };
    of("healthz", &ALIVE).chain(of("livez", &ALIVE)).chain(of("readyz", &READY))
}

fn verbose(endpoint: &str, checks: &[&str], query: &Query) -> String {
    let excluded: Vec<&str> = query.all("exclude").flat_map(|list| list.split(',')).collect();
    let mut lines = String::new();
    for check in checks {
        let state = if excluded.contains(check) { "excluded: ok" } else { "ok" };
        lines.push_str(&format!("[+]{check} {state}\n"));
    }
    let unknown: Vec<String> =
        excluded.iter().filter(|name| !checks.contains(name)).map(|name| format!("\"{name}\"")).collect();
    if !unknown.is_empty() {
        let listed = unknown.join(",");
        lines.push_str(&format!("warn: some health checks cannot be excluded: no matches for {listed}\n"));
    }
    lines + &format!("{endpoint} check passed\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_can_be_left_out() {
        let query = Query::parse("verbose&exclude=etcd&exclude=odd").unwrap();
        let text = verbose("livez", &ALIVE, &query);
        let expected = "[+]ping ok\n[+]log ok\n[+]etcd excluded: ok\n\
            warn: some health checks cannot be excluded: no matches for \"odd\"\nlivez check passed\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn only_health_is_answered() {
        let status = |path: &str| answer(path, &Query::default()).map(|reply| reply.status().as_u16());
        assert_eq!(status("/readyz/informer-sync"), Some(200));
        assert_eq!(status("/livez/informer-sync"), Some(404));
        assert_eq!(status("/version"), None);
    }
}
