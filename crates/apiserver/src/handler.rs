//! From an HTTP request to the function that answers it.
//! It must not know what the functions do.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::Error;
use crate::call::Call;
use crate::identity::{Attributes, Identity};
use crate::registry::Resource;
use crate::respond::{Reply, refusal};
use crate::route::{Query, ResourcePath};
use crate::server::ApiServer;

mod actions;
mod create;
mod delete;
mod list;
mod patch;
mod read;
mod root;
mod update;
mod watch;

/// Largest request body: upstream's `MaxRequestBodyBytes`.
pub(crate) const MAX_BODY_BYTES: usize = 3 << 20;

/// Time a client has for sending a body: upstream's time for a whole request that is no watch.
const BODY_TIMEOUT: Duration = Duration::from_mins(1);

/// Answers a request of a known identity on a cluster; the path has no cluster prefix.
pub(crate) async fn serve(
    server: &ApiServer,
    cluster: Arc<str>,
    identity: Arc<Identity>,
    request: Request<Body>,
) -> Reply {
    server.count_call();
    answer(server, cluster, identity, request).await.unwrap_or_else(|error| refusal(&error))
}

async fn answer(
    server: &ApiServer,
    cluster: Arc<str>,
    identity: Arc<Identity>,
    request: Request<Body>,
) -> Result<Reply, Error> {
    let (parts, body) = request.into_parts();
    let query = Query::parse(parts.uri.query().unwrap_or_default())?;
    let Some(path) = ResourcePath::parse(parts.uri.path()) else {
        let attributes = attributes(&cluster, root_verb(&parts.method), parts.uri.path(), None);
        authorize(server, &identity, &attributes)?;
        return root::serve(server, &cluster, &parts, &query);
    };
    let verb = verb(&parts.method, &path, &query).ok_or_else(Error::method_not_allowed)?;
    authorize(server, &identity, &attributes(&cluster, verb, parts.uri.path(), Some(&path)))?;
    let call = Call::resolve(server, (cluster, identity), path, (query, &parts.headers))?;
    if !serves(&call, verb) {
        return Err(Error::method_not_allowed());
    }
    let body = collect(body).await?;
    dispatch(call, verb, body).await
}

async fn dispatch(call: Call, verb: &str, body: Bytes) -> Result<Reply, Error> {
    match verb {
        "get" => read::get(&call),
        "list" => list::list(&call),
        "watch" => watch::watch(call),
        "create" => create::create(&call, body).await,
        "update" => update::update(&call, &body).await,
        "patch" => patch::patch(&call, &body).await,
        "delete" => delete::delete(&call, &body).await,
        "deletecollection" => delete::delete_collection(&call, &body).await,
        _ => Err(Error::method_not_allowed()),
    }
}

fn verb(method: &Method, path: &ResourcePath, query: &Query) -> Option<&'static str> {
    let named = path.name.is_some();
    Some(match *method {
        Method::GET if path.watch => "watch",
        Method::GET if named => "get",
        Method::GET if query.is_on("watch") => "watch",
        Method::GET => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if named => "delete",
        Method::DELETE => "deletecollection",
        _ => return None,
    })
}

fn root_verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "options",
    }
}

/// Whether the resource, or the subresource, serves this verb at this place.
fn serves(call: &Call, verb: &str) -> bool {
    let resource = &call.resource;
    if let Some(subresource) = call.subresource.as_deref().and_then(|name| resource.subresource(name)) {
        return subresource.verbs.iter().any(|served| served == verb);
    }
    let named_create = verb == "create" && call.name.is_some();
    let whole_collection = matches!(verb, "create" | "deletecollection") && lacks_namespace(call, resource);
    let unnamed_write = matches!(verb, "update" | "patch") && call.name.is_none();
    resource.allows(verb) && !named_create && !whole_collection && !unnamed_write
}

fn lacks_namespace(call: &Call, resource: &Resource) -> bool {
    resource.namespaced && call.namespace.is_none()
}

fn attributes<'a>(
    cluster: &'a str,
    verb: &'a str,
    path: &'a str,
    resource: Option<&'a ResourcePath>,
) -> Attributes<'a> {
    let text = |field: fn(&ResourcePath) -> &str| resource.map_or("", field);
    Attributes {
        cluster,
        verb,
        path,
        group: text(|found| &found.group),
        resource: text(|found| &found.plural),
        subresource: text(|found| found.subresource.as_deref().unwrap_or_default()),
        namespace: text(|found| found.namespace.as_deref().unwrap_or_default()),
        name: text(|found| found.name.as_deref().unwrap_or_default()),
    }
}

fn authorize(server: &ApiServer, identity: &Identity, attributes: &Attributes<'_>) -> Result<(), Error> {
    if server.options().authorizer.allows(identity, attributes) {
        return Ok(());
    }
    Err(Error::not_allowed(&identity.user, attributes))
}

async fn collect(body: Body) -> Result<Bytes, Error> {
    let reading = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect());
    match reading.await.map_err(|_| Error::too_slow())? {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::too_large(MAX_BODY_BYTES)),
        Err(error) => Err(Error::bad_request(format!("failed to read the request body: {error}"))),
    }
}
