//! The audit log: who asked for what, whether they might, and how it ended. A request waits only when the writer is a
//! whole queue behind, so that nothing is lost; what cannot be written is said in the server's own log.
//! It must not know what requests do.

mod event;
mod policy;

use std::io::{BufWriter, Write};
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;
use http::header::USER_AGENT;
use http::request::Parts;
use http_body_util::BodyExt;
use mainstay_controller_runtime::Clock;
use tokio::sync::{mpsc, oneshot};

use crate::authz::{Attributes, Decision};
use crate::identity::Identity;
use crate::respond::Reply;
use crate::server::ApiServer;
use event::{Event, Known};
use policy::Stage;
pub use policy::{Level, Policy, PolicyError};

/// Events that wait for the writer: at a thousand requests a second, four seconds of a disk that does nothing.
const QUEUE: usize = 4096;

/// Where a request came from; travels in its extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

enum Message {
    Event(Box<Event>),
    /// Answered once everything before it is written.
    Flush(oneshot::Sender<()>),
}

/// A running audit log. Clones share it; it ends with the last.
#[derive(Clone)]
pub struct Audit {
    policy: Arc<Policy>,
    queue: mpsc::Sender<Message>,
}

impl Audit {
    /// Starts a log into `sink`, a line of JSON for each event.
    ///
    /// # Errors
    /// When its thread cannot be started.
    pub fn start(policy: Policy, sink: Box<dyn Write + Send>) -> std::io::Result<Self> {
        let (queue, receiver) = mpsc::channel(QUEUE);
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || write_all(receiver, sink))?;
        Ok(Self { policy: Arc::new(policy), queue })
    }

    /// Waits until all events so far are written, or could not be.
    pub async fn flush(&self) {
        let (sender, written) = oneshot::channel();
        if self.queue.send(Message::Flush(sender)).await.is_ok() {
            // The writer only goes when its queue does, which this handle holds.
            let _ = written.await;
        }
    }

    async fn send(&self, event: Event) {
        if self.queue.send(Message::Event(Box::new(event))).await.is_err() {
            tracing::error!("an audit event is lost: the audit log has stopped");
        }
    }
}

/// The writer's thread.
fn write_all(mut queue: mpsc::Receiver<Message>, sink: Box<dyn Write + Send>) {
    let mut sink = BufWriter::new(sink);
    let mut lost = 0_u64;
    while let Some(message) = queue.blocking_recv() {
        let written = match message {
            Message::Event(event) => line(&mut sink, &event),
            Message::Flush(done) => {
                let flushed = sink.flush();
                // Who asked may be gone.
                let _ = done.send(());
                flushed
            }
        };
        let flushed = written.and_then(|()| if queue.is_empty() { sink.flush() } else { Ok(()) });
        if let Err(error) = flushed {
            lost += 1;
            tracing::error!(%error, lost, "failed to write to the audit log");
        }
    }
    if let Err(error) = sink.flush() {
        tracing::error!(%error, "failed to write the end of the audit log");
    }
}

fn line(sink: &mut impl Write, event: &Event) -> std::io::Result<()> {
    serde_json::to_writer(&mut *sink, &event.to_json())?;
    sink.write_all(b"\n")
}

/// What is being found out about one request.
pub(crate) struct Draft {
    audit: Audit,
    clock: Clock,
    known: Known,
}

impl Draft {
    /// Begins with what came in; `None` if nothing is recorded at all.
    pub(crate) fn begin(server: &ApiServer, identity: &Arc<Identity>, parts: &Parts) -> Option<Self> {
        let audit = server.options().audit.clone()?;
        let agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let known = Known {
            id: server.options().ids.uid(),
            received: server.clock().now(),
            uri: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            verb: parts.method.as_str().to_ascii_lowercase(),
            user: identity.clone(),
            peer: parts.extensions.get::<Peer>().map(|peer| peer.0),
            agent: agent.to_owned(),
            ..Known::default()
        };
        Some(Self { audit, clock: server.clock().clone(), known })
    }

