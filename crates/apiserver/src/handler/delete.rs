//! `DELETE`: an object or a collection, with preconditions, grace, finalizers and propagation.
//! It must not know the controllers that do the rest: garbage collection and namespace termination.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::clock::format_seconds;
use mainstay_store::Record;
use serde_json::{Value, json};

use crate::admission::{self, AdmissionRequest, Operation};
use crate::call::Call;
use crate::convert::{parse, to_served, to_stored};
use crate::filter::Filter;
use crate::handler::{list, read};
use crate::options::{DeleteOptions, Propagation};
use crate::respond::{Reply, warn};
use crate::strategy::has_generation;
use crate::write::{self, is_ready_to_go};
use crate::{Error, body, crd};

/// Namespaces no one may delete, as `NamespaceLifecycle`.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];
const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";
/// Grace of a pod that does not say: `v1.DefaultTerminationGracePeriodSeconds`.
const POD_GRACE_SECONDS: i64 = 30;

/// What a deletion came to.
enum Outcome {
    /// The object is gone; this was its last state.
    Gone(Value),
    /// It waits for finalizers or its grace period.
    Marked(Value),
}

/// `DELETE` of an object.
pub(crate) async fn delete(call: &Call, bytes: &Bytes) -> Result<Reply, Error> {
    let options = DeleteOptions::parse(call, &read_options(call, bytes)?)?;
    let (outcome, warnings) = delete_named(call, &options).await?;
    let mut reply = match outcome {
        Outcome::Gone(last) if !returns_object(call) => read::encode_reply(call, 200, &success(call, &last)),
        Outcome::Gone(object) | Outcome::Marked(object) => read::object_value(call, 200, &object)?,
    };
    warn(&mut reply, &warnings);
    Ok(reply)
}

/// Deletes an object on the server's own behalf.
pub(crate) async fn delete_object(call: &Call) -> Result<(), Error> {
    delete_named(call, &DeleteOptions::default()).await.map(drop)
}

/// `DELETE` of a collection: answers with what there was.
pub(crate) async fn delete_collection(call: &Call, bytes: &Bytes) -> Result<Reply, Error> {
    let options = DeleteOptions::parse(call, &read_options(call, bytes)?)?;
    let filter = Filter::of(call)?;
    let snapshot = call.server.snapshot();
    let kind = call.kind_key();
    let all = snapshot.list_after(&kind, call.namespace.as_deref(), None);
    let chosen = all.filter(|record| filter.matches(&call.resource, &record.key, &record.bytes));
    let records: Vec<Arc<Record>> = chosen.cloned().collect();
    for record in &records {
        let mut one = call.clone();
        one.name = Some(record.key.name.to_string());
        match delete_named(&one, &options).await {
            Err(error) if error.code != 404 => return Err(error),
            _ => {}
        }
    }
    list::render(call, records, json!({"resourceVersion": snapshot.revision().to_string()}))
}

fn read_options(call: &Call, bytes: &Bytes) -> Result<Value, Error> {
    if bytes.is_empty() { Ok(Value::Null) } else { Ok(body::read(&call.content_type, bytes)?.value) }
}

async fn delete_named(call: &Call, options: &DeleteOptions) -> Result<(Outcome, Vec<String>), Error> {
    let name = call.name_str();
    if is(call, "", "namespaces") && IMMORTAL.contains(&name) {
        return Err(Error::forbidden(&call.resource, name, "this namespace may not be deleted"));
    }
    let found = call.server.snapshot().get(&call.object_key(name)).cloned().ok_or_else(|| call.not_found())?;
    let old = to_served(&call.resource, parse(&found.bytes));
    let request = AdmissionRequest { dry_run: options.dry_run, ..call.admission(Operation::Delete, name, Some(&old)) };
    let warnings = admission::validate(call, request, None).await?;
    if options.dry_run {
        check_preconditions(call, options, &old)?;
        let marked = mark(call, options, &old);
        return Ok((if is_ready_to_go(&marked) { Outcome::Gone(old) } else { Outcome::Marked(marked) }, warnings));
    }
    let result = call.server.store().transact::<_, Error, _>(|tx| {
        let record = tx.get(&call.object_key(name)).ok_or_else(|| call.not_found())?;
        let old = to_served(&call.resource, parse(&record.bytes));
        check_preconditions(call, options, &old)?;
        let marked = mark(call, options, &old);
        if is_ready_to_go(&marked) {
            let mut last = old.clone();
            object::metadata_mut(&mut last)
                .insert("resourceVersion".to_owned(), Value::from(tx.revision().to_string()));
            write::remove(call, tx, &to_stored(&call.resource, old), to_stored(&call.resource, last.clone()))?;
            let last = if is(call, "", "pods") { with_revision(marked, tx.revision()) } else { last };
            return Ok(Outcome::Gone(last));
        }
        if marked == old {
            return Ok(Outcome::Marked(old));
        }
        let mut stored = to_stored(&call.resource, marked);
        write::put(call, tx, &mut stored)?;
        Ok(Outcome::Marked(to_served(&call.resource, stored)))
    });
    Ok((result.await?, warnings))
}

