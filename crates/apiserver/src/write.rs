//! The one way into the store: prepare, default, admit, validate, and put, under optimistic concurrency.
//! It must not know HTTP.

use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath, object};
use mainstay_store::{KindKey, Record, Transaction};
use serde_json::Value;

use crate::admission::{self, Operation, resource_quota};
use crate::call::{Call, needs_conversion};
use crate::convert::{parse, to_served, to_stored};
use crate::options::WriteOptions;
use crate::respond::encode_to_keep;
use crate::{Error, addresses, managers, rbac, strategy, validation};

/// What a write led to.
pub(crate) struct Written {
    /// The object, in the served version.
    pub(crate) object: Value,
    /// What the client is warned of.
    pub(crate) warnings: Vec<String>,
    /// Whether the object is new.
    pub(crate) created: bool,
}

impl Written {
    /// The same, with warnings before its own.
    pub(crate) fn warned(mut self, warnings: &[String]) -> Self {
        self.warnings.splice(0..0, warnings.iter().cloned());
        self
    }
}

/// Suffix length and longest prefix of generated names, as `names.SimpleNameGenerator`.
const SUFFIX_LENGTH: usize = 5;
const MAX_PREFIX_LENGTH: usize = 63 - SUFFIX_LENGTH;

/// How the fields of a new object are owned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// The writer owns what is set.
    Writer,
    /// Server-side apply has already said who owns what.
    Applied,
}

/// Creates an object.
pub(crate) async fn create(
    call: &Call,
    options: &WriteOptions,
    mut object: Value,
    ownership: Ownership,
) -> Result<Written, Error> {
    check_definition(call, &object)?;
    name(call, &mut object)?;
    let name = object::name(&object).to_owned();
    check_namespace_snapshot(call, &name)?;
    strategy::set_defaults(&call.resource, &mut object);
    // As upstream, the writer owns the defaults, but neither what admission nor what the strategy adds.
    if ownership == Ownership::Writer {
        object = managers::update(call, options, None, object);
    }
    let mut warnings = admission::mutate(call, call.admission(Operation::Create, &name, None), &mut object).await?;
    rbac::escalation::check(call, None, &object)?;
    strategy::prepare_create(&call.resource, &mut object, call.server.options().ids.uid(), &call.now());
    validation::check(call, &object, None)?;
    let more = admission::validate(call, call.admission(Operation::Create, &name, None), Some(&object)).await?;
    warnings.extend(more);
    let object = if options.dry_run {
        resource_quota::check(call, &object, None)?;
        check_free(call, call.server.snapshot().get(&call.object_key(&name)), &name)?;
        object
    } else {
        insert(call, object).await?
    };
    Ok(Written { object, warnings, created: true })
}

/// Objects of a definition that is being deleted are only taken away.
fn check_definition(call: &Call, object: &Value) -> Result<(), Error> {
    if call.resource.custom.as_ref().is_some_and(|custom| custom.terminating) {
        let why = "create not allowed while custom resource definition is terminating";
        return Err(Error::forbidden(&call.resource, object::name(object), why));
    }
    Ok(())
}

fn name(call: &Call, object: &mut Value) -> Result<(), Error> {
    if !object::name(object).is_empty() {
        return Ok(());
    }
    let prefix = object.pointer("/metadata/generateName").and_then(Value::as_str).unwrap_or_default();
    if prefix.is_empty() {
        let path = FieldPath::root().child("metadata").child("name");
        let error = FieldError::new(FieldErrorKind::Required, path, Value::Null, "name or generateName is required");
        return Err(Error::invalid(&call.resource, "", &[error]));
    }
    let prefix: String = prefix.chars().take(MAX_PREFIX_LENGTH).collect();
    let name = format!("{prefix}{}", call.server.options().ids.suffix(SUFFIX_LENGTH));
    object::metadata_mut(object).insert("name".to_owned(), Value::from(name));
    Ok(())
}

async fn insert(call: &Call, object: Value) -> Result<Value, Error> {
    let name = object::name(&object).to_owned();
    let key = call.object_key(&name);
    let result = call.server.store().transact(|tx| {
        check_namespace(call, tx.get(&namespace_key(call)), &name)?;
        let mut stored = to_stored(&call.resource, object);
        resource_quota::charge(call, tx, &stored, None)?;
        check_free(call, tx.get(&key), &name)?;
        side_effects(call, tx, None, Some(&mut stored))?;
        put(call, tx, &mut stored)?;
        Ok(to_served(&call.resource, stored))
    });
    settle(call, result.await)
}

fn check_free(call: &Call, existing: Option<&Record>, name: &str) -> Result<(), Error> {
    let Some(record) = existing else { return Ok(()) };
    Err(Error::already_exists(&call.resource, name, object::is_deleting(&parse(&record.bytes))))
}

fn namespace_key(call: &Call) -> mainstay_store::ObjectKey {
    KindKey::new(call.cluster.clone(), "", "namespaces").object("", call.namespace_str())
}