    /// What is asked for; decides how much is recorded.
    pub(crate) async fn asks(&mut self, attributes: &Attributes<'_>, version: &str) {
        self.known.chosen = self.audit.policy.choose(&self.known.user, attributes);
        attributes.verb.clone_into(&mut self.known.verb);
        if attributes.on_resource {
            self.known.object = vec![
                ("resource", attributes.resource.to_owned()),
                ("namespace", attributes.namespace.to_owned()),
                ("name", attributes.name.to_owned()),
                ("apiGroup", attributes.group.to_owned()),
                ("apiVersion", version.to_owned()),
                ("subresource", attributes.subresource.to_owned()),
            ];
        }
        self.record(Stage::RequestReceived, None, Bytes::new()).await;
    }

    /// As whom it is done, and whether it may be.
    pub(crate) fn decided(&mut self, acting: &Arc<Identity>, decision: Decision) {
        self.known.acting = Some(acting.clone()).filter(|acting| *acting != self.known.user);
        self.known.decision = Some(decision);
    }

    /// What was sent.
    pub(crate) fn sent(&mut self, body: &Bytes) {
        if self.known.chosen.level >= Level::Request {
            self.known.sent = body.clone();
        }
    }

    /// Nobody is known by what was shown.
    pub(crate) async fn refused(mut self, reply: Reply) -> Reply {
        self.known.chosen = self.audit.policy.choose(&self.known.user, &Attributes::default());
        self.answered(reply).await
    }

    /// Records how it ended; of a watch, that it has begun, and later its end.
    pub(crate) async fn answered(self, reply: Reply) -> Reply {
        if self.known.chosen.level == Level::None {
            return reply;
        }
        let code = Some(reply.status().as_u16());
        if self.known.verb == "watch" && reply.status().is_success() {
            self.record(Stage::ResponseStarted, code, Bytes::new()).await;
            let end = End { draft: Some(self), code };
            let (parts, body) = reply.into_parts();
            // The end comes when the stream is dropped, whoever ends it.
            let events = body.into_data_stream().map(move |event| {
                let _ = &end;
                event
            });
            return Reply::from_parts(parts, Body::from_stream(events));
        }
        let (reply, answered) = self.body_of(reply).await;
        self.record(Stage::ResponseComplete, code, answered).await;
        reply
    }

    /// The body, where it is recorded.
    async fn body_of(&self, reply: Reply) -> (Reply, Bytes) {
        if self.known.chosen.level < Level::RequestResponse {
            return (reply, Bytes::new());
        }
        let (parts, body) = reply.into_parts();
        // Answers but watches are whole in memory.
        let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        (Reply::from_parts(parts, Body::from(bytes.clone())), bytes)
    }

    async fn record(&self, stage: Stage, code: Option<u16>, answered: Bytes) {
        if let Some(event) = self.event(stage, code, answered) {
            self.audit.send(event).await;
        }
    }

    fn event(&self, stage: Stage, code: Option<u16>, answered: Bytes) -> Option<Event> {
        let chosen = &self.known.chosen;
        let wanted = chosen.level != Level::None && !chosen.omit_stages.contains(&stage);
        wanted.then(|| Event { known: Arc::new(self.known.clone()), stage, at: self.clock.now(), code, answered })
    }
}

/// Records the end of a watch when it is dropped.
struct End {
    draft: Option<Draft>,
    code: Option<u16>,
}

impl Drop for End {
    fn drop(&mut self) {
        let Some(draft) = self.draft.take() else { return };
        let Some(event) = draft.event(Stage::ResponseComplete, self.code, Bytes::new()) else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move { draft.audit.send(event).await })),
            Err(_) => tracing::error!("an audit event is lost: a watch ended after everything else"),
        }
    }
}
