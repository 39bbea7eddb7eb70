//! Who owns which field of an object: server-side apply and the bookkeeping of every other write, in
//! `metadata.managedFields`. The rules are those of structured-merge-diff and of `apimachinery/pkg/util/managedfields`.
//!
//! It must not know how objects are stored or served, nor default, prune or validate them: the caller does that to what
//! [`apply`] gives back. Objects have one shape in all versions of a kind; how they merge may differ.
//!
//! Start at [`apply`] and [`update`].

mod compare;
mod conflict;
mod element;
mod entries;
mod extract;
mod last_applied;
mod merge;
mod pointers;
pub(crate) mod print;
mod prune;
mod reconcile;
mod set;
#[cfg(test)]
mod tests;
mod typed;
mod versions;

use std::sync::LazyLock;

use serde_json::{Map, Value};

pub use conflict::{ApplyError, Conflict};
pub use element::PathElement;
pub use entries::Operation;
pub use extract::TypeError;
pub use pointers::pointers;
pub use set::{FieldSet, FieldsError};
pub(crate) use typed::{Shape, Typed};
pub use versions::Versions;

use crate::{Schema, object};
use compare::Comparison;
use entries::Entry;
use versions::Compared;

/// Owns what an object held before anyone applied to it.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Fields of metadata that nobody owns, as upstream's `stripMetaManager`.
static UNOWNED: LazyLock<FieldSet> = LazyLock::new(|| {
    let metadata = [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    let mut set = FieldSet::of_fields(&[&["apiVersion"], &["kind"], &["metadata"]]);
    for name in metadata {
        set.insert(&[PathElement::field("metadata"), PathElement::field(name)]);
    }
    set
});

/// An object with what a configuration says merged into it, lists by their keys, without a word on who owns what.
#[must_use]
pub fn merged(schema: &Schema, live: &Value, config: &Value) -> Value {
    let mut merged = live.clone();
    merge::merge(Typed::root(schema), &mut merged, config);
    merged
}

/// What everyone who writes an object says about the write.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// The version it writes, such as `apps/v1`.
    pub api_version: &'a str,
    /// The subresource it writes through; empty for the object itself.
    pub subresource: &'a str,
    /// The time of the write.
    pub now: jiff::Timestamp,
    /// Fields that a write through this resource leaves as they are, such as `status` through the resource itself:
    /// they are neither merged nor owned. See [`reset_fields`].
    pub reset: &'a FieldSet,
    /// The versions of the kind, which others may have written in.
    pub versions: Versions<'a>,
}

/// A server-side apply.
#[derive(Clone, Copy, Debug)]
pub struct ApplyRequest<'a> {
    /// The schema of the kind.
    pub schema: &'a Schema,
    /// The object as it is, or `Null` if there is none.
    pub live: &'a Value,
    /// The configuration applied.
    pub applied: &'a Value,
    /// Who applies it.
    pub writer: Writer<'a>,
    /// Whether to take over fields that others own with other values.
    pub force: bool,
}

/// A write other than apply.
#[derive(Clone, Copy, Debug)]
pub struct UpdateRequest<'a> {
    /// The schema of the kind.
    pub schema: &'a Schema,
    /// The object as it is, or `Null` if it is being created.
    pub live: &'a Value,
    /// Who writes.
    pub writer: Writer<'a>,
}

/// The fields that a write through a resource leaves as they are: `status` where it is a subresource of its own, and
/// all but `status` and annotations when written through that.
#[must_use]
pub fn reset_fields(subresource: &str, has_status: bool) -> &'static FieldSet {
    static NONE: FieldSet = FieldSet::EMPTY;
    static STATUS: LazyLock<FieldSet> = LazyLock::new(|| FieldSet::of_fields(&[&["status"]]));
    static SPEC: LazyLock<FieldSet> = LazyLock::new(|| FieldSet::of_fields(&[&["spec"], &["metadata", "labels"]]));
    match subresource {
        "status" => &SPEC,
        "" if has_status => &STATUS,
        _ => &NONE,
    }
}