fn check_namespace_snapshot(call: &Call, name: &str) -> Result<(), Error> {
    check_namespace(call, call.server.snapshot().get(&namespace_key(call)), name)
}

/// As the admission plugin `NamespaceLifecycle`.
fn check_namespace(call: &Call, namespace: Option<&Record>, name: &str) -> Result<(), Error> {
    let Some(wanted) = &call.namespace else { return Ok(()) };
    let record = namespace.ok_or_else(|| Error::no_namespace(wanted))?;
    // Looking for the word first spares a parse on every create.
    let marker = b"\"deletionTimestamp\"";
    let marked = record.bytes.windows(marker.len()).any(|window| window == marker);
    if marked && object::is_deleting(&parse(&record.bytes)) {
        return Err(Error::namespace_terminating(&call.resource, name, wanted));
    }
    Ok(())
}

/// What an update makes of the current object.
pub(crate) struct Desired {
    pub(crate) object: Value,
    pub(crate) warnings: Vec<String>,
    pub(crate) ownership: Ownership,
}

/// Outcome of one attempt to change an object.
enum Attempt {
    Done(Value),
    /// The object changed meanwhile; this is its state.
    Changed(Record),
}

/// Times a change is worked out anew because the object changed meanwhile, before the client is told to. Each
/// failure means that another write succeeded, so even under contention one of the writers is always done.
const MAX_ATTEMPTS: usize = 64;

/// Changes an object: `desire` says what the current one should become and may run several times.
pub(crate) async fn change(
    call: &Call,
    options: &WriteOptions,
    desire: impl Fn(&Value) -> Result<Desired, Error>,
) -> Result<Written, Error> {
    let found = call.server.snapshot().get(&call.object_key(call.name_str())).cloned();
    let mut record = found.ok_or_else(|| call.not_found())?;
    for _ in 0..MAX_ATTEMPTS {
        let old = to_served(&call.resource, parse(&record.bytes));
        let desired = desire(&old)?;
        let warnings = desired.warnings;
        let (new, more) = finish(call, options, &old, (desired.object, desired.ownership)).await?;
        let warnings = warnings.into_iter().chain(more).collect();
        if options.dry_run || (same(&old, &new) && !is_ready_to_go(&new)) {
            return Ok(Written { object: new, warnings, created: false });
        }
        match replace(call, &record, &old, new).await? {
            Attempt::Done(object) => return Ok(Written { object, warnings, created: false }),
            Attempt::Changed(now) => record = now,
        }
    }
    Err(Error::modified(&call.resource, call.name_str()))
}

/// From what is desired to what is written.
async fn finish(
    call: &Call,
    options: &WriteOptions,
    old: &Value,
    (mut new, ownership): (Value, Ownership),
) -> Result<(Value, Vec<String>), Error> {
    check_identity(call, old, &new)?;
    // An empty list says that it shall be cleared; defaulting would drop it like any other.
    let managers = object::metadata_mut(&mut new).remove("managedFields");
    strategy::set_defaults(&call.resource, &mut new);
    managers
        .into_iter()
        .for_each(|managers| drop(object::metadata_mut(&mut new).insert("managedFields".to_owned(), managers)));
    if ownership == Ownership::Writer {
        new = managers::update(call, options, Some(old), new);
    }
    let name = object::name(old).to_owned();
    let mut warnings = admission::mutate(call, call.admission(Operation::Update, &name, Some(old)), &mut new).await?;
    strategy::prepare_update(&call.resource, old, &mut new, call.subresource_str());
    if same(old, &new) {
        return Ok((old.clone(), Vec::new()));
    }
    rbac::escalation::check(call, Some(old), &new)?;
    validation::check(call, &new, Some(old))?;
    let more = admission::validate(call, call.admission(Operation::Update, &name, Some(old)), Some(&new)).await?;
    warnings.extend(more);
    if options.dry_run {
        resource_quota::check(call, &new, Some(old))?;
    }
    Ok((new, warnings))
}

/// The object must be the one the writer means, in the state the writer knows.
fn check_identity(call: &Call, old: &Value, new: &Value) -> Result<(), Error> {
    let (resource, name) = (&call.resource, call.name_str());
    let (given, known) = (object::uid(new), object::uid(old));
    if !given.is_empty() && given != known {
        return Err(Error::conflict(resource, name, &wrong_uid(call, given, known)));
    }
    match object::resource_version(new) {
        Some(version) if version.parse::<u64>().is_err() => {
            Err(Error::unclassified(format!("strconv.ParseUint: parsing {version:?}: invalid syntax")))
        }
        Some(version) if Some(version) != object::resource_version(old) && version != "0" => {
            Err(Error::modified(resource, name))
        }
        _ => Ok(()),
    }
}