fn with_revision(mut object: Value, revision: u64) -> Value {
    object::metadata_mut(&mut object).insert("resourceVersion".to_owned(), Value::from(revision.to_string()));
    object
}

fn is(call: &Call, group: &str, plural: &str) -> bool {
    &*call.resource.group == group && &*call.resource.plural == plural
}

fn check_preconditions(call: &Call, options: &DeleteOptions, old: &Value) -> Result<(), Error> {
    let known = object::uid(old);
    if let Some(uid) = options.uid.as_deref().filter(|uid| *uid != known) {
        let why = format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({known}). The object might have been deleted and then recreated"
        );
        return Err(Error::precondition(&call.resource, call.name_str(), &why));
    }
    let known = object::resource_version(old).unwrap_or_default();
    if let Some(version) = options.resource_version.as_deref().filter(|version| *version != known) {
        let why = format!(
            "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({known}). The object might have been modified"
        );
        return Err(Error::precondition(&call.resource, call.name_str(), &why));
    }
    Ok(())
}

/// The object marked for deletion, as `rest.BeforeDelete` does.
fn mark(call: &Call, options: &DeleteOptions, old: &Value) -> Value {
    let mut marked = old.clone();
    set_propagation(&mut marked, options.propagation);
    let grace = grace_seconds(call, options, old);
    let known = old.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64);
    let is_first = !object::is_deleting(old);
    if is_first || known.is_some_and(|known| grace < known) {
        let deadline = call.server.clock().now() + Duration::from_secs(u64::try_from(grace).unwrap_or(0));
        let metadata = object::metadata_mut(&mut marked);
        metadata.insert("deletionTimestamp".to_owned(), Value::from(format_seconds(deadline)));
        if !is(call, "", "namespaces") {
            metadata.insert("deletionGracePeriodSeconds".to_owned(), Value::from(grace));
        }
    }
    let is_definition = crd::is_definition(&call.resource);
    if is_first && is_definition {
        crd::begin_deletion(&mut marked, &call.now());
    } else if is_first && has_generation(&call.resource) {
        let next = object::generation(old) + 1;
        object::metadata_mut(&mut marked).insert("generation".to_owned(), Value::from(next));
    }
    if is(call, "", "namespaces") {
        marked["status"]["phase"] = Value::from("Terminating");
    }
    marked
}

/// Only pods that run somewhere are given time.
fn grace_seconds(call: &Call, options: &DeleteOptions, old: &Value) -> i64 {
    if !is(call, "", "pods") {
        return 0;
    }
    let text = |pointer: &str| old.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let runs = !text("/spec/nodeName").is_empty() && !matches!(text("/status/phase"), "Succeeded" | "Failed");
    let own = old.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64);
    if runs { options.grace_seconds.or(own).unwrap_or(POD_GRACE_SECONDS).max(0) } else { 0 }
}

/// Propagation is carried by finalizers, which the garbage collector removes.
fn set_propagation(object: &mut Value, propagation: Option<Propagation>) {
    let Some(propagation) = propagation else { return };
    let mut finalizers: Vec<String> = object::finalizers(object).map(str::to_owned).collect();
    finalizers.retain(|finalizer| finalizer != ORPHAN && finalizer != FOREGROUND);
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => finalizers.push(FOREGROUND.to_owned()),
        Propagation::Orphan => finalizers.push(ORPHAN.to_owned()),
    }
    let metadata = object::metadata_mut(object);
    if finalizers.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers".to_owned(), json!(finalizers));
    }
}

/// Kinds whose deletion answers with the object rather than a status: `ReturnDeletedObject` upstream.
fn returns_object(call: &Call) -> bool {
    let plurals = [
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "podtemplates",
        "resourcequotas",
        "serviceaccounts",
        "services",
    ];
    call.resource.group.is_empty() && plurals.contains(&&*call.resource.plural)
}

fn success(call: &Call, last: &Value) -> Value {
    let resource = &call.resource;
    let mut details = json!({"name": call.name_str(), "kind": &*resource.plural, "uid": object::uid(last)});
    if !resource.group.is_empty() {
        details["group"] = Value::from(&*resource.group);
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
