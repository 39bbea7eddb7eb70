//! Health: `/healthz`, `/livez` and `/readyz`, whole or check by check, as `apiserver/pkg/server/healthz`.
//! A server whose disk takes no writes lives, so that nobody starts it anew, and is not ready.
//! It must not know resources.

use http::Uri;
use mainstay_store::Store;

use crate::Error;
use crate::respond::{Reply, refusal, text};
use crate::route::Query;

/// Checks of each endpoint. They hold as long as the process answers at all, but for the readiness of the store.
const ALIVE: [&str; 3] = ["ping", "log", "etcd"];
const READY: [&str; 5] = ["ping", "log", "etcd", "informer-sync", "shutdown"];

/// What is asked for, and how the checks stand.
struct Health<'a> {
    endpoint: &'a str,
    checks: &'a [&'a str],
    /// Why the store takes no writes, where readiness is asked for.
    outage: Option<String>,
}

/// Whether a path asks about health; then the answer to it, by the query of the whole address. Only then is that read:
/// every request comes by here.
pub(crate) fn answer(store: &Store, path: &str, uri: &Uri) -> Option<Reply> {
    let (endpoint, check) = match path.trim_start_matches('/').split_once('/') {
        Some((endpoint, check)) => (endpoint, check.trim_end_matches('/')),
        None => (path.trim_start_matches('/'), ""),
    };
    let checks: &[&str] = match endpoint {
        "healthz" | "livez" => &ALIVE,
        "readyz" => &READY,
        _ => return None,
    };
    let query = Query::parse(uri.query().unwrap_or_default()).ok()?;
    let outage = if endpoint == "readyz" { store.health().borrow().as_ref().map(ToString::to_string) } else { None };
    Some(Health { endpoint, checks, outage }.answer(check, &query))
}

/// The checks that can be asked for one by one.
pub(super) fn paths() -> impl Iterator<Item = String> {
    let of = |endpoint: &'static str, checks: &'static [&'static str]| {
        std::iter::once(format!("/{endpoint}")).chain(checks.iter().map(move |check| format!("/{endpoint}/{check}")))
    };
    of("healthz", &ALIVE).chain(of("livez", &ALIVE)).chain(of("readyz", &READY))
}

impl Health<'_> {
    fn answer(&self, check: &str, query: &Query) -> Reply {
        let excluded: Vec<&str> = query.all("exclude").flat_map(|list| list.split(',')).collect();
        let fails = self.outage.is_some() && !excluded.contains(&"etcd");
        match check {
            "" if fails => text(500, self.report(&excluded)),
            "" if query.has("verbose") => text(200, self.report(&excluded)),
            "" => text(200, "ok"),
            "etcd" if self.outage.is_some() => {
                text(500, format!("internal server error: {}", self.outage.as_deref().unwrap_or_default()))
            }
            check if self.checks.contains(&check) => text(200, "ok"),
            _ => refusal(&Error::page_not_found()),
        }
    }

    fn report(&self, excluded: &[&str]) -> String {
        let mut lines: String = self.checks.iter().map(|check| self.line(check, excluded)).collect();
        let unknown = excluded.iter().filter(|name| !self.checks.contains(name)).map(|name| format!("\"{name}\""));
        let unknown: Vec<String> = unknown.collect();
        if !unknown.is_empty() {
            let listed = unknown.join(",");
            lines.push_str(&format!("warn: some health checks cannot be excluded: no matches for {listed}\n"));
        }
        let passed = self.outage.is_none() || excluded.contains(&"etcd");
        lines + &format!("{} check {}\n", self.endpoint, if passed { "passed" } else { "failed" })
    }

    fn line(&self, check: &str, excluded: &[&str]) -> String {
        match &self.outage {
            _ if excluded.contains(&check) => format!("[+]{check} excluded: ok\n"),
            Some(why) if check == "etcd" => format!("[-]{check} failed: {why}\n"),
            _ => format!("[+]{check} ok\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_can_be_left_out() {
        let reply = Health { endpoint: "livez", checks: &ALIVE, outage: None }.report(&["etcd", "odd"]);
        let expected = "[+]ping ok\n[+]log ok\n[+]etcd excluded: ok\n\
            warn: some health checks cannot be excluded: no matches for \"odd\"\nlivez check passed\n";
        assert_eq!(reply, expected);
    }

    #[test]
    fn only_health_is_answered() {
        let store = Store::ephemeral(mainstay_store::Options::default());
        let status = |path: &str| answer(&store, path, &Uri::from_static("/")).map(|reply| reply.status().as_u16());
        assert_eq!(status("/readyz/informer-sync"), Some(200));
        assert_eq!(status("/livez/informer-sync"), Some(404));
        assert_eq!(status("/version"), None);
    }
}
