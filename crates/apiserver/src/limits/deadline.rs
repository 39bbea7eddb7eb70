//! How long a request may take: `pkg/endpoints/filters/request_deadline.go`.
//! It must not know what a request does.

use std::time::Duration;

use http::{Method, Request, Uri};

use crate::Error;
use crate::route::ResourcePath;

/// Subresources that last as long as their client wants, as upstream's `longRunningSubresources`.
const LONG_RUNNING: [&str; 5] = ["attach", "exec", "log", "portforward", "proxy"];

/// Whether a request lasts as long as its client wants: `BasicLongRunningRequestCheck`.
pub(super) fn is_long_running<B>(request: &Request<B>) -> bool {
    let path = request.uri().path();
    let suspicious = path.contains("/watch") || LONG_RUNNING.iter().any(|name| path.contains(name));
    let lasting = |found: &ResourcePath| {
        let subresource = found.subresource.as_deref().unwrap_or_default();
        found.watch || LONG_RUNNING.contains(&subresource.split('/').next().unwrap_or_default())
    };
    let watches = request.method() == Method::GET && is_watch(request.uri().query().unwrap_or_default());
    watches || (suspicious && ResourcePath::parse(path).as_ref().is_some_and(lasting))
}

fn is_watch(query: &str) -> bool {
    let on = |value: &str| !matches!(value, "false" | "0" | "f" | "F" | "False" | "FALSE");
    query.split('&').any(|pair| match pair.split_once('=') {
        Some((name, value)) => name == "watch" && on(value),
        None => pair == "watch",
    })
}

/// The time for a request: what it asks for, but no more than `most`. Zero asks for no limit of its own.
///
/// # Errors
/// 400 when the parameter is no duration.
pub(super) fn of(uri: &Uri, most: Duration) -> Result<Duration, Error> {
    let query = uri.query().unwrap_or_default();
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("timeout=")).filter(|value| !value.is_empty());
    let Some(asked) = asked else { return Ok(most) };
    let text = percent_encoding::percent_decode_str(asked).decode_utf8_lossy();
    let duration = parse(&text).map_err(|why| {
        Error::bad_request(format!("invalid timeout specified in the request URL - time: {why} {text:?}"))
    })?;
    Ok(duration.filter(|duration| *duration < most).unwrap_or(most))
}

/// Go's `time.ParseDuration`; `None` for what is not above zero. An error says what is wrong, in Go's words.
fn parse(text: &str) -> Result<Option<Duration>, String> {
    let (negative, mut rest) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Ok(None);
    }
    if rest.is_empty() {
        return Err("invalid duration".to_owned());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| "invalid duration".to_owned())?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        seconds += number * unit(&rest[..end])?;
        rest = &rest[end..];
    }
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| "invalid duration".to_owned())?;
    Ok(Some(duration).filter(|duration| !negative && !duration.is_zero()))
}

/// Seconds in a unit.
fn unit(name: &str) -> Result<f64, String> {
    match name {
        "ns" => Ok(1e-9),
        "us" | "µs" | "μs" => Ok(1e-6),
        "ms" => Ok(1e-3),
        "s" => Ok(1.0),
        "m" => Ok(60.0),
        "h" => Ok(3600.0),
        "" => Err("missing unit in duration".to_owned()),
        other => Err(format!("unknown unit {other:?} in duration")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_mins(1);

    fn limit(query: &str) -> Result<Duration, Error> {
        of(&format!("/api/v1/pods?{query}").parse().unwrap(), MOST)
    }

    #[test]
    fn a_request_may_ask_for_less() {
        let limits = [("", 60_000), ("timeout=", 60_000), ("timeout=32s", 32_000), ("a=b&timeout=1.5s", 1_500)];
        let more = [("timeout=1h", 60_000), ("timeout=0s", 60_000), ("timeout=0", 60_000), ("timeout=1s500ms", 1_500)];
        for (query, milliseconds) in limits.into_iter().chain(more) {
            assert_eq!(limit(query).unwrap(), Duration::from_millis(milliseconds), "{query}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_in_the_words_of_go() {
        let prefix = "invalid timeout specified in the request URL - time: ";
        for (value, why) in [
            ("abc", r#"invalid duration "abc""#),
            ("5", r#"missing unit in duration "5""#),
            ("5x", r#"unknown unit "x" in duration "5x""#),
        ] {
            let error = limit(&format!("timeout={value}")).unwrap_err();
            assert_eq!((error.code, error.message), (400, format!("{prefix}{why}")));
        }
    }

    #[test]
    fn watches_last() {
        let request = |method: &str, uri: &str| Request::builder().method(method).uri(uri).body(()).unwrap();
        let lasts = |method: &str, uri: &str| is_long_running(&request(method, uri));
        for uri in [
            "/api/v1/pods?watch=true",
            "/api/v1/pods?a=b&watch",
            "/api/v1/watch/pods",
            "/apis/apps/v1/watch/deployments",
        ] {
            assert!(lasts("GET", uri), "{uri}");
        }
        assert!(lasts("GET", "/api/v1/namespaces/a/pods/b/log"));
        for uri in [
            "/api/v1/pods?watch=false",
            "/api/v1/pods",
            "/api/v1/namespaces/watch/configmaps/log",
            "/api/v1/pods?unwatch=1",
        ] {
            assert!(!lasts("GET", uri), "{uri}");
        }
        assert!(!lasts("DELETE", "/api/v1/namespaces/a/pods?watch=true"));
    }
}
