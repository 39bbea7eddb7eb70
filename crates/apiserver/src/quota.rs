//! Refuses new objects that are over a ResourceQuota of their namespace: upstream's admission plugin `ResourceQuota`.
//! It must not know who keeps `status.used`: what is used is counted in the transaction that stores the object, so
//! that two writers at once can never both take the last place.

use mainstay_apimachinery::quantity::Quantity;
use mainstay_apimachinery::{object, quota};
use mainstay_store::{KindKey, Transaction};
use serde_json::Value;

use crate::Error;
use crate::call::Call;
use crate::convert::parse;

/// Checks a new object against every quota of its namespace.
pub(crate) fn check(call: &Call, tx: &Transaction, new: &Value) -> Result<(), Error> {
    let Some(namespace) = call.namespace.as_deref() else { return Ok(()) };
    let resource = match &*call.resource.group {
        "" => call.resource.plural.to_string(),
        group => format!("{}.{group}", call.resource.plural),
    };
    let quotas = KindKey::new(call.cluster.clone(), "", "resourcequotas");
    for record in tx.list(&quotas, Some(namespace)) {
        let used = |entry: &str| -> Quantity {
            let kind = call.kind_key();
            tx.list(&kind, Some(namespace)).map(|record| quota::usage(entry, &parse(&record.bytes))).sum()
        };
        if let Some(why) = quota::refusal(&parse(&record.bytes), &resource, new, used) {
            return Err(Error::forbidden(&call.resource, object::name(new), &why));
        }
    }
    Ok(())
}
