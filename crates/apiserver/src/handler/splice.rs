//! Lists as they are sent: a head, and the objects' bytes as they are stored, never parsed. A large list is put
//! together piece by piece while it is sent, so that it takes no more memory than the objects do.
//! It must not know how objects are chosen.

use std::convert::Infallible;
use std::iter::once;
use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::stream;
use mainstay_store::Record;
use serde_json::{Map, Value};

use crate::call::Call;
use crate::convert::served_bytes;
use crate::registry::Resource;
use crate::respond::{JSON, Reply, json_bytes, reply};

/// Bytes of a piece: with what HTTP puts around it, it fills three TLS records of 16 KiB, and it stays in a processor's
/// cache until it is encrypted.
const PIECE: usize = (48 << 10) - 32;
/// Most objects are smaller.
const SMALL: usize = 4 << 10;

/// What is still to be sent of a list.
struct Rest {
    resource: Arc<Resource>,
    objects: std::vec::IntoIter<Arc<Record>>,
    /// Where pieces are made. Its room is used again for each one once the one before is sent.
    buffer: BytesMut,
    ended: bool,
}

/// The list with the objects' bytes.
pub(super) fn list(call: &Call, records: Vec<Arc<Record>>, metadata: &Value) -> Reply {
    let (resource, objects) = (call.resource.clone(), records.into_iter());
    let mut rest = Rest { resource, objects, buffer: BytesMut::from(&*head(call, metadata)), ended: false };
    let first = rest.piece();
    if rest.ended {
        return json_bytes(200, first);
    }
    let pieces = once(first).chain(rest);
    reply(200, JSON, Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>))))
}

/// Everything before the first object.
fn head(call: &Call, metadata: &Value) -> Vec<u8> {
    let mut head = Map::new();
    head.insert("apiVersion".to_owned(), Value::from(call.resource.api_version()));
    head.insert("kind".to_owned(), Value::from(&*call.resource.list_kind));
    head.insert("metadata".to_owned(), metadata.clone());
    let mut head = Value::Object(head).to_string().into_bytes();
    // The brace that closes it comes after the objects.
    head.pop();
    head.extend_from_slice(b",\"items\":[");
    head
}

impl Rest {
    /// The next [`PIECE`] bytes; all the rest, if that is less.
    fn piece(&mut self) -> Bytes {
        if self.buffer.len() < PIECE {
            let room = self.objects.len().saturating_mul(SMALL).min(PIECE + SMALL);
            self.buffer.reserve(room.saturating_sub(self.buffer.len()));
        }
        while self.buffer.len() < PIECE {
            let Some(record) = self.objects.next() else {
                self.buffer.extend_from_slice(b"]}");
                self.ended = true;
                return self.buffer.split().freeze();
            };
            self.buffer.extend_from_slice(&served_bytes(&self.resource, &record.bytes, record.revision));
            if self.objects.len() > 0 {
                self.buffer.extend_from_slice(b",");
            }
        }
        self.buffer.split_to(PIECE).freeze()
    }
}

impl Iterator for Rest {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        (!self.ended).then(|| self.piece())
    }
}
