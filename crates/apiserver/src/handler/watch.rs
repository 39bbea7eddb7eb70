//! Watches: the changes of a collection as a stream of JSON lines.
//! It must not know how objects are written.

use std::borrow::Cow;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::FutureExt;
use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath};
use mainstay_store::{Change, Compacted, Event, Watch};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Error;
use crate::call::Call;
use crate::convert::{parse, served_bytes, to_served};
use crate::filter::Filter;
use crate::handler::read::renderer;
use crate::negotiate::Form;
use crate::respond::{JSON, Reply, encode, reply};
use crate::table::{TableRenderer, partial};

/// How long a watch lasts if the client does not say: upstream's `MinRequestTimeout`.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);
/// Time between bookmarks. kube's watcher gives up after 295 s of silence and upstream sends one a minute.
const BOOKMARK_INTERVAL: Duration = Duration::from_mins(1);
/// The last bookmark comes this long before the server ends the watch, as upstream.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);
/// Events are sent together up to this size: large enough to fill a TLS record, small enough to stay in caches.
const CHUNK_BYTES: usize = 32 << 10;

/// Annotation of the bookmark that ends the initial events of `sendInitialEvents`.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// What a client asks of a watch.
struct Options {
    from: Option<u64>,
    initial: bool,
    /// Whether a bookmark marks the end of the initial events.
    marks_initial: bool,
    bookmarks: bool,
    timeout: Duration,
}

/// A watch being served.
struct Session {
    call: Call,
    filter: Filter,
    form: Rendering,
    watch: Watch,
    initial: Option<Initial>,
    marks_initial: bool,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
    ended: bool,
}

/// The objects there were at the start, as far as they are still to be sent. It holds no state of the store: a client
/// that stops reading would keep it alive.
struct Initial {
    revision: u64,
    /// Namespace and name of the last object sent.
    last: Option<(String, String)>,
}

/// How objects are shown.
enum Rendering {
    Plain,
    PartialMetadata,
    Table { renderer: Box<TableRenderer>, first: bool },
}

/// `GET` with `watch=true`.
pub(crate) fn watch(mut call: Call) -> Result<Reply, Error> {
    let options = Options::parse(&call)?;
    let filter = Filter::of(&call)?;
    let form = Rendering::of(&call)?;
    // A watch of a single object, by the deprecated path, is one of the collection with its name selected.
    let named = call.name.take();
    let snapshot = call.server.snapshot();
    let from = options.from.filter(|from| *from > 0).unwrap_or(snapshot.revision());
    let from = if options.initial { snapshot.revision() } else { from };
    let watch = match call.server.store().watch(&call.kind_key(), call.namespace.as_deref(), from) {
        Ok(watch) => watch,
        Err(compacted) => return Ok(reply(200, JSON, line("ERROR", &too_old(compacted)))),
    };
    let now = Instant::now();
    let session = Session {
        filter: filter.and_name(named),
        form,
        watch,
        initial: options.initial.then(|| Initial { revision: snapshot.revision(), last: None }),
        marks_initial: options.marks_initial,
        bookmarks: options.bookmarks,
        next_bookmark: now + options.timeout.saturating_sub(LAST_BOOKMARK).min(BOOKMARK_INTERVAL),
        deadline: now + options.timeout,
        ended: false,
        call,
    };
    let stream = futures::stream::unfold(session, |mut session| async move {
        session.next_chunk().await.map(|chunk| (Ok::<_, Infallible>(chunk), session))
    });
    Ok(reply(200, JSON, Body::from_stream(stream)))
}

impl Options {
    fn parse(call: &Call) -> Result<Self, Error> {
        let query = &call.query;
        let from = query.get("resourceVersion").map(parse_version).transpose()?;
        let send_initial = query.flag("sendInitialEvents");
        check_initial(send_initial, query.get("resourceVersionMatch"))?;
        let seconds = query.integer("timeoutSeconds")?.and_then(|seconds| u64::try_from(seconds).ok());
        let bookmarks = query.is_on("allowWatchBookmarks");
        Ok(Self {
            initial: send_initial.unwrap_or(from.unwrap_or(0) == 0),
            marks_initial: send_initial == Some(true) && bookmarks,
            bookmarks,
            timeout: seconds.filter(|seconds| *seconds > 0).map_or(DEFAULT_TIMEOUT, Duration::from_secs),
            from,
        })
    }
}

