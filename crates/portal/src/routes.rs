//! Addresses and what they answer.
//! It must not render or read by itself.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use mainstay_telemetry::chain;
use maud::Markup;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::live::{self, Follow};
use crate::view::application::View;
use crate::view::format::query as query_string;
use crate::view::page::{self, Page};
use crate::view::{list, object};
use crate::{Error, PortalContext, assets, gather, security};

/// Live pages at a time; each holds some watches.
const LIVE_LIMIT: usize = 256;

#[derive(Clone)]
struct Portal {
    context: PortalContext,
    live: Arc<Semaphore>,
}

/// The portal's routes, to be served at the root.
pub fn router(context: PortalContext) -> Router {
    let portal = Portal { context, live: Arc::new(Semaphore::new(LIVE_LIMIT)) };
    Router::new()
        .route("/", get(list_page))
        .route("/events", get(list_events))
        .route("/list", get(list_part))
        .route("/applications/{namespace}/{name}", get(application_page))
        .route("/applications/{namespace}/{name}/events", get(application_events))
        .route("/applications/{namespace}/{name}/object", get(object_part))
        .route("/assets/{file}", get(asset))
        .fallback(nothing)
        .layer(axum::middleware::map_response(security::harden))
        .with_state(portal)
}

/// What of the list is shown.
#[derive(Debug, Default, Deserialize)]
struct ListQuery {
    #[serde(default)]
    q: String,
}

/// What of an application is shown.
#[derive(Debug, Default, Deserialize)]
struct ObjectQuery {
    #[serde(default)]
    node: String,
    managed: Option<String>,
}

impl ObjectQuery {
    fn managed(&self) -> bool {
        self.managed.as_deref() == Some("1")
    }
}

async fn list_page(State(portal): State<Portal>, Query(query): Query<ListQuery>) -> Response {
    render(async {
        let list = live::read_list(&portal.context, &query.q).await?;
        let events = format!("/events?{}", query_string(&[("q", &query.q)]));
        Ok(page::page(Page { title: "Applications", events: &events, body: list::body(&list) }))
    })
    .await
}

async fn list_part(State(portal): State<Portal>, Query(query): Query<ListQuery>) -> Response {
    render(async { Ok(list::applications(&live::read_list(&portal.context, &query.q).await?)) }).await
}

async fn application_page(
    State(portal): State<Portal>,
    Path((namespace, name)): Path<(String, String)>,
    Query(query): Query<ObjectQuery>,
) -> Response {
    render(async {
        let world = gather::application(&portal.context, &namespace, &name).await?;
        let view = View::new(&world, &query.node, query.managed(), portal.context.clock.now());
        let managed = if query.managed() { "1" } else { "" };
        let query = query_string(&[("node", &query.node), ("managed", managed)]);
        let events = format!("{}/events?{query}", view.address(""));
        Ok(page::page(Page { title: &name, events: &events, body: view.body() }))
    })
    .await
}

async fn object_part(
    State(portal): State<Portal>,
    Path((namespace, name)): Path<(String, String)>,
    Query(query): Query<ObjectQuery>,
) -> Response {
    render(async {
        let world = gather::application(&portal.context, &namespace, &name).await?;
        let view = View::new(&world, &query.node, query.managed(), portal.context.clock.now());
        Ok(object::section(&view))
    })
    .await
}

async fn list_events(State(portal): State<Portal>, Query(query): Query<ListQuery>) -> Response {
    follow(&portal, Follow::List { filter: query.q })
}

async fn application_events(
    State(portal): State<Portal>,
    Path((namespace, name)): Path<(String, String)>,
    Query(query): Query<ObjectQuery>,
) -> Response {
    let managed = query.managed();
    follow(&portal, Follow::Application { namespace, name, selected: query.node, managed })
}

fn follow(portal: &Portal, what: Follow) -> Response {
    let Ok(slot) = portal.live.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many live pages are open; close some\n").into_response();
    };
    let events = live::follow(portal.context.clone(), what, slot);
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

async fn asset(Path(file): Path<String>) -> Response {
    assets::respond(&file).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

async fn nothing() -> Response {
    let page = page::problem("There is no such page", "The address is wrong, or what it showed is gone.");
    (StatusCode::NOT_FOUND, Html(page.into_string())).into_response()
}

async fn render(page: impl Future<Output = Result<Markup, Error>>) -> Response {
    match page.await {
        Ok(markup) => Html(markup.into_string()).into_response(),
        Err(error) => {
            let (status, title) = match &error {
                Error::NoApplication { .. } => (StatusCode::NOT_FOUND, "There is no such application"),
                _ => (StatusCode::BAD_GATEWAY, "The clusters do not answer"),
            };
            (status, Html(page::problem(title, &chain(&error)).into_string())).into_response()
        }
    }
}
