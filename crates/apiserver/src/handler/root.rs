//! Paths that are no resource's: version, health, discovery, OpenAPI.
//! It must not know objects.

use std::collections::BTreeSet;

use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, EXPIRES, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION, VARY,
};
use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::json;

use crate::Error;
use crate::authn::discovery as openid;
use crate::discovery::{self, Aggregated, Document};
use crate::handler::health;
use crate::openapi;
use crate::registry::ClusterResources;
use crate::respond::{JSON, Reply, json_value, reply, text};
use crate::route::Query;
use crate::server::ApiServer;

/// Where clients in the cluster reach the server, as legacy discovery says; nobody follows it.
const SERVER_ADDRESS: &str = "127.0.0.1:443";

/// Answers a path that names no resource.
pub(crate) fn serve(server: &ApiServer, cluster: &str, parts: &Parts, query: &Query) -> Result<Reply, Error> {
    if let Some(reply) = health::answer(server.store(), parts.uri.path(), &parts.uri) {
        return Ok(reply);
    }
    if parts.method != Method::GET {
        return Err(Error::method_not_allowed());
    }
    let served = server.registry().cluster(cluster);
    let path = parts.uri.path().trim_matches('/');
    let segments: Vec<&str> = path.split('/').collect();
    match segments[..] {
        [".well-known", "openid-configuration"] => Ok(openid::configuration(server, cluster)),
        ["openid", "v1", "jwks"] => openid::keys(server, cluster),
        ["version"] => Ok(json_value(200, &discovery::version())),
        ["api"] => versions(&served, &parts.headers, true),
        ["apis"] => versions(&served, &parts.headers, false),
        ["api", version] => listed(discovery::resources(&served, "", version), &parts.headers),
        ["apis", group] => match discovery::group(&served, group) {
            None => Err(Error::page_not_found()),
            found => listed(found, &parts.headers),
        },
        ["apis", group, version] => listed(discovery::resources(&served, group, version), &parts.headers),
        // Upstream says that it is text, and no client minds.
        ["openapi", "v3"] => Ok(text(200, openapi::index(&served).bytes.clone())),
        ["openapi", "v3", ..] => {
            let found = openapi::document(&served, &path["openapi/v3/".len()..]);
            openapi_document(server, found, parts, query)
        }
        [""] => Ok(json_value(200, &json!({"paths": paths(&served)}))),
        _ => Err(Error::page_not_found()),
    }
}

/// Every path that is no resource's.
fn paths(served: &ClusterResources) -> Vec<String> {
    let fixed = [
        "/.well-known/openid-configuration",
        "/api",
        "/apis",
        "/apis/",
        "/openapi/v3",
        "/openapi/v3/",
        "/openid/v1/jwks",
        "/version",
    ];
    let fixed = fixed.map(str::to_owned);
    let groups = discovery::served(served);
    let of_group = groups.iter().flat_map(|group| {
        let below = if group.name.is_empty() { "/api".to_owned() } else { format!("/apis/{}", group.name) };
        let versions: Vec<String> = group.versions.iter().map(|version| format!("{below}/{}", version.name)).collect();
        std::iter::once(below).chain(versions)
    });
    let all: BTreeSet<String> = fixed.into_iter().chain(of_group).chain(health::paths()).collect();
    all.into_iter().collect()
}

/// A document that has one form only.
fn listed(found: Option<serde_json::Value>, headers: &HeaderMap) -> Result<Reply, Error> {
    let value = found.ok_or_else(Error::no_such_path)?;
    if accepts_plain(headers) { Ok(json_value(200, &value)) } else { Err(Error::no_such_form()) }
}

/// Whether one of the media ranges asks for no form of its own.
fn accepts_plain(headers: &HeaderMap) -> bool {
    let accept = accept(headers);
    accept.is_empty() || accept.split(',').any(|range| !range.contains(";as=") && !range.contains("; as="))
}

fn accept(headers: &HeaderMap) -> &str {
    headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn versions(served: &ClusterResources, headers: &HeaderMap, core: bool) -> Result<Reply, Error> {
    let aggregated = accept(headers).split(',').find_map(|range| {
        let plain = range.trim() == "application/json";
        if plain { Some(None) } else { Aggregated::of_accept(range).map(Some) }
    });
    let mut reply = match aggregated.flatten() {
        Some(version) => {
            let content_type = HeaderValue::from_static(version.content_type());
            document(discovery::aggregated(served, core, version), headers, content_type)
        }
        None if !accepts_plain(headers) => return Err(Error::no_such_form()),
        None if core => json_value(200, &discovery::core_versions(SERVER_ADDRESS)),
        None => json_value(200, &discovery::groups(served)),
    };
    reply.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    Ok(reply)
}

/// A rendered document; 304 where the client has it.
fn document(document: &Document, headers: &HeaderMap, content_type: HeaderValue) -> Reply {
    let known = headers.get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == document.etag.as_bytes());
    let mut answer = if known {
        reply(304, content_type, axum::body::Body::empty())
    } else {
        reply(200, content_type, document.bytes.clone())
    };
    if let Ok(etag) = HeaderValue::from_str(&document.etag) {
        answer.headers_mut().insert(ETAG, etag);
    }
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public"));
    answer
}

/// As `handler3.OpenAPIService`: what is asked for by its hash may be kept for ever; another hash leads to the one there
/// is now.
fn openapi_document(
    server: &ApiServer,
    found: Option<&Document>,
    parts: &Parts,
    query: &Query,
) -> Result<Reply, Error> {
    let Some(found) = found else { return Ok(nothing(404)) };
    if !accepts_json(&parts.headers) {
        return Ok(nothing(406));
    }
    let mut headers = vec![(CACHE_CONTROL, "no-cache, private".to_owned())];
    if let Some(hash) = query.get("hash") {
        if hash != found.hash() {
            let mut moved = nothing(301);
            // Relative, since the path may have had a cluster before it.
            set(&mut moved, (LOCATION, format!("?hash={}", found.hash())));
            return Ok(moved);
        }
        headers = vec![(CACHE_CONTROL, "public, immutable".to_owned()), (EXPIRES, in_a_year(server))];
    }
    let mut answer = document(found, &parts.headers, JSON);
    headers.push((VARY, "Accept".to_owned()));
    headers.into_iter().for_each(|header| set(&mut answer, header));
    Ok(answer)
}

/// Of the forms that upstream has, JSON is the one that is served here; kubectl asks for it.
fn accepts_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    let mut types = accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    types.any(|name| matches!(name, "" | "*/*" | "application/*" | "application/json"))
}

fn in_a_year(server: &ApiServer) -> String {
    const YEAR: std::time::Duration = std::time::Duration::from_hours(365 * 24);
    (server.clock().now() + YEAR).strftime("%a, %d %b %Y %H:%M:%S UTC").to_string()
}

fn nothing(code: u16) -> Reply {
    let mut reply = reply(code, JSON, axum::body::Body::empty());
    reply.headers_mut().remove(CONTENT_TYPE);
    reply
}

fn set(reply: &mut Reply, (name, value): (HeaderName, String)) {
    if let Ok(value) = HeaderValue::from_str(&value) {
        reply.headers_mut().insert(name, value);
    }
}
