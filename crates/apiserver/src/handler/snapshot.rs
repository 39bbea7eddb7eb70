//! `GET /mainstay/v1/snapshot`: everything in the store at one revision, as a stream that `mainstay store restore` reads.
//! It must not know how a snapshot is written.

use std::io::{self, BufWriter, Write};

use axum::body::Body;
use bytes::Bytes;
use http::header::HeaderValue;
use tokio::sync::mpsc;

use crate::Error;
use crate::authz::Attributes;
use crate::identity::Identity;
use crate::respond::{Reply, reply};
use crate::server::{ApiServer, DEFAULT_CLUSTER};

/// The path, in the control-plane cluster only: the snapshot is of all clusters.
pub(crate) const PATH: &str = "/mainstay/v1/snapshot";

/// Bytes of one piece of the answer, and pieces that wait for a slow reader.
const PIECE_BYTES: usize = 64 << 10;
const PIECES: usize = 4;

pub(crate) fn serve(server: &ApiServer, identity: &Identity, attributes: &Attributes<'_>) -> Result<Reply, Error> {
    if attributes.cluster != DEFAULT_CLUSTER || attributes.verb != "get" {
        return Err(Error::no_such_path());
    }
    // Everything of every cluster, secrets included, whatever the rules of this one allow.
    if !identity.is_master() {
        return Err(Error::not_allowed(&identity.user, attributes, ""));
    }
    let (sender, mut receiver) = mpsc::channel(PIECES);
    let snapshot = server.snapshot();
    tokio::task::spawn_blocking(move || {
        let mut writer = BufWriter::with_capacity(PIECE_BYTES, Pieces(sender));
        // The reader went away, or sees that the end is missing.
        if let Err(error) = snapshot.write_to(&mut writer) {
            tracing::info!(%error, "a snapshot was not read to its end");
        }
    });
    let body = Body::from_stream(futures::stream::poll_fn(move |context| receiver.poll_recv(context)));
    Ok(reply(200, HeaderValue::from_static("application/octet-stream"), body))
}

/// Hands on what is written to it.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
