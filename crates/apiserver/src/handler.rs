//! From an HTTP request to the function that answers it.
//! It must not know what the functions do.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request};

use crate::Error;
use crate::audit::Draft;
use crate::authn::impersonation;
use crate::authz::Attributes;
use crate::call::Call;
use crate::crd;
use crate::identity::Identity;
use crate::limits::collect;
use crate::registry::Resource;
use crate::respond::{Reply, refusal, warn_first};
use crate::route::{Query, ResourcePath};
use crate::server::ApiServer;

mod actions;
mod binding;
mod create;
mod credentials;
mod delete;
mod eviction;
pub(crate) mod health;
mod list;
mod patch;
mod pods;
mod read;
mod reviews;
mod root;
mod snapshot;
mod splice;
mod update;
mod watch;

pub(crate) use delete::delete_object;

/// Answers a request of a known identity on a cluster; the path has no cluster prefix.
pub(crate) async fn serve(
    server: &ApiServer,
    cluster: Arc<str>,
    identity: Arc<Identity>,
    request: Request<Body>,
) -> Reply {
    server.count_call();
    let (parts, body) = request.into_parts();
    let mut draft = Draft::begin(server, &identity, &parts);
    let answer = answer(server, (cluster, identity), (parts, body), draft.as_mut()).await;
    let reply = answer.unwrap_or_else(|error| refusal(&error));
    match draft {
        Some(draft) => draft.answered(reply).await,
        None => reply,
    }
}

async fn answer(
    server: &ApiServer,
    (cluster, identity): (Arc<str>, Arc<Identity>),
    (parts, body): (Parts, Body),
    mut draft: Option<&mut Draft>,
) -> Result<Reply, Error> {
    let query = Query::parse(parts.uri.query().unwrap_or_default())?;
    let Some(path) = ResourcePath::parse(parts.uri.path()) else {
        let (verb, path) = (root_verb(&parts.method), parts.uri.path());
        let attributes = Attributes { cluster: &cluster, verb, path, ..Attributes::default() };
        let identity = admit(server, identity, (&parts, &attributes, ""), draft).await?;
        if path == snapshot::PATH {
            return snapshot::serve(server, &identity, &attributes);
        }
        return root::serve(server, &cluster, &parts, &query);
    };
    let verb = verb(&parts.method, &path, &query).ok_or_else(Error::method_not_allowed)?;
    let attributes = attributes(&cluster, verb, &path, &query);
    let identity = admit(server, identity, (&parts, &attributes, &path.version), draft.as_deref_mut()).await?;
    let call = Call::resolve(server, (cluster, identity), path, (query, &parts.headers))?;
    if !serves(&call, verb) {
        return Err(call.not_served(verb));
    }
    let deprecation = call.resource.custom.as_ref().and_then(|custom| custom.deprecation.clone());
    let body = collect(body).await?;
    draft.into_iter().for_each(|draft| draft.sent(&body));
    let answered = run(call, verb, body).await;
    let Some(warning) = deprecation else { return answered };
    let mut reply = answered.unwrap_or_else(|error| refusal(&error));
    warn_first(&mut reply, &warning);
    Ok(reply)
}

/// Answers the call; after a write of a definition, what follows from it is there before the answer.
async fn run(call: Call, verb: &str, body: Bytes) -> Result<Reply, Error> {
    let writes = !matches!(verb, "get" | "list" | "watch");
    let settles = (writes && crd::is_definition(&call.resource)).then(|| (call.server.clone(), call.cluster.clone()));
    let reply = dispatch(call, verb, body).await?;
    if let Some((server, cluster)) = settles.filter(|_| reply.status().is_success()) {
        crd::settle_all(&server, &cluster).await?;
    }
    Ok(reply)
}

/// Lets a request go on as the identity it acts as, or says why not.
async fn admit(
    server: &ApiServer,
    identity: Arc<Identity>,
    (parts, attributes, version): (&Parts, &Attributes<'_>, &str),
    draft: Option<&mut Draft>,
) -> Result<Arc<Identity>, Error> {
    let Some(draft) = draft else {
        let identity = impersonation::acting(server, identity, &parts.headers, attributes)?;
        return server.authorize(&identity, attributes).map(|()| identity);
    };
    draft.asks(attributes, version).await;
    let identity = impersonation::acting(server, identity, &parts.headers, attributes)?;
    let decision = server.decide(&identity, attributes);
    draft.decided(&identity, decision.clone());
    if decision.allowed { Ok(identity) } else { Err(Error::not_allowed(&identity.user, attributes, &decision.reason)) }
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

fn attributes<'a>(cluster: &'a str, verb: &'a str, path: &'a ResourcePath, query: &'a Query) -> Attributes<'a> {
    let name = path.name.as_deref().or_else(|| chosen_name(verb, query)).unwrap_or_default();
    // A namespace is in itself, so that who may do something in it may do it to it.
    let own = Some(name).filter(|_| path.plural == "namespaces" && path.group.is_empty());
    Attributes {
        cluster,
        verb,
        on_resource: true,
        group: &path.group,
        resource: &path.plural,
        subresource: path.subresource.as_deref().unwrap_or_default(),
        namespace: path.namespace.as_deref().or(own).unwrap_or_default(),
        name,
        path: "",
    }
}

/// The one name that a list or a watch is limited to by a field selector, as `RequestInfoFactory` finds it.
fn chosen_name<'a>(verb: &str, query: &'a Query) -> Option<&'a str> {
    let selector = query.get("fieldSelector").filter(|_| matches!(verb, "list" | "watch"))?;
    let value = selector.split(',').find_map(|part| part.strip_prefix("metadata.name="))?;
    Some(value.trim_start_matches('=')).filter(|name| !name.is_empty() && !name.contains('\\'))
}
