//! `ResourceQuota`: writes are charged to the quotas of their namespace, in the transaction that stores the object, so
//! that two writers at once can never both take the last place.
//! It must not know who makes `status.used` true again: a controller does. Upstream:
//! `apiserver/pkg/admission/plugin/resourcequota`.

use mainstay_apimachinery::managed_fields::{self, UpdateRequest, Writer};
use mainstay_apimachinery::{GroupVersionKind, builtin, object, quota};
use mainstay_store::{KindKey, Record, Transaction};
use serde_json::Value;

use crate::Error;
use crate::call::Call;
use crate::convert::parse;
use crate::respond::encode_to_keep;

/// The field manager of what the server itself writes.
const MANAGER: &str = "kube-apiserver";

/// Charges a new object, or a changed one by what it adds.
pub(crate) fn charge(call: &Call, tx: &mut Transaction, new: &Value, old: Option<&Value>) -> Result<(), Error> {
    let Some(kind) = kind(call, old) else { return Ok(()) };
    let booked = bookings(call, tx.list(&kind, call.namespace.as_deref()), new, old)?;
    for (mut quota, used) in booked {
        quota = with_used(call, &quota, used);
        object::metadata_mut(&mut quota).insert("resourceVersion".to_owned(), Value::from(tx.revision().to_string()));
        let key = kind.object(call.namespace_str(), object::name(&quota));
        tx.put(key, encode_to_keep(&quota));
    }
    // As upstream, where it is a write of its own, what is booked comes before what it is booked for.
    tx.advance();
    Ok(())
}

/// As [`charge`], for a dry run: nothing is written.
pub(crate) fn check(call: &Call, new: &Value, old: Option<&Value>) -> Result<(), Error> {
    let Some(kind) = kind(call, old) else { return Ok(()) };
    bookings(call, call.server.snapshot().list(&kind, call.namespace.as_deref()), new, old).map(drop)
}

/// Where the quotas are; `None` for writes that cost nothing: of subresources, and updates of all but those whose use
/// can grow.
fn kind(call: &Call, old: Option<&Value>) -> Option<KindKey> {
    let grows =
        || matches!((&*call.resource.group, &*call.resource.plural), ("", "services" | "persistentvolumeclaims"));
    let counts = call.namespace.is_some() && call.subresource.is_none() && (old.is_none() || grows());
    counts.then(|| KindKey::new(call.cluster.clone(), "", "resourcequotas"))
}

fn bookings<'r>(
    call: &Call,
    quotas: impl Iterator<Item = &'r Record>,
    new: &Value,
    old: Option<&Value>,
) -> Result<Vec<(Value, Value)>, Error> {
    let mut booked = Vec::new();
    for record in quotas {
        let quota = parse(&record.bytes);
        let refused = |why: String| Error::forbidden(&call.resource, object::name(new), &why);
        if let Some(used) = quota::charge(&quota, &call.resource.qualified(), new, old).map_err(refused)? {
            booked.push((quota, used));
        }
    }
    Ok(booked)
}

/// The quota with what is used, and the server as owner of it.
fn with_used(call: &Call, quota: &Value, used: Value) -> Value {
    let mut new = quota.clone();
    new["status"]["used"] = used;
    let Some(schema) = builtin::schema(&GroupVersionKind::new("", "v1", "ResourceQuota")) else { return new };
    let writer = Writer {
        manager: MANAGER,
        api_version: "v1",
        subresource: "status",
        now: call.server.clock().now(),
        reset: managed_fields::reset_fields("status", true),
        versions: managed_fields::Versions::default(),
    };
    managed_fields::update(&UpdateRequest { schema: &schema, live: quota, writer }, new)
}