/// As the storage layer of upstream words it, with the key the object would have in etcd.
fn wrong_uid(call: &Call, given: &str, known: &str) -> String {
    let resource = &call.resource;
    let group = if resource.custom.is_some() { format!("{}/", resource.group) } else { String::new() };
    let namespace = call.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    let key = format!("/registry/{group}{}/{namespace}{}", resource.plural, call.name_str());
    let why = format!("Precondition failed: UID in precondition: {given}, UID in object meta: {known}");
    format!("StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: {why}")
}

/// Whether two states differ in nothing but the times of their managed fields.
fn same(old: &Value, new: &Value) -> bool {
    old == new || (managers::same_but_times(old, new))
}

/// Whether an object that is being deleted has nothing left to wait for.
pub(crate) fn is_ready_to_go(object: &Value) -> bool {
    let grace = object.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
    let held = object.get("kind").is_some_and(|kind| kind == "Namespace")
        && object.pointer("/spec/finalizers").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    object::is_deleting(object) && grace == 0 && object::finalizers(object).next().is_none() && !held
}

async fn replace(call: &Call, read: &Record, old: &Value, new: Value) -> Result<Attempt, Error> {
    let key = call.object_key(call.name_str());
    let goes = is_ready_to_go(&new);
    let result = call.server.store().transact(|tx| {
        let current = tx.get(&key).ok_or_else(|| call.not_found())?;
        if current.revision != read.revision {
            return Ok(Attempt::Changed(current.clone()));
        }
        let before = needs_conversion(&call.resource).then(|| to_stored(&call.resource, old.clone()));
        let before = before.as_ref().unwrap_or(old);
        let mut stored = to_stored(&call.resource, new);
        if goes {
            // Who watches sees the state that was there, as upstream's storage deletes it, not the one never written.
            remove(call, tx, before, before.clone())?;
            return Ok(Attempt::Done(to_served(&call.resource, stored)));
        }
        resource_quota::charge(call, tx, &stored, Some(before))?;
        side_effects(call, tx, Some(before), Some(&mut stored))?;
        put(call, tx, &mut stored)?;
        Ok(Attempt::Done(to_served(&call.resource, stored)))
    });
    settle(call, result.await)
}

/// Puts an object with the revision of this transaction in it.
pub(crate) fn put(call: &Call, tx: &mut Transaction, stored: &mut Value) -> Result<(), Error> {
    object::metadata_mut(stored).insert("resourceVersion".to_owned(), Value::from(tx.revision().to_string()));
    let bytes = encode_to_keep(stored);
    tx.put(call.object_key(object::name(stored)), bytes);
    if is_definition(call) {
        call.server.registry().publish(&call.cluster, stored);
    }
    Ok(())
}

/// Deletes an object for good; `last` is its last state.
pub(crate) fn remove(call: &Call, tx: &mut Transaction, old: &Value, mut last: Value) -> Result<(), Error> {
    object::metadata_mut(&mut last).insert("resourceVersion".to_owned(), Value::from(tx.revision().to_string()));
    side_effects(call, tx, Some(old), None)?;
    tx.delete(call.object_key(object::name(old)), encode_to_keep(&last));
    if is_definition(call) {
        call.server.registry().remove(&call.cluster, old);
    }
    Ok(())
}

/// What else a write of some kinds does, in the same transaction.
fn side_effects(call: &Call, tx: &mut Transaction, old: Option<&Value>, new: Option<&mut Value>) -> Result<(), Error> {
    match (&*call.resource.group, &*call.resource.plural) {
        ("", "services") => service_addresses(call, tx, old, new),
        ("rbac.authorization.k8s.io", "clusterroles") => {
            rbac::aggregation::gather(tx, (&call.cluster, &call.now()), old, new)
        }
        _ => Ok(()),
    }
}

fn service_addresses(
    call: &Call,
    tx: &mut Transaction,
    old: Option<&Value>,
    new: Option<&mut Value>,
) -> Result<(), Error> {
    let Some(new) = new else {
        old.into_iter().for_each(|old| addresses::release(tx, &call.cluster, old, None));
        return Ok(());
    };
    let allocated = addresses::allocate(tx, &call.cluster, new);
    allocated.map_err(|error| Error::invalid(&call.resource, object::name(new), &[error]))?;
    old.into_iter().for_each(|old| addresses::release(tx, &call.cluster, old, Some(new)));
    Ok(())
}

fn is_definition(call: &Call) -> bool {
    &*call.resource.plural == "customresourcedefinitions" && &*call.resource.group == "apiextensions.k8s.io"
}

/// Definitions are served from within the transaction, so that whoever sees one can use it. If that turned out not
/// to be durable, what is served goes back to what is stored.
fn settle<T>(call: &Call, result: Result<T, Error>) -> Result<T, Error> {
    if result.is_err() && is_definition(call) {
        let snapshot = call.server.snapshot();
        let kind = call.kind_key();
        let stored: Vec<Value> = snapshot.list(&kind, None).map(|record| parse(&record.bytes)).collect();
        call.server.registry().reload(&call.cluster, &stored);
    }
    result
}
