//! Lists: consistent, selected, in pages.
//! It must not know how objects are written.

use std::sync::Arc;

use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, URL_SAFE_NO_PAD};
use base64::{DecodeError, Engine, alphabet};
use mainstay_apimachinery::json::syntax_error;
use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath};
use mainstay_store::{Compacted, ObjectKey, Record, Snapshot};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Error;
use crate::call::Call;
use crate::filter::Filter;
use crate::handler::read::{encode_reply, renderer, served};
use crate::handler::splice;
use crate::negotiate::Form;
use crate::respond::Reply;
use crate::table::partial;

/// As Go reads base64: bits beyond the last byte may be anything.
const LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// What a continue token says; the format is upstream's `storage.EncodeContinue`.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Token {
    #[serde(rename = "v")]
    version: String,
    /// Revision of the list; -1 goes on at whatever is there now.
    rv: i64,
    /// `namespace/name` of the last object, and a NUL.
    start: String,
}

const TOKEN_VERSION: &str = "meta.k8s.io/v1";

/// One page of a list.
struct Page {
    records: Vec<Arc<Record>>,
    /// Objects left after this page; `None` where it is the last one.
    remaining: Option<usize>,
    revision: u64,
}

/// `GET` of a collection.
pub(crate) fn list(call: &Call) -> Result<Reply, Error> {
    let filter = Filter::of(call)?;
    let page = page(call, &filter)?;
    let mut metadata = json!({"resourceVersion": page.revision.to_string()});
    if let (Some(remaining), Some(last)) = (page.remaining, page.records.last()) {
        metadata["continue"] = Value::from(token(page.revision, &last.key));
        if filter.is_everything() {
            metadata["remainingItemCount"] = Value::from(remaining);
        }
    }
    render(call, page.records, metadata)
}

fn page(call: &Call, filter: &Filter) -> Result<Page, Error> {
    let token = call.query.get("continue").map(parse_token).transpose()?;
    let snapshot = snapshot(call, token.as_ref())?;
    let start = token.as_ref().map(start_of);
    let start = start.as_ref().map(|(namespace, name)| (namespace.as_str(), name.as_str()));
    let kind = call.kind_key();
    let listed = snapshot.list_after(&kind, call.namespace.as_deref(), start);
    let mut chosen = listed.filter(|record| filter.matches(&call.resource, &record.key, &record.bytes));
    // As upstream's watch cache, which answers "any state" with all there is.
    let any = call.query.get("resourceVersion") == Some("0") && token.is_none();
    let limit = call
        .query
        .integer("limit")?
        .filter(|_| !any)
        .filter(|limit| *limit > 0)
        .and_then(|limit| usize::try_from(limit).ok());
    let records = chosen.by_ref().take(limit.unwrap_or(usize::MAX)).cloned().collect();
    // Only an unselected list says how many are left, so only there all of the rest is looked at.
    let left = if filter.is_everything() { usize::MAX } else { 1 };
    let remaining = limit.map(|_| chosen.take(left).count()).filter(|left| *left > 0);
    Ok(Page { records, remaining, revision: snapshot.revision() })
}

/// The state a list is read from.
fn snapshot(call: &Call, token: Option<&Token>) -> Result<Snapshot, Error> {
    let now = call.server.snapshot();
    let requested = call.query.get("resourceVersion");
    let matching = call.query.get("resourceVersionMatch");
    if let Some(token) = token {
        if requested.is_some_and(|version| version != "0") {
            return Err(Error::bad_request("specifying resource version is not allowed when using continue"));
        }
        return match u64::try_from(token.rv) {
            Ok(revision) => now.rewind(&call.kind_key(), revision).map_err(|_| too_old_to_continue(token)),
            Err(_) => Ok(now),
        };
    }
    check_match(requested, matching)?;
    if call.query.is_on("sendInitialEvents") {
        let path = FieldPath::root().child("sendInitialEvents");
        let why = "sendInitialEvents is forbidden for list";
        let error = FieldError::new(FieldErrorKind::Forbidden, path, Value::Null, why);
        return Err(Error::invalid_options("ListOptions", &[error]));
    }
    let Some(requested) = requested else { return Ok(now) };
    let revision = reached(requested, &now)?;
    if matching == Some("Exact") {
        let too_old = |_: Compacted| Error::expired("The resourceVersion for the provided list is too old.");
        return now.rewind(&call.kind_key(), revision).map_err(too_old);
    }
    Ok(now)
}

/// The revision a reader has seen already; 504 if it is still to come.
pub(crate) fn reached(requested: &str, now: &Snapshot) -> Result<u64, Error> {
    let revision: u64 = requested.parse().map_err(|_| bad_version(requested))?;
    if revision > now.revision() {
        return Err(Error::too_large_version(revision, now.revision()));
    }
    Ok(revision)
}

fn bad_version(version: &str) -> Error {
    let path = FieldPath::root().child("resourceVersion");
    let detail = format!("strconv.ParseUint: parsing {version:?}: invalid syntax");
    let error = FieldError::new(FieldErrorKind::Invalid, path, Value::from(version), detail);
    Error::bad_request(format!("invalid resource version: {error}"))
}