/// Applies a configuration. Gives back the object to be stored, or one equal to `live` if there is nothing to do.
///
/// Fields that the manager applied before and leaves out now are removed, unless others own them.
///
/// # Errors
/// [`ApplyError::Invalid`] when the configuration does not fit the schema, [`ApplyError::Conflicts`] when others own
/// some of its fields with other values and `force` is not set.
pub fn apply(request: &ApplyRequest<'_>) -> Result<Value, ApplyError> {
    let ApplyRequest { live, applied, writer, .. } = *request;
    let typed = Typed::root(request.schema);
    let set = owned(extract::field_set(typed, applied).map_err(ApplyError::Invalid)?, &writer);
    let mut entries = entries::parse(entries::list_of(live)).ok_or(ApplyError::LiveFields)?;
    let now = timestamp(writer.now);
    if entries.is_empty() {
        entries.extend(before_first_apply(typed, live, &writer, &now));
    }
    reconcile(typed, &mut entries, &writer);
    let mut own =
        take(&mut entries, &Entry::new(writer.manager, Operation::Apply, writer.api_version, writer.subresource));

    let mut merged = without_managed_fields(live);
    merge::merge(typed, &mut merged, &without_reset(applied, writer.reset));
    let known = *own.set() == set;
    if !known {
        let typed = writer.versions.typed(&own, (writer.api_version, typed));
        give_up(typed, (&mut merged, applied), (&own.set(), &set), &entries);
    }

    let version = (writer.versions, (writer.api_version, typed));
    let compared = Compared::new(version, (live, &merged), &entries, |compared| restricted(compared, &writer));
    if !request.force {
        refuse_conflicts(typed, live, &entries, &compared, writer.manager)?;
    }
    last_applied::refresh(writer.manager, &mut merged, applied);
    let changed = !same_but_managed_fields(live, &merged);
    disown(&mut entries, &compared);
    if !known {
        own.replace(set);
    }
    own.api_version = writer.api_version.into();
    if changed {
        own.time = Some(now.as_str().into());
    }
    entries.push(own);
    Ok(with_entries(merged, entries))
}

/// Keeps the books of a write other than apply: gives back `new` with the `managedFields` it has to be stored with.
///
/// A list of the client's own replaces the live one, and `[]` or `[{}]` clears it; one that cannot be read, or none at
/// all, is taken for the live one.
///
/// Call it on what the client asked for, defaulted, and before the server fills in what is its own to decide (allocated
/// addresses, finalizers, initial status): those are owned by nobody.
#[must_use]
pub fn update(request: &UpdateRequest<'_>, mut new: Value) -> Value {
    let UpdateRequest { live, writer, .. } = *request;
    let typed = Typed::root(request.schema);
    let given = take_managed_fields(&mut new);
    let mut entries = given_or_live(&given, live, &writer);
    let exists = !object::uid(live).is_empty();
    if entries.is_empty() && exists {
        return new;
    }
    reconcile(typed, &mut entries, &writer);
    let restrict = |compared| restricted(compared, &writer);
    let all = if live.is_null() {
        let added = compare::created(typed, &new);
        Compared::one(restrict(Comparison { added, ..Comparison::default() }))
    } else {
        Compared::new((writer.versions, (writer.api_version, typed)), (live, &new), &entries, restrict)
    };
    let compared = &all.written;
    if !compared.is_empty() {
        let mut own =
            take(&mut entries, &Entry::new(writer.manager, Operation::Update, writer.api_version, writer.subresource));
        let changed = compared.changed();
        own.replace(own.set().difference(&compared.removed).union(&changed));
        if !changed.is_empty() {
            own.time = Some(timestamp(writer.now).into());
        }
        disown(&mut entries, &all);
        entries.push(own);
        entries::cap(&mut entries);
    }
    with_entries(new, entries)
}

