//! Lists as they are sent: a head, and the objects' bytes as they are stored, never parsed. A large list is put
//! together piece by piece while it is sent, so that it takes no more memory than the objects do.
//! It must not know how objects are chosen.

use std::convert::Infallible;
use std::iter::once;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use mainstay_store::Record;
use serde_json::{Map, Value};

use crate::call::Call;
use crate::convert::served_bytes;
use crate::registry::Resource;
use crate::respond::{JSON, Reply, json_bytes, reply};

/// Bytes of a piece: several TLS records, and still within a processor's cache.
const PIECE: usize = 64 << 10;

/// What is still to be sent of a list.
struct Rest {
    resource: Arc<Resource>,
    objects: std::vec::IntoIter<Arc<Record>>,
    /// Starts the next piece.
    start: Vec<u8>,
    ended: bool,
}

/// The list with the objects' bytes.
pub(super) fn list(call: &Call, records: Vec<Arc<Record>>, metadata: &Value) -> Reply {
    let (resource, objects, start) = (call.resource.clone(), records.into_iter(), head(call, metadata));
    let mut rest = Rest { resource, objects, start, ended: false };
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
    fn piece(&mut self) -> Bytes {
        let mut piece = std::mem::take(&mut self.start);
        // An object more than the piece needs mostly fits without another allocation.
        piece.reserve(self.objects.len().saturating_mul(PIECE).min(PIECE + PIECE / 8));
        while piece.len() < PIECE {
            let Some(record) = self.objects.next() else {
                piece.extend_from_slice(b"]}");
                self.ended = true;
                break;
            };
            piece.extend_from_slice(&served_bytes(&self.resource, &record.bytes, record.revision));
            if self.objects.len() > 0 {
                piece.push(b',');
            }
        }
        Bytes::from(piece)
    }
}

impl Iterator for Rest {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        (!self.ended).then(|| self.piece())
    }
}
