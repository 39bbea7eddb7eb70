//! Paths that are no resource's: version, health, discovery, OpenAPI.
//! It must not know objects.

use http::header::{ACCEPT, CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::json;

use crate::Error;
use crate::authn::discovery as openid;
use crate::discovery::{self, Aggregated, Document};
use crate::openapi;
use crate::registry::ClusterResources;
use crate::respond::{JSON, Reply, json_value, reply, text};
use crate::route::Query;
use crate::server::ApiServer;

/// Where clients in the cluster reach the server, as legacy discovery says; nobody follows it.
const SERVER_ADDRESS: &str = "127.0.0.1:443";

/// Answers a path that names no resource.
pub(crate) fn serve(server: &ApiServer, cluster: &str, parts: &Parts, query: &Query) -> Result<Reply, Error> {
    if parts.method != Method::GET {
        return Err(Error::method_not_allowed());
    }
    let served = server.registry().cluster(cluster);
    let path = parts.uri.path().trim_matches('/');
    let segments: Vec<&str> = path.split('/').collect();
    match segments[..] {
        ["healthz" | "livez" | "readyz", ..] => Ok(text(200, "ok")),
        [".well-known", "openid-configuration"] => Ok(openid::configuration(server, cluster)),
        ["openid", "v1", "jwks"] => openid::keys(server, cluster),
        ["version"] => Ok(json_value(200, &discovery::version())),
        ["api"] => Ok(versions(&served, &parts.headers, true)),
        ["apis"] => Ok(versions(&served, &parts.headers, false)),
        ["api", version] => listed(discovery::resources(&served, "", version)),
        ["apis", group] => listed(discovery::group(&served, group)),
        ["apis", group, version] => listed(discovery::resources(&served, group, version)),
        ["openapi", "v3"] => Ok(document(openapi::index(&served), &parts.headers, JSON)),
        ["openapi", "v3", ..] => openapi_document(&served, &path["openapi/v3/".len()..], parts, query),
        [""] => Ok(json_value(
            200,
            &json!({"paths": ["/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]}),
        )),
        _ => Err(Error::no_such_path()),
    }
}

fn listed(found: Option<serde_json::Value>) -> Result<Reply, Error> {
    found.map(|value| json_value(200, &value)).ok_or_else(Error::no_such_path)
}

fn versions(served: &ClusterResources, headers: &HeaderMap, core: bool) -> Reply {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let aggregated = accept.split(',').find_map(|range| {
        let plain = range.trim() == "application/json";
        if plain { Some(None) } else { Aggregated::of_accept(range).map(Some) }
    });
    let mut reply = match aggregated.flatten() {
        Some(version) => {
            let content_type = HeaderValue::from_static(version.content_type());
            document(discovery::aggregated(served, core, version), headers, content_type)
        }
        None if core => json_value(200, &discovery::core_versions(SERVER_ADDRESS)),
        None => json_value(200, &discovery::groups(served)),
    };
    reply.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    reply
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

fn openapi_document(served: &ClusterResources, path: &str, parts: &Parts, query: &Query) -> Result<Reply, Error> {
    let found = openapi::document(served, path).ok_or_else(Error::no_such_path)?;
    let mut answer = document(found, &parts.headers, JSON);
    let caching = if query.get("hash").is_some() { "public, immutable" } else { "no-cache, private" };
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    Ok(answer)
}