/// Whether two states of an object differ in nothing but the times in `managedFields`; such a write is not worth a new
/// `resourceVersion`.
#[must_use]
pub fn same_but_times(a: &Value, b: &Value) -> bool {
    let timeless = |object: &Value| {
        let mut list = entries::list_of(object).clone();
        for entry in list.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            entry.remove("time");
        }
        list
    };
    same_but_managed_fields(a, b) && timeless(a) == timeless(b)
}

/// A new state whose entries in `managedFields` have the times that they had in `live`, or none: a write through the
/// scale subresource tells no time, as `ScaleHandler.ToParent`.
#[must_use]
pub fn keep_times(live: &Value, mut new: Value) -> Value {
    let taken = take_managed_fields(&mut new);
    let known = entries::parse(entries::list_of(live)).unwrap_or_default();
    let mut entries = entries::parse(&taken).unwrap_or_default();
    for entry in &mut entries {
        let twin = known.iter().find(|known| known.is(entry));
        entry.time = twin.and_then(|twin| twin.time.clone());
    }
    with_entries(new, entries)
}

/// What a manager owns, by name and operation, over all versions and subresources.
#[must_use]
pub fn owned_by(object: &Value, manager: &str, operation: Operation) -> FieldSet {
    let entries = entries::parse(entries::list_of(object)).unwrap_or_default();
    let own = entries.iter().filter(|entry| entry.manager == manager && entry.operation == operation);
    own.fold(FieldSet::new(), |set, entry| set.union(&entry.set()))
}

/// Makes what others own fit the schemas as they are now. Those of built-in kinds do not change.
fn reconcile(typed: Typed<'_>, entries: &mut Vec<Entry<'_>>, writer: &Writer<'_>) {
    if !typed.is_builtin() {
        writer.versions.forget_obsolete(entries);
        reconcile::reconcile(entries, |entry| writer.versions.typed(entry, (writer.api_version, typed)));
    }
}

fn timestamp(now: jiff::Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn owned(set: FieldSet, writer: &Writer<'_>) -> FieldSet {
    let set = set.difference(&UNOWNED);
    if writer.reset.is_empty() { set } else { set.recursive_difference(writer.reset) }
}

fn restricted(compared: Comparison, writer: &Writer<'_>) -> Comparison {
    compared.map(|set| if set.is_empty() { set } else { owned(set, writer) })
}

fn before_first_apply<'a>(typed: Typed<'_>, live: &Value, writer: &Writer<'a>, now: &'a str) -> Option<Entry<'a>> {
    if object::uid(live).is_empty() {
        return None;
    }
    let mut entry = Entry::new(BEFORE_FIRST_APPLY, Operation::Update, writer.api_version, writer.subresource);
    entry.replace(owned(compare::created(typed, live), writer));
    entry.time = Some(now.into());
    Some(entry)
}

fn take<'a>(entries: &mut Vec<Entry<'a>>, identity: &Entry<'a>) -> Entry<'a> {
    match entries.iter().position(|entry| entry.is(identity)) {
        Some(at) => entries.remove(at),
        None => identity.clone(),
    }
}