fn check_match(requested: Option<&str>, matching: Option<&str>) -> Result<(), Error> {
    let path = FieldPath::root().child("resourceVersionMatch");
    let error = match (matching, requested) {
        (None | Some("NotOlderThan"), Some(_)) | (None, None) => return Ok(()),
        (Some("Exact"), Some("0")) => {
            let detail = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            FieldError::new(FieldErrorKind::Forbidden, path, Value::Null, detail)
        }
        (Some("Exact"), Some(_)) => return Ok(()),
        (Some(_), None) => {
            let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            FieldError::new(FieldErrorKind::Forbidden, path, Value::Null, detail)
        }
        (Some(other), Some(_)) => {
            let detail = "supported values: \"Exact\", \"NotOlderThan\", \"\"";
            FieldError::new(FieldErrorKind::NotSupported, path, Value::from(other), detail)
        }
    };
    Err(Error::invalid_options("ListOptions", &[error]))
}

fn token(revision: u64, last: &ObjectKey) -> String {
    let start = format!("{}/{}\0", last.namespace, last.name);
    encode_token(&Token { version: TOKEN_VERSION.to_owned(), rv: i64::try_from(revision).unwrap_or(i64::MAX), start })
}

fn encode_token(token: &Token) -> String {
    URL_SAFE_NO_PAD.encode(json!(token).to_string())
}

fn parse_token(text: &str) -> Result<Token, Error> {
    let invalid = |why: String| Error::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
    let bytes = LENIENT.decode(text.trim_end_matches('=')).map_err(|error| invalid(in_go(error)))?;
    if let Some(why) = syntax_error(&bytes) {
        return Err(invalid(why));
    }
    let token: Token = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    match token.version.as_str() {
        TOKEN_VERSION if token.rv == 0 => {
            Err(invalid(format!("incorrect encoded start resourceVersion (version {TOKEN_VERSION})")))
        }
        TOKEN_VERSION if token.start.is_empty() => {
            Err(invalid(format!("encoded start key empty (version {TOKEN_VERSION})")))
        }
        TOKEN_VERSION => Ok(token),
        other => Err(invalid(format!("server does not recognize this encoded version {other}"))),
    }
}

/// What Go says of text that is no base64.
fn in_go(error: DecodeError) -> String {
    let at = match error {
        DecodeError::InvalidByte(at, _) => at,
        // The one letter too many is the last.
        DecodeError::InvalidLength(length) => length.saturating_sub(1),
        _ => 0,
    };
    format!("illegal base64 data at input byte {at}")
}

fn start_of(token: &Token) -> (String, String) {
    let key = token.start.trim_end_matches('\0');
    let (namespace, name) = key.split_once('/').unwrap_or(("", key));
    (namespace.to_owned(), name.to_owned())
}

fn too_old_to_continue(token: &Token) -> Error {
    let mut error = Error::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list \
         without the continue parameter, or use the continue token in this response to retrieve the remainder of the \
         results. Continuing with the provided token results in an inconsistent list - objects that were created, \
         modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    );
    error.continue_token =
        Some(encode_token(&Token { version: TOKEN_VERSION.to_owned(), rv: -1, start: token.start.clone() }));
    error
}

/// A list in the form the client wants.
pub(crate) fn render(call: &Call, records: Vec<Arc<Record>>, mut metadata: Value) -> Result<Reply, Error> {
    // Upstream's lists of untyped objects say where they end.
    if call.resource.custom.is_some() && call.accepted.form == Form::Plain && metadata.get("continue").is_none() {
        metadata["continue"] = Value::from("");
    }
    match call.accepted.form {
        Form::Plain if !call.accepted.yaml => Ok(splice::list(call, records, &metadata)),
        Form::Plain => {
            let items = records.iter().map(|record| listed(call, record)).collect();
            Ok(encode_reply(call, 200, &whole(&call.resource.api_version(), &call.resource.list_kind, metadata, items)))
        }
        Form::PartialMetadata { .. } => {
            let items = records.iter().map(|record| partial(&served(call, record))).collect();
            let list = whole("meta.k8s.io/v1", "PartialObjectMetadataList", metadata, items);
            Ok(encode_reply(call, 200, &list))
        }
        Form::Table => {
            let objects: Vec<Value> = records.iter().map(|record| served(call, record)).collect();
            let table = renderer(call)?.table(&objects, metadata, call.server.clock().now());
            Ok(encode_reply(call, 200, &table))
        }
    }
}

/// An item of a list, which of a built-in kind does not say its kind. JSON does say it: clients do not mind, and the
/// bytes can be sent as they are stored.
fn listed(call: &Call, record: &Record) -> Value {
    let mut item = served(call, record);
    if let (None, Some(fields)) = (&call.resource.custom, item.as_object_mut()) {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    item
}

fn whole(api_version: &str, kind: &str, metadata: Value, items: Vec<Value>) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "items": items})
}