fn parse_version(text: &str) -> Result<u64, Error> {
    text.parse().map_err(|_| {
        let why = format!("strconv.ParseUint: parsing {text:?}: invalid syntax");
        Error::unclassified(format!("resourceVersion: Invalid value: {text:?}: {why}"))
    })
}

/// As `validation.ValidateListOptions` for a watch.
fn check_initial(send_initial: Option<bool>, matching: Option<&str>) -> Result<(), Error> {
    let path = FieldPath::root().child("resourceVersionMatch");
    let forbidden = |why: &str| FieldError::new(FieldErrorKind::Forbidden, path.clone(), Value::Null, why);
    let mut errors = Vec::new();
    match (send_initial, matching) {
        (None, None) | (Some(_), Some("NotOlderThan")) => return Ok(()),
        (None, Some(_)) => {
            errors.push(forbidden("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
        }
        (Some(_), other) => {
            errors.push(forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
            if let Some(other) = other {
                let detail = "supported values: \"NotOlderThan\"";
                errors.push(FieldError::new(FieldErrorKind::NotSupported, path.clone(), Value::from(other), detail));
            }
        }
    }
    Err(Error::invalid_options("ListOptions", &errors))
}

impl Rendering {
    fn of(call: &Call) -> Result<Self, Error> {
        Ok(match call.accepted.form {
            Form::Plain => Self::Plain,
            Form::PartialMetadata { .. } => Self::PartialMetadata,
            Form::Table => Self::Table { renderer: Box::new(renderer(call)?), first: true },
        })
    }
}

impl Session {
    /// The next lines; `None` ends the watch.
    async fn next_chunk(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        if let Some(chunk) = self.initial_chunk() {
            return Some(chunk);
        }
        loop {
            let item = tokio::select! {
                biased;
                item = self.watch.next() => item,
                () = tokio::time::sleep_until(self.deadline) => return None,
                () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks => {
                    self.next_bookmark = self.bookmark_after_now();
                    return Some(self.bookmark(false));
                }
            };
            let mut chunk = Vec::new();
            self.add(item, &mut chunk);
            while !self.ended && chunk.len() < CHUNK_BYTES {
                let Some(item) = self.watch.next().now_or_never() else { break };
                self.add(item, &mut chunk);
            }
            if !chunk.is_empty() {
                return Some(chunk.into());
            }
        }
    }

    fn bookmark_after_now(&self) -> Instant {
        let last = self.deadline - LAST_BOOKMARK;
        let next = Instant::now() + BOOKMARK_INTERVAL;
        if Instant::now() < last { next.min(last) } else { self.deadline + BOOKMARK_INTERVAL }
    }

    fn add(&mut self, item: Result<std::sync::Arc<Event>, Compacted>, chunk: &mut Vec<u8>) {
        match item {
            Ok(event) => self.add_event(&event, chunk),
            Err(compacted) => {
                chunk.extend_from_slice(&line("ERROR", &too_old(compacted)));
                self.ended = true;
            }
        }
    }

    /// Takes a definition's change into account; the watch ends when its version is no longer served.
    fn follow_definition(&mut self) {
        let resource = &self.call.resource;
        if resource.custom.is_none() {
            return;
        }
        let registry = self.call.server.registry();
        match registry.resolve(&self.call.cluster, &resource.group, &resource.version, &resource.plural) {
            None => self.ended = true,
            Some(now) if std::sync::Arc::ptr_eq(&now, resource) => {}
            Some(now) => {
                self.call.resource = now;
                // The columns may be others now; of a resource that is served this cannot fail.
                if let (Rendering::Table { .. }, Ok(form)) = (&self.form, Rendering::of(&self.call)) {
                    self.form = form;
                }
            }
        }
    }

    fn add_event(&mut self, event: &Event, chunk: &mut Vec<u8>) {
        self.follow_definition();
        let resource = self.call.resource.clone();
        let matches = |bytes: &Bytes| self.filter.matches(&resource, &event.key, bytes);
        let was = event.previous.as_ref().is_some_and(|record| matches(&record.bytes));
        let is = event.change == Change::Put && matches(&event.object);
        let (kind, object) = match (was, is) {
            (false, true) => ("ADDED", event.object.clone()),
            (true, true) => ("MODIFIED", event.object.clone()),
            (true, false) => ("DELETED", last_seen(event)),
            (false, false) => return,
        };
        let written = event.previous.as_ref().filter(|_| !is).map_or(event.revision, |previous| previous.revision);
        self.add_object(kind, (&object, written), chunk);
    }

    /// Adds an object with the revision it was written at.
    fn add_object(&mut self, kind: &str, (stored, written): (&Bytes, u64), chunk: &mut Vec<u8>) {
        let resource = &self.call.resource;
        let now = self.call.server.clock().now();
        let shown = match &mut self.form {
            Rendering::Plain => served_bytes(resource, stored, written),
            Rendering::PartialMetadata => Cow::Owned(encode(&partial(&to_served(resource, parse(stored))))),
            Rendering::Table { renderer, first } => {
                let first = std::mem::take(first);
                Cow::Owned(encode(&renderer.event(&to_served(resource, parse(stored)), first, now)))
            }
        };
        add_line(chunk, kind, &shown);
    }

    /// The next part of what was there at the start.
    fn initial_chunk(&mut self) -> Option<Bytes> {
        let Initial { revision, mut last } = self.initial.take()?;
        let kind = self.call.kind_key();
        let snapshot = match self.call.server.snapshot().rewind(&kind, revision) {
            Ok(snapshot) => snapshot,
            Err(compacted) => {
                self.ended = true;
                return Some(line("ERROR", &too_old(compacted)));
            }
        };
        let mut chunk = Vec::new();
        let mut complete = true;
        let after = last.clone();
        let after = after.as_ref().map(|(namespace, name)| (namespace.as_str(), name.as_str()));
        let namespace = self.call.namespace.clone();
        for record in snapshot.list_after(&kind, namespace.as_deref(), after) {
            if chunk.len() >= CHUNK_BYTES {
                complete = false;
                break;
            }
            if self.filter.matches(&self.call.resource, &record.key, &record.bytes) {
                self.add_object("ADDED", (&record.bytes, record.revision), &mut chunk);
            }
            last = Some((record.key.namespace.to_string(), record.key.name.to_string()));
        }
        if !complete {
            self.initial = Some(Initial { revision, last });
        } else if self.marks_initial {
            chunk.extend_from_slice(&self.bookmark(true));
        }
        (!chunk.is_empty()).then(|| chunk.into())
    }

    fn bookmark(&mut self, ends_initial: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": self.watch.progress().to_string()});
        if ends_initial {
            metadata["annotations"] = json!({INITIAL_EVENTS_END: "true"});
        }
        let resource = &self.call.resource;
        let object = json!({"kind": &*resource.kind, "apiVersion": resource.api_version(), "metadata": metadata});
        let now = self.call.server.clock().now();
        let shown = match &self.form {
            Rendering::Plain => object,
            Rendering::PartialMetadata => partial(&object),
            Rendering::Table { renderer, .. } => renderer.event(&object, false, now),
        };
        line("BOOKMARK", &encode(&shown))
    }
}

/// The last state that was in the selection, with the revision of the write that took it out.
fn last_seen(event: &Event) -> Bytes {
    let Some(previous) = event.previous.as_ref().filter(|_| event.change == Change::Put) else {
        return event.object.clone();
    };
    let mut object = parse(&previous.bytes);
    object["metadata"]["resourceVersion"] = Value::from(event.revision.to_string());
    encode(&object)
}

fn too_old(compacted: Compacted) -> Bytes {
    encode(&Error::expired(compacted.to_string()).status())
}

fn line(kind: &str, object: &[u8]) -> Bytes {
    let mut line = Vec::with_capacity(object.len() + 32);
    add_line(&mut line, kind, object);
    Bytes::from(line)
}

/// The object's bytes are those that were encoded when it was written: one encoding serves all who watch.
fn add_line(chunk: &mut Vec<u8>, kind: &str, object: &[u8]) {
    chunk.extend_from_slice(b"{\"type\":\"");
    chunk.extend_from_slice(kind.as_bytes());
    chunk.extend_from_slice(b"\",\"object\":");
    chunk.extend_from_slice(object);
    chunk.extend_from_slice(b"}\n");
}