/// Removes from the merged object what the manager owned before, leaves out now, and nobody else owns.
fn give_up(
    typed: Typed<'_>,
    (merged, config): (&mut Value, &Value),
    (last, set): (&FieldSet, &FieldSet),
    others: &[Entry<'_>],
) {
    // Most applies leave nothing out: then there is nothing to remove, and the others' sets need not be read.
    if last.difference(set).is_empty() {
        return;
    }
    let owned = others.iter().fold(set.clone(), |owned, entry| owned.union(&entry.set()));
    prune::prune(typed, merged, last, prune::Kept { owned: &owned, config: Some(config) });
}

fn refuse_conflicts(
    typed: Typed<'_>,
    live: &Value,
    others: &[Entry<'_>],
    compared: &Compared,
    manager: &str,
) -> Result<(), ApplyError> {
    let of = |entry: &Entry<'_>| {
        let changed = compared.seen_by(entry).changed();
        if changed.is_empty() || !entry.owns_any(&changed) { None } else { Some(entry.set().intersection(&changed)) }
    };
    let mut found: Vec<(&Entry<'_>, FieldSet)> = others.iter().filter_map(|entry| Some((entry, of(entry)?))).collect();
    if !found.is_empty() && manager == last_applied::MANAGER {
        let vouched = last_applied::vouched_for(typed, live);
        found.iter_mut().for_each(|(_, set)| *set = set.difference(&vouched));
    }
    let conflicts: Vec<Conflict> =
        found.iter().flat_map(|(entry, set)| set.paths().into_iter().map(|path| Conflict::new(entry, path))).collect();
    if conflicts.is_empty() { Ok(()) } else { Err(ApplyError::Conflicts(conflicts)) }
}

/// Takes from all entries what was given another value or removed.
fn disown(entries: &mut [Entry<'_>], compared: &Compared) {
    for entry in entries {
        let seen = compared.seen_by(entry);
        if seen.is_empty() {
            continue;
        }
        let lost = seen.changed().union(&seen.removed);
        if entry.owns_any(&lost) {
            entry.replace(entry.set().difference(&lost));
        }
    }
}

fn given_or_live<'a>(given: &'a Value, live: &'a Value, writer: &Writer<'_>) -> Vec<Entry<'a>> {
    let of_live = || entries::parse(entries::list_of(live)).unwrap_or_default();
    // Through a subresource nobody may rewrite the list.
    if !writer.subresource.is_empty() {
        return of_live();
    }
    if entries::is_reset(given) {
        return Vec::new();
    }
    entries::parse(given).filter(|entries| !entries.is_empty()).unwrap_or_else(of_live)
}

fn take_managed_fields(object: &mut Value) -> Value {
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    metadata.and_then(|metadata| metadata.remove("managedFields")).unwrap_or_default()
}

/// A copy of an object but for its list, which may well be the larger part of it.
fn without_managed_fields(object: &Value) -> Value {
    let Value::Object(fields) = object else { return Value::Object(Map::new()) };
    let copy = fields.iter().map(|(name, value)| match value {
        Value::Object(metadata) if name == "metadata" => {
            let kept = metadata.iter().filter(|(name, _)| *name != "managedFields");
            (name.clone(), Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect()))
        }
        value => (name.clone(), value.clone()),
    });
    Value::Object(copy.collect())
}

fn without_reset<'a>(applied: &'a Value, reset: &FieldSet) -> std::borrow::Cow<'a, Value> {
    if reset.nodes().iter().all(|node| !has(applied, node)) {
        return std::borrow::Cow::Borrowed(applied);
    }
    let mut applied = applied.clone();
    remove(&mut applied, reset);
    std::borrow::Cow::Owned(applied)
}

fn has(value: &Value, node: &set::Node) -> bool {
    match &node.element {
        PathElement::Field(name) => value.get(name.as_ref()).is_some(),
        _ => false,
    }
}

fn remove(value: &mut Value, set: &FieldSet) {
    let Value::Object(map) = value else { return };
    for node in set.nodes() {
        let PathElement::Field(name) = &node.element else { continue };
        if node.member {
            map.remove(name.as_ref());
        } else if let Some(child) = map.get_mut(name.as_ref()) {
            remove(child, &node.children);
        }
    }
}

fn same_but_managed_fields(a: &Value, b: &Value) -> bool {
    let (Value::Object(a), Value::Object(b)) = (a, b) else { return a == b };
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|((ak, av), (bk, bv))| ak == bk && (av == bv || ak == "metadata" && same_metadata(av, bv)))
}

fn same_metadata(a: &Value, b: &Value) -> bool {
    fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
        value.as_object().into_iter().flatten().filter(|(name, _)| *name != "managedFields")
    }
    fields(a).eq(fields(b))
}

fn with_entries(mut object: Value, entries: Vec<Entry<'_>>) -> Value {
    let list = entries::encode(entries);
    let metadata = object::metadata_mut(&mut object);
    match list {
        Some(list) => metadata.insert("managedFields".to_owned(), list),
        None => metadata.remove("managedFields"),
    };
    object
}
